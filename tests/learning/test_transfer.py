"""Weights of a float network on dies: the same constants, the same decisions on a nominal die, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Network, load_device, load_point, map_network
from chipemu.effects import all_but
from chipemu.errors import InputError, UnknownNameError
from chipemu.learning import transfer
from chipemu.learning.experiment import learn
from chipemu.learning.float_neuron import float_neuron
from chipemu.learning.schedule import Schedule
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.learning.transfer import check_transfer, spread_of
from chipemu.parameters import nominal_charge, nominal_decay
from chipemu.tasks import load_task
from chipemu.validation.soma import firing_rates

EXACT = ("bias_quantisation",)


@pytest.fixture
def neuron():
    device, net = load_device("dynapse1-plastic"), Network("one")
    net.population("cells", 1, point="hidden")
    return device, float_neuron(map_network(net, device), "cells", 5e-4, EXACT)


def test_float_neuron_fires_like_the_nominal_soma(neuron):
    device, found = neuron
    point = load_point("hidden", device)
    # currents beside the constant one of the point, as that is set to them
    currents = np.array([240e-12, 300e-12, 430e-12, 640e-12])
    on_die = firing_rates(load_device("ideal"), point, currents)
    assert found.rate(currents) == pytest.approx(on_die, rel=0.06)
    assert found.rate(190e-12) == 0


def test_spread_of_virtual_dies_follows_the_switches_of_the_real_ones():
    device = load_device("dynapse1-plastic")
    once, twice = (spread_of(device, Settings("yinyang", scale={"mismatch": s})) for s in (1.0, 2.0))
    assert twice == once.times(2)
    assert spread_of(device, Settings("yinyang", without=("mismatch",))) == once.times(0)
    assert once.leak == device.mismatch.within_core["I_tau"]


def test_virtual_dies_of_masked_words_spread_as_their_largest_base_current():
    device = load_device("dynapse2")
    within = device.mismatch.within_core
    spread = spread_of(device, Settings("yinyang", device="dynapse2"))
    assert spread.charge == pytest.approx(np.hypot(within["I_w3"], within["I_tau_ampa"]))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hidden": 0}, "--hidden"),
        ({"recurrent": True}, "--recurrent"),
        ({"task": "delayed-cue"}, "inputs that change"),
        ({"start_from": "a.h5"}, "--from"),
        ({"permute_labels": True}, "--permute-labels"),
    ],
)
def test_wrong_combinations_are_refused_with_what_to_do(changes, text):
    settings = Settings(**{"task": "yinyang", "hidden": 120, "transfer": "snn", **changes})
    with pytest.raises(InputError, match=text):
        check_transfer(settings, load_task(settings.task))


def test_a_host_without_masks_is_refused_by_its_device():
    with pytest.raises(InputError, match="--device dynapse2"):
        learn(Settings("yinyang", hidden=4, transfer="snn", device="dynapse1"))


def test_unknown_float_network_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="snn-mismatch"):
        learn(Settings("yinyang", hidden=4, transfer="snn-mismatsch"))


@pytest.fixture
def untrained(monkeypatch):
    """First weights in place of trained ones, and few presentations: nothing here depends on how good they are."""
    asked = []

    def first(order):
        asked.append(order)
        codes = tuple(
            np.clip(np.rint(w) + mask, -15, 15) for w, mask in zip(order.first, order.network.masks, strict=True)
        )
        return codes, {"validation": 0.5, "test": 0.25}

    monkeypatch.setattr(transfer, "_trained", first)
    task = load_task("yinyang")
    few = replace(
        task,
        splits={split: (x[:20], y[:20]) for split, (x, y) in task.splits.items()},
        rates={split: rates[:20] for split, rates in task.rates.items()},
    )
    monkeypatch.setattr("chipemu.learning.experiment.load_folds", lambda name: [few])
    return asked


def hand_over(**changes):
    return learn(Settings("yinyang", **{"hidden": 4, "transfer": "snn", "without": ("calibration",), **changes}))


def test_every_die_gets_the_same_codes_and_both_accuracies_are_reported(untrained):
    result = hand_over(chip_seeds=(1, 2), budget=Budget(0))
    for name in ("weight", "weight_hidden"):
        assert np.array_equal(*result[name])
    order = untrained[0]
    assert np.array_equal(
        result["weight_hidden"].values[0, 0], np.clip(np.rint(order.first[0]) + order.network.sees, -15, 15)
    )
    assert result["accuracy_float_snn"] == 0.5
    assert np.isfinite(result["accuracy_transferred"]).all()
    assert result["accuracy_transferred"].shape == result["accuracy_validation"].shape == (2, 1)
    assert not np.isfinite(result["accuracy_cloned"]).any()


def test_a_host_writes_the_same_codes_into_the_words_of_every_die(untrained):
    result = hand_over(device="dynapse2", chip_seeds=(1, 2), budget=Budget(0))
    assert np.array_equal(*result["weight"])
    asked = np.clip(np.rint(untrained[0].first[0]) + untrained[0].network.sees, -15, 15)
    assert np.array_equal(result["weight_hidden"].values[1, 0], asked)
    assert np.isfinite(result["accuracy_transferred"]).all()


def test_a_unit_of_a_masked_word_charges_what_its_base_current_does():
    device, net = load_device("dynapse2"), Network("one")
    net.population("cells", 1, point="se2-hidden")
    found = float_neuron(map_network(net, device), "cells", 5e-4, EXACT)
    point = load_point("se2-hidden", device)
    tau = nominal_decay(device, point, "ampa")
    assert found.tau_syn == pytest.approx(tau, rel=1e-3)
    assert found.step_current * tau == pytest.approx(nominal_charge(device, point, "ampa") / 15, rel=0.03)


def test_dies_train_on_from_what_they_are_given(untrained):
    result = hand_over(budget=Budget(4, 1, 4, 1))
    assert result["accuracy_transferred"].shape == (1, 1)
    assert (result["weight"].values[0, 0] != untrained[0].network.reads).any()


def test_orders_that_differ_only_in_dies_are_one(untrained):
    for scale, way in ((1.0, "snn"), (2.0, "snn"), (1.0, "snn-mismatch"), (2.0, "snn-mismatch"), (0.0, "snn-mismatch")):
        hand_over(transfer=way, scale={"mismatch": scale}, budget=Budget(0))
    assert len(set(untrained)) == 3
    assert untrained[0] == untrained[1] == untrained[4]


def test_a_longer_answer_is_another_order_and_counts_as_long_in_the_float_network(untrained):
    for answer in (0.0, 0.6):
        hand_over(schedule=Schedule(decide=0.2, answer=answer), budget=Budget(0))
    assert [order.network.count for order in untrained] == [0.2, 0.6]
    assert len(set(untrained)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("device", ["dynapse1-plastic", "dynapse2"])
def test_transferred_weights_do_on_a_nominal_die_what_they_do_in_the_float_network(device):
    settings = Settings(
        "yinyang",
        device=device,
        hidden=60,
        transfer="snn",
        without=(*all_but(()), "calibration"),
        budget=Budget(0),
    )
    result = learn(settings)
    assert result["accuracy_float_snn"] > 0.93
    assert result["accuracy_transferred"].item() == pytest.approx(result["accuracy_float_snn"].item(), abs=0.02)
