"""The cue is gone when the decision is counted: whoever does not remember it guesses."""

import numpy as np
import pytest

from chipemu.errors import InputError
from chipemu.tasks import SPLITS, load_task


def test_nothing_of_the_cue_is_left_in_the_late_rates():
    task = load_task("delayed-cue")
    for split in SPLITS:
        late = task.late_rates[split]
        np.testing.assert_array_equal(late, np.broadcast_to([*np.zeros(8), 100.0], late.shape))
        np.testing.assert_array_equal(task.phases[split][:, 1], late)
        np.testing.assert_array_equal(task.phases[split][:, 0], task.rates[split])


def test_classes_are_balanced_and_no_presentation_is_in_two_splits():
    task = load_task("delayed-cue")
    assert [np.bincount(task.splits[split][1]).tolist() for split in SPLITS] == [[300] * 4, [100] * 4, [100] * 4]
    rows = np.concatenate([task.rates[split] for split in SPLITS])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_trains_carry_late_rates_too():
    task = load_task("delayed-cue").with_trains(3)
    assert task.late_rates["test"].shape == task.rates["test"].shape == (400, 27)


def test_late_rates_are_checked():
    with pytest.raises(InputError, match="jitter"):
        load_task("delayed-cue", jitter=-1.0)
    task = load_task("delayed-cue")
    with pytest.raises(InputError, match="at least 0 Hz"):
        type(task)(**{**task.__dict__, "late_rates": {split: -rates for split, rates in task.late_rates.items()}})
