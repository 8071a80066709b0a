"""Worker processes for the units of a study: one unit at a time each, none of which can take the others down."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process

from chipemu.study.attempt import Job, give_up, run_unit
from chipemu.study.folder import SHARD_FOLDER
from chipemu.study.plan import Unit

# Read by Numba and by the linear-algebra libraries when they are imported; nothing else keeps two workers on two cores
# from running two threads each.
THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
MAX_ATTEMPTS = 2


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    units: Sequence[Unit], job: Job, workers: int, warm_up: Callable[[], None] | None = None
) -> Iterator[tuple[Unit, int]]:
    """Run units in worker processes.

    Parameters
    ----------
    units : sequence of Unit
        Begun in this order.
    job : Job
        What they have in common.
    workers : int
        Number of processes; the cores are shared out among them.
    warm_up : callable, optional
        Run in the first process before the others begin, to fill the cache of compiled kernels.

    Yields
    ------
    (Unit, int)
        A unit whose shard is written, and how many of its runs failed. A unit that takes its process down twice is
        written as failed.

    Raises
    ------
    OSError
        If a shard cannot be written.
    """
    left = deque(units)
    lanes = [_Lane(max(1, n_cores() // workers), job) for _ in range(min(workers, len(units)))]
    try:
        if warm_up is not None and len(lanes) > 1:
            lanes[0].do(warm_up)
        running = {lane.begin(left.popleft()): lane for lane in lanes if left}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                lane = running.pop(future)
                outcome = lane.outcome(future)
                if outcome is None:
                    running[lane.again()] = lane
                    continue
                yield lane.unit, outcome
                if left:
                    running[lane.begin(left.popleft())] = lane
    except BaseException:
        for lane in lanes:
            lane.kill()
        raise
    finally:
        for lane in lanes:
            lane.close()


class _Lane:
    """One process with its own executor, so that a process that dies names the unit it died of.

    A pool of several reports all units in flight as broken, whoever is to blame.
    """

    def __init__(self, threads: int, job: Job):
        self.threads, self.job = threads, job
        self.unit: Unit | None = None
        self.attempts = 0
        self._start()

    def _start(self) -> None:
        self._executor = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_begin, initargs=(self.job,)
        )
        with _environment(dict.fromkeys(THREAD_VARIABLES, str(self.threads))):
            self._process = self._executor.submit(os.getpid)

    def do(self, action: Callable[[], None]) -> None:
        """Wait for something whose failure shows again where it matters."""
        try:
            failure = self._executor.submit(action).exception()
        except BrokenProcessPool as error:  # it died before
            failure = error
        if isinstance(failure, BrokenProcessPool):
            self.close()
            self._start()

    def begin(self, unit: Unit) -> Future:
        """Start on a unit."""
        self.unit, self.attempts = unit, 0
        return self._submit()

    def again(self) -> Future:
        """Try the same unit in a new process."""
        self.close()
        self._start()
        return self._submit()

    def _submit(self) -> Future:
        self.attempts += 1
        try:
            return self._executor.submit(_run, self.unit, self.job)
        except BrokenProcessPool as error:  # it died between two units
            broken: Future = Future()
            broken.set_exception(error)
            return broken

    def outcome(self, future: Future) -> int | None:
        """Number of failed runs; none if the process died and the unit deserves another attempt."""
        try:
            n_failed, notes = future.result()
        except BrokenProcessPool:
            if self.attempts < MAX_ATTEMPTS:
                return None
            return self._give_up()
        for note in notes:
            warnings.warn_explicit(*note)
        return n_failed

    def _give_up(self) -> int:
        self.close()
        self._start()
        reason = (
            f"the worker process died {MAX_ATTEMPTS} times, as it does when memory is exhausted. "
            f"Use fewer workers; to try again, delete {SHARD_FOLDER}/{self.unit.shard} and resume"
        )
        return give_up(self.unit, self.job, reason)

    def kill(self) -> None:
        """End the process now, whatever it is doing."""
        if self._process.done() and not self._process.cancelled() and self._process.exception() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.result(), signal.SIGTERM)

    def close(self) -> None:
        """Let the process end."""
        self._executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that start inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(job: Job) -> None:
    """First thing a worker does. Its argument is there to be imported while the first worker compiles."""
    # Ctrl-C reaches the whole group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _run(unit: Unit, job: Job) -> tuple[int, list[tuple]]:
    """Run a unit in a worker; its warnings travel to the parent, which shows each kind once for all workers."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        n_failed = run_unit(unit, job)
    return n_failed, [(str(note.message), note.category, note.filename, note.lineno) for note in seen]


def _end_with_parent() -> None:
    # A worker holds both ends of its own queue and would wait for ever for a parent that was killed.
    connection.wait([parent_process().sentinel])
    os._exit(1)
