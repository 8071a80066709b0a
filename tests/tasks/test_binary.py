"""The binary task has the patterns, balance and jitter that its docstring states."""

import numpy as np
import pytest

from chipemu.errors import InputError
from chipemu.tasks import load_task
from chipemu.tasks.binary import patterns


@pytest.fixture(scope="module")
def task():
    return load_task("binary")


def test_patterns_are_drawn_once_in_their_range():
    assert patterns().shape == (2, 8)
    assert ((patterns() >= 20) & (patterns() <= 80)).all()
    np.testing.assert_array_equal(patterns(), patterns())


def test_splits_are_balanced(task):
    counts = {split: np.bincount(y).tolist() for split, (_, y) in task.splits.items()}
    assert counts == {"train": [100, 100], "validation": [50, 50], "test": [100, 100]}


def test_without_jitter_every_presentation_is_its_pattern():
    task = load_task("binary", jitter=0.0)
    _, y = task.splits["test"]
    np.testing.assert_array_equal(task.rates["test"], patterns()[y])


def test_jitter_has_the_stated_size(task):
    _, y = task.splits["train"]
    factor = task.rates["train"] / patterns()[y]
    # 1600 draws: standard errors of mean and spread are 0.0025 and 0.0018.
    assert factor.mean() == pytest.approx(1.0, abs=0.01)
    assert factor.std() == pytest.approx(0.1, abs=0.007)


def test_a_large_jitter_never_gives_a_negative_rate():
    assert min(rates.min() for rates in load_task("binary", jitter=2.0).rates.values()) == 0.0


def test_splits_share_no_presentation(task):
    rows = np.concatenate(list(task.rates.values()))
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_features_are_rates_relative_to_the_largest_mean_rate(task):
    np.testing.assert_allclose(task.splits["test"][0] * 80.0, task.rates["test"])


@pytest.mark.parametrize("jitter", [-0.1, float("nan"), float("inf")])
def test_impossible_jitter_is_refused(jitter):
    with pytest.raises(InputError, match="jitter"):
        load_task("binary", jitter=jitter)
