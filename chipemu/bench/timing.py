"""CPU seconds of calls in this process: a warm-up, then repeats taken in turn, so that a busy moment hits all alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numba
import numpy as np


def cpu_seconds(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """CPU seconds of every call, (repeat,), of all threads together.

    Parameters
    ----------
    calls : what is timed, by name
    repeats : how often, after one call that is not timed

    Examples
    --------
    >>> cpu_seconds({"nothing": lambda: None}, 3)["nothing"].shape
    (3,)
    """
    return _seconds(calls, repeats, time.process_time)


def wall_seconds(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """As :func:`cpu_seconds`, by the clock on the wall."""
    return _seconds(calls, repeats, time.perf_counter)


def _seconds(calls, repeats, clock):
    taken = {name: np.empty(repeats) for name in calls}
    for call in calls.values():
        call()
    for repeat in range(repeats):
        for name, call in calls.items():
            start = clock()
            call()
            taken[name][repeat] = clock() - start
    return taken


def median_ratio(above: np.ndarray, below: np.ndarray) -> float:
    """Median of the ratios of calls that were made one after the other."""
    return float(np.median(above / below))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let kernels use ``n`` threads, at most those that there are, inside a ``with`` block."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        numba.set_num_threads(before)
