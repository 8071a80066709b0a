"""Every task obeys the same contract."""

import dataclasses

import numpy as np
import pytest

from chipemu.errors import InputError, UnknownNameError
from chipemu.tasks import SPLITS, load_task, names


@pytest.fixture(params=names())
def task(request):
    return load_task(request.param)


def test_arrays_belong_together(task):
    assert tuple(task.splits) == tuple(task.rates) == SPLITS
    for split, (x, y) in task.splits.items():
        assert len(x) == len(y) == len(task.rates[split])
        assert task.rates[split].shape[1] == task.n_sources == len(task.source_names)
        assert set(y) == set(range(task.n_classes))
    assert task.chance == 1 / task.n_classes


def test_rates_are_affine_in_the_features(task):
    x, _ = task.splits["train"]
    design = np.column_stack([x, np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(design, task.rates["train"], rcond=None)
    np.testing.assert_allclose(design @ solution, task.rates["train"], atol=1e-9)


def test_loading_twice_gives_the_same_arrays(task):
    again = load_task(task.name)
    for split in SPLITS:
        np.testing.assert_array_equal(task.rates[split], again.rates[split])


def test_a_task_cannot_be_changed(task):
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        task.rates["test"][0, 0] = 1.0


def test_unknown_names_come_back_with_the_nearest(task):
    with pytest.raises(UnknownNameError, match="yinyang"):
        load_task("yingyang")
    with pytest.raises(UnknownNameError, match="rate_max"):
        load_task("digits", rate_mx="20 Hz")


def test_arrays_that_do_not_belong_together_are_refused(task):
    x, y = task.splits["test"]
    with pytest.raises(InputError, match="labels run"):
        dataclasses.replace(task, splits={**task.splits, "test": (x, y + 1)})
    with pytest.raises(InputError, match="must be equal"):
        dataclasses.replace(task, splits={**task.splits, "test": (x[1:], y)})
    with pytest.raises(InputError, match="names"):
        dataclasses.replace(task, rates={**task.rates, "test": task.rates["test"][:, 1:]})
    with pytest.raises(InputError, match="at least 0 Hz"):
        dataclasses.replace(task, rates={**task.rates, "test": -task.rates["test"]})
