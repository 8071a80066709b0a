"""The main job on dies with dead elements: the network is moved off them, and hot neurons are silenced."""

import numpy as np
import pytest

from chipemu import load_device, map_network, sample_chip
from chipemu.learning.circuit import Controller, build_circuit
from chipemu.learning.experiment import Settings, learn
from chipemu.learning.train import Budget
from chipemu.mapping import repair
from chipemu.tasks import load_task

SEEDS = (1, 2)


def learned(**options):
    settings = {"without": ("calibration",), "budget": Budget(2, 1, 2, 1), "chip_seeds": SEEDS}
    return learn(Settings("binary", **settings | options))


@pytest.fixture(scope="module")
def moved():
    """Neurons that the repair of each die moves."""
    device = load_device("dynapse1-plastic")
    mapped = map_network(build_circuit(load_task("binary"), "chip", Controller()).network, device)
    return [repair(mapped, sample_chip(device, seed))[1].neurons for seed in SEEDS]


def test_learning_moves_the_network_off_dead_elements(moved):
    result = learned()
    assert sum(moved) > 0
    assert result["ledger_moved_neurons"].values.ravel().tolist() == moved


def test_the_network_can_be_left_where_it_is():
    as_made = learned(repair=False)
    assert not as_made["ledger_moved_neurons"].any()
    assert not np.array_equal(as_made["ledger_spikes"], learned()["ledger_spikes"])


def test_without_dead_elements_repair_changes_nothing():
    off = {"without": ("calibration", "dead")}
    one, other = learned(**off), learned(**off, repair=False)
    assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one if one[name].dtype.kind != "U")


def test_hot_neurons_are_silenced_before_training():
    result = learned(silence_above=10.0)
    assert (result["ledger_silenced_neurons"].values > 0).all()
    assert not learned()["ledger_silenced_neurons"].any()
