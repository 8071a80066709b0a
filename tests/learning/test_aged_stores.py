"""Trained dies lie idle before the final test: what their weight stores lose shows in it, and the result says so."""

import dataclasses

import numpy as np
import pytest

from chipemu.errors import InputError
from chipemu.learning.experiment import learn
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

WEEK = 7 * 86400.0
QUICK = Budget(2, 1, 2, 1)


@pytest.fixture(autouse=True)
def few_presentations(monkeypatch):
    """The task with ten presentations of a split."""
    task = load_task("binary")
    splits = {name: (x[:10], y[:10]) for name, (x, y) in task.splits.items()}
    rates = {name: table[:10] for name, table in task.rates.items()}
    few = dataclasses.replace(task, splits=splits, rates=rates)
    monkeypatch.setattr("chipemu.learning.experiment.load_folds", lambda name: [few])


def quick(device, **options):
    settings = Settings("binary", device=device, chip_seeds=(1, 2), without=("calibration",), budget=QUICK)
    return learn(Settings(**{**vars(settings), **options}))


@pytest.mark.parametrize("device", ["memristive", "memristive-rram", "memristive-cmo", "bistable"])
def test_the_loop_runs_on_every_store(device):
    result = quick(device)
    assert (result["ledger_cell_writes"].values > 0).all()
    assert result.attrs["device"] == device
    assert result.attrs["age_s"] == 0.0
    assert np.isfinite(result["accuracy_validation"].values).all()


def test_a_week_changes_what_is_reported_and_not_the_training():
    fresh, old = quick("memristive"), quick("memristive", age=WEEK)
    assert old.attrs["age_s"] == WEEK
    np.testing.assert_array_equal(fresh["weight"].values, old["weight"].values)
    np.testing.assert_array_equal(fresh["validation_history"].values, old["validation_history"].values)
    assert (fresh["target_error_off"].values != old["target_error_off"].values).all()


def test_compensation_costs_a_reading_and_a_host_operation():
    plain, compensated = (quick("memristive", age=WEEK, compensate=on) for on in (False, True))
    for name in ("code_reads", "host_operations"):
        added = compensated[f"ledger_{name}"] - plain[f"ledger_{name}"]
        np.testing.assert_array_equal(added.values, 1)
    assert (plain["target_error_off"].values != compensated["target_error_off"].values).all()


def test_time_leaves_codes_as_they_are():
    fresh, old = quick("dynapse1-plastic"), quick("dynapse1-plastic", age=WEEK)
    np.testing.assert_array_equal(fresh["weight"].values, old["weight"].values)


@pytest.mark.parametrize("options", [{"device": "bistable"}, {"device": "memristive", "where": "host"}])
def test_compensation_is_refused_where_nothing_drifts(options):
    with pytest.raises(InputError, match="drift compensation is for memristive weights"):
        learn(Settings("binary", compensate=True, **options))
