"""Threads that let the runs of one call go on side by side.

A run is taken up in portions, by whichever thread is free, and always the one that has most left: so five dies keep two
threads busy to the end (longest remaining first is optimal but for the last portion, McNaughton 1959).  Portions of
one run follow each other, and runs share nothing, so that who does what leaves no trace in a result.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Condition, Lock

import numba
import numpy as np

_PORTIONS = 8  # of a run that is divided
_one_team = Lock()  # two at once could each hold threads that the other waits for


def n_threads() -> int:
    """Threads that a call may use: ``numba.set_num_threads``, or ``NUMBA_NUM_THREADS`` in the environment."""
    return int(numba.get_num_threads())


class _Portions:
    """What is left of every run; threads take from it and hand back."""

    def __init__(self, n_runs: int, length: int):
        self._done = np.zeros(n_runs, np.int64)
        self._length, self._portion = length, -(-length // _PORTIONS)
        self._busy = np.zeros(n_runs, bool)
        self._changed = Condition()

    def take(self) -> tuple[int, int, int] | None:
        """Run, first place and place after the last of the next portion; None if there is nothing more to do."""
        with self._changed:
            while True:
                left = np.where(self._busy, 0, self._length - self._done)
                run = int(left.argmax()) if left.size else 0
                if left.size and left[run] > 0:
                    self._busy[run] = True
                    first = int(self._done[run])
                    return run, first, min(first + self._portion, self._length)
                if not self._busy.any() or self._done[self._busy].min() + self._portion >= self._length:
                    return None  # what others are at is the last of it
                self._changed.wait()

    def give_back(self, run: int, done: int) -> None:
        """The portion up to ``done`` is done."""
        with self._changed:
            self._busy[run], self._done[run] = False, done
            self._changed.notify_all()


@cache
def _helpers(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="chipemu")


def _call_all(work: Callable[[int], None], n: int) -> None:
    # the calling thread is the first worker; a failure of any is raised when all are done
    others = [_helpers(n - 1).submit(work, worker) for worker in range(1, n)]
    try:
        work(0)
    finally:
        for other in others:
            other.result()


def share(work: Callable[[int, int, int, int], None], n_runs: int, length: int) -> None:
    """Do all of every run's work on as many threads as are allowed.

    Parameters
    ----------
    work : called as ``work(worker, run, first, after)`` for a portion of one run; it lets go of Python's lock
    n_runs : number of runs
    length : places of each run's work; one that has a single place is not divided

    Examples
    --------
    >>> done = np.zeros((3, 20), int)
    >>> def work(worker, run, first, after):
    ...     done[run, first:after] += 1
    >>> share(work, 3, 20)
    >>> bool((done == 1).all())
    True
    """
    workers = min(n_threads(), n_runs)
    if workers < 2:
        for run in range(n_runs):
            work(0, run, 0, length)
        return
    portions = _Portions(n_runs, length)

    def labour(worker: int) -> None:
        while (portion := portions.take()) is not None:
            run, first, after = portion
            try:
                work(worker, run, first, after)
            finally:
                portions.give_back(run, after)

    _call_all(labour, workers)


def side_by_side(work: Callable[[int], None], n: int) -> None:
    """Call ``work(worker)`` for ``n`` workers that wait for one another, each on a thread of its own.

    Examples
    --------
    >>> from threading import Barrier
    >>> both = Barrier(2)
    >>> side_by_side(lambda worker: print(both.wait() in (0, 1)) or None, 2)
    True
    True
    """
    with _one_team:
        _call_all(work, n)
