"""Rounding is unbiased, moves no weight by a word or more, and balances within a unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipemu.errors import InputError
from chipemu.learning.experiment import learn
from chipemu.learning.rules import HostRule, round_trains, round_units
from chipemu.learning.settings import Settings

K = 10
WEIGHTS = arrays(float, (2 * K, 3), elements=st.floats(-7, 7, allow_nan=False))


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, st.integers(0, 2**32))
def test_every_weight_becomes_a_neighbouring_whole_number(weights, seed):
    rounded = round_units(weights, K, np.random.default_rng(seed))
    assert (rounded == np.rint(rounded)).all()
    assert (np.abs(rounded - weights) < 1 + 1e-9).all()


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, st.integers(0, 2**32))
def test_the_sum_of_a_unit_is_off_by_less_than_a_word(weights, seed):
    rounded = round_units(weights, K, np.random.default_rng(seed))
    change = (rounded - weights).reshape(2, K, 3).sum(axis=1)
    assert (np.abs(change) < 1 + 1e-9).all()


@given(st.integers(1, 12), st.floats(-7, 7, allow_nan=False))
def test_trains_of_one_source_add_up_to_the_nearest_whole_number(n, weight):
    rounded = round_trains(np.full((2, n), weight), n)
    assert (np.abs(rounded - weight) < 1).all()
    assert (np.abs(rounded.sum(-1) - n * weight) <= 0.5 + 1e-9).all()


def test_a_source_of_one_train_is_rounded_to_the_nearest():
    weights = np.random.default_rng(0).uniform(-15, 15, (3, 50))
    np.testing.assert_array_equal(round_trains(weights, 1), np.rint(weights))


def test_another_rounding_is_refused():
    with pytest.raises(InputError, match="'nearest'; allowed independent or balanced"):
        learn(Settings("binary", where="host", without=("calibration",), host=HostRule(rounding="nearest")))


def test_whole_weights_stay():
    whole = np.arange(-10.0, 10.0)[:, None]
    np.testing.assert_array_equal(round_units(whole, K, np.random.default_rng(0)), whole)


def test_the_mean_of_many_roundings_is_the_weight():
    weights = np.random.default_rng(1).uniform(-2, 2, (K, 2))
    rng = np.random.default_rng(2)
    mean = np.mean([round_units(weights, K, rng) for _ in range(4000)], axis=0)
    # a rounding has a standard deviation of at most 0.5: standard error 0.008
    assert mean == pytest.approx(weights, abs=0.04)
