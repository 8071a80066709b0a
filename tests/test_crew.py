"""Work on runs is done once, in order, by as many threads as are allowed."""

import threading
import time

import numba
import numpy as np
import pytest

from chipemu.crew import share

two_threads = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")


@pytest.mark.parametrize(("n_runs", "length"), [(1, 1), (1, 30), (2, 1), (5, 1), (5, 7), (5, 8), (3, 100), (0, 4)])
def test_every_place_of_every_run_is_done_once_and_in_order(n_runs, length):
    places = [[] for _ in range(n_runs)]

    def work(worker, run, first, after):
        time.sleep(0.0005 * (run + 1))
        places[run] += range(first, after)

    share(work, n_runs, length)
    assert places == [list(range(length))] * n_runs


@two_threads
def test_two_runs_go_side_by_side():
    both = threading.Barrier(2, timeout=20)
    share(lambda worker, run, first, after: both.wait(), 2, 1)
    assert not both.broken


@two_threads
def test_threads_finish_together_though_runs_are_odd_in_number():
    share_of = np.zeros(2)

    def work(worker, run, first, after):
        time.sleep(0.005 * (after - first))
        share_of[worker] += after - first

    share(work, 5, 16)
    assert share_of.sum() == 5 * 16
    assert share_of.min() > 0.4 * share_of.sum()  # whole runs would divide 3 to 2


@two_threads
@pytest.mark.parametrize("failing", range(3))
def test_a_failure_of_any_thread_is_raised(failing):
    def work(worker, run, first, after):
        if run == failing:
            raise ValueError(f"run {run}")

    with pytest.raises(ValueError, match=f"run {failing}"):
        share(work, 3, 10)
    share(lambda worker, run, first, after: None, 3, 10)  # and the threads are still there
