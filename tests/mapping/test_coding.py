"""Weight coding: the laws of `fit_words` on random rows, and what each policy takes away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chipemu.errors import InputError, UnknownNameError
from chipemu.mapping import fit_words
from chipemu.mapping.coding import fit_sources

ROWS = hnp.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(0, 8)), elements=st.integers(-90, 90))
POLICIES = st.sampled_from(["greedy", "uniform"])


def fit(words, budget, policy, seed=0):
    return fit_words(words, budget, policy, np.random.default_rng(seed))


@given(ROWS, st.integers(0, 100), POLICIES, st.integers(0, 5))
def test_budget_is_used_up_and_never_exceeded(words, budget, policy, seed):
    fitted, clipped = fit(words, budget, policy, seed)
    total = np.abs(words).sum(axis=1)
    assert np.abs(fitted).sum(axis=1).tolist() == np.minimum(total, budget).tolist()
    assert clipped.tolist() == np.maximum(total - budget, 0).tolist()


@given(ROWS, st.integers(0, 100), POLICIES, st.integers(0, 5))
def test_no_sign_flips_and_no_weight_grows(words, budget, policy, seed):
    fitted, _ = fit(words, budget, policy, seed)
    assert (fitted * words >= 0).all()
    assert (np.abs(fitted) <= np.abs(words)).all()


@given(ROWS, POLICIES)
def test_rows_that_fit_exactly_come_back_unchanged(words, policy):
    fitted, clipped = fit_words(words, np.abs(words).sum(axis=1), policy)
    assert fitted is words
    assert not clipped.any()


def test_greedy_serves_the_largest_first_and_equal_ones_in_order():
    fitted, clipped = fit_words(np.array([[3, -9, 3, 1]]), 14, "greedy")
    assert fitted.tolist() == [[3, -9, 2, 0]]
    assert clipped.tolist() == [2]


def test_uniform_takes_every_word_with_equal_chance():
    # 10 of 16 words stay, so each synapse keeps 10/16 of its words on average; standard error 0.02 words.
    rows = np.tile([8, -4, 3, 1], (4000, 1))
    fitted, _ = fit_words(rows, 10, "uniform", np.random.default_rng(0))
    assert np.abs(fitted).mean(axis=0) == pytest.approx(np.array([8, 4, 3, 1]) * 10 / 16, abs=0.1)


def test_uniform_draws_words_independently():
    # Variance of the hypergeometric law n K/N (1 - K/N) (N - n)/(N - 1) for N = 16 words, K = 8, n = 10 kept.
    fitted, _ = fit_words(np.tile([8, 8], (4000, 1)), 10, "uniform", np.random.default_rng(0))
    assert fitted[:, 0].var() == pytest.approx(10 * 0.25 * 6 / 15, rel=0.1)


def test_a_row_depends_on_its_own_number_only():
    rows, numbers = np.full((3, 4), 20), np.array([0.1, 0.7, 0.3])
    together, _ = fit_words(rows, 30, "uniform", numbers)
    for row in range(3):
        alone, _ = fit_words(rows[:1], 30, "uniform", numbers[row : row + 1])
        assert alone.tolist() == together[row : row + 1].tolist()


def test_float_weights_use_one_word_each():
    weights = np.array([[0.5, -2.0, 0.0, 1.0, -0.1], [0.0, 0.0, 1.0, 0.0, 0.0]])
    fitted, clipped = fit_sources(weights, 2, "greedy")
    assert fitted.tolist() == [[0.0, -2.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]]
    assert clipped.tolist() == [2, 0]
    random, _ = fit_sources(weights, 2, "uniform", np.random.default_rng(0))
    assert np.count_nonzero(random, axis=1).tolist() == [2, 1]
    assert ((random == weights) | (random == 0)).all()


def test_randomness_is_required_and_checked():
    with pytest.raises(InputError, match="rng="):
        fit_words(np.array([[5]]), 2, "uniform")
    with pytest.raises(InputError, match=r"1 random numbers in \[0, 1\)"):
        fit_words(np.array([[5]]), 2, "uniform", np.array([1.0]))
    with pytest.raises(UnknownNameError, match="policy"):
        fit_words(np.array([[5]]), 2, "largest")
