"""Spike trains: exact counts on the grid, rates that hold, and events that are checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu.errors import InputError
from chipemu.stimulus import EventList, poisson, regular, steps

DT = 1e-4


@given(st.sampled_from([1, 2, 5, 10, 20, 25, 40, 50, 80, 100, 125, 200, 250, 400, 500, 1000]), st.integers(1, 20))
def test_a_train_that_fits_the_grid_stays_on_it(rate, tenths):
    # rates whose interval is a whole number of steps: 0.1 s of 100 Hz is 10 spikes, not 11
    events = regular([float(rate)], tenths * 0.1, DT, phase=[0.0])
    interval = 10_000 // rate
    assert np.array_equal(events.step, np.arange(0, tenths * 1000, interval))


@given(st.floats(0.5, 2000), st.floats(0, 0.999))
def test_a_regular_train_keeps_its_rate(rate, phase):
    events = regular([rate], 2.0, DT, phase=[phase])
    assert abs(len(events.step) - (2.0 * rate - phase)) <= 1
    if len(events.step) > 1:
        gaps = np.diff(events.step)
        assert gaps.max() - gaps.min() <= 1
        assert abs(events.step[0] - phase / (rate * DT)) <= 1


def test_two_calls_are_one_for_an_aligned_train():
    whole = regular([200.0, 50.0], 0.2, DT, phase=[0.0, 0.0])
    half = regular([200.0, 50.0], 0.1, DT, phase=[0.0, 0.0])
    assert np.array_equal(whole.step, np.concatenate([half.step, half.step + 1000]))
    assert np.array_equal(whole.source, np.concatenate([half.source, half.source]))


def test_equal_rates_do_not_coincide_by_default():
    events = regular(np.full(10, 100.0), 0.05, DT)
    assert len(np.unique(events.step)) == len(events.step)


def test_runs_are_sorted_and_apart():
    events = regular([[100.0, 0.0], [50.0, 200.0]], 0.1, DT)
    assert list(np.diff(events.offset)) == [10, 25]
    for run in range(2):
        assert np.all(np.diff(events.step[events.offset[run] : events.offset[run + 1]]) >= 0)
    assert np.all(events.source[: events.offset[1]] == 0)


def test_silence_has_no_events():
    assert len(regular([0.0, 0.0], 1.0, DT).step) == 0
    assert len(poisson([0.0], 1.0, DT, seed=1).step) == 0


def test_poisson_counts_have_the_variance_of_their_mean():
    events = poisson([100.0], 200.0, DT, seed=3)
    counts = np.bincount(events.step // 1000, minlength=2000)
    assert counts.mean() == pytest.approx(10, rel=4 / np.sqrt(20_000))
    # a spike a step at most: the variance is that of a binomial
    assert counts.var() / counts.mean() == pytest.approx(1 - 0.01, rel=4 * np.sqrt(2 / 2000))


def test_poisson_intervals_forget():
    gaps = np.diff(poisson([50.0], 200.0, DT, seed=5).step)
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 4 / np.sqrt(len(gaps))


def test_poisson_is_keyed_by_seed_source_and_time():
    whole = poisson([80.0, 80.0], 1.0, DT, seed=1)
    late = poisson([80.0, 80.0], 0.5, DT, seed=1, first_step=5000)
    kept = whole.step >= 5000
    assert np.array_equal(whole.step[kept] - 5000, late.step)
    assert np.array_equal(whole.source[kept], late.source)
    assert not np.array_equal(whole.step, poisson([80.0, 80.0], 1.0, DT, seed=2).step)
    one = poisson([80.0], 1.0, DT, seed=1)
    assert np.array_equal(one.step, whole.step[whole.source == 0])


def test_events_by_hand_are_sorted_and_repeated():
    events = EventList(np.array([2e-3, 1e-3, 2e-3]), np.array([1, 0, 0])).events(2, 0.01, DT, 2)
    assert list(events.step) == [10, 20, 20] * 2
    assert list(events.source) == [0, 0, 1] * 2
    assert list(events.offset) == [0, 3, 6]


@pytest.mark.parametrize("k", [1, 3, 7, 29, 57, 999])
def test_a_time_on_the_grid_is_its_step(k):
    assert EventList(np.array([k * DT]), np.array([0])).events(1, 0.1, DT, 1).step[0] == k


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: steps(0.00015, DT), "duration 150 us is not a positive whole number of steps of 100 us"),
        (lambda: steps(-1.0, DT), "not a positive whole number of steps"),
        (lambda: steps(float("nan"), DT), "not a positive whole number of steps"),
        (lambda: regular([-1.0], 1.0, DT), "allowed 0 to 10000 Hz (1/dt)"),
        (lambda: poisson([20_000.0], 1.0, DT, seed=1), "allowed 0 to 10000 Hz (1/dt)"),
        (lambda: regular([float("nan")], 1.0, DT), "allowed 0 to 10000 Hz"),
        (
            lambda: EventList([0.5], [0]).events(1, 0.1, DT, 1),
            "event times run from 0.5 s to 0.5 s; allowed 0 to 0.1 s",
        ),
        (lambda: EventList([0.05], [3]).events(1, 0.1, DT, 2), "event sources run from 3 to 3; allowed 0 to 1"),
        (lambda: EventList([0.05, 0.06], [0]).events(1, 0.1, DT, 2), "give two equal lists"),
    ],
)
def test_bad_trains_are_refused(call, message):
    with pytest.raises(InputError) as caught:
        call()
    assert message in str(caught.value)
