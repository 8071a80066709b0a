"""The loop on DYNAP-SE2: its own operating points, masks for weights, gains for knobs."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import load_device, map_network, sample_chip
from chipemu.calibration import calibrate
from chipemu.device import load_point
from chipemu.emulator import Emulator
from chipemu.errors import CapacityError
from chipemu.learning.circuit import build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.hidden import MASK_UNITS
from chipemu.learning.recipes import usual_controller, usual_host
from chipemu.learning.settings import Settings, host_rule
from chipemu.learning.train import Budget
from chipemu.parameters import nominal_charge, point_setting
from chipemu.tasks import load_task

KNOBS = {
    *("SOIF_LEAK_N", "SOIF_DC_P", "SOIF_REFR_N"),
    *("DEAM_EGAIN_P", "DENM_EGAIN_P", "DESC_IGAIN_P", "DEGA_IGAIN_P"),
}


@pytest.fixture(scope="module")
def mapped():
    device = load_device("dynapse2")
    circuit = build_circuit(load_task("binary"), "host", usual_controller("binary", "host", device))
    return map_network(circuit.network, device)


def test_the_controller_has_the_points_of_its_family():
    recipe = usual_controller("digits", "host", load_device("dynapse2-dense"))
    assert (recipe.output_point, recipe.controller_point) == ("se2-output", "se2-controller-quiet")
    assert usual_controller("digits", "host", load_device("dynapse1")) == usual_controller("digits", "host")


def test_the_host_steps_as_many_units_for_an_error_as_it_steps_words_on_dynapse1():
    # eta is per pC of feedback charge, which is smaller by the ratio of the charges at the two output points
    plain, masks = load_device("dynapse1"), load_device("dynapse2")
    charge = [nominal_charge(d, load_point(p, d), "nmda") for d, p in ((plain, "output"), (masks, "se2-output"))]
    eta = [usual_host("yinyang", device).eta for device in (plain, masks)]
    assert eta[1] * charge[1] == pytest.approx(eta[0] * charge[0], rel=0.01)
    assert host_rule(Settings("yinyang", "dynapse2")).eta == eta[1]
    assert host_rule(Settings("yinyang", "dynapse2", eta=0.3)).eta == 0.3


@pytest.mark.parametrize("point", ["hidden", "hidden-fine", "output-fine"])
def test_a_unit_weighs_what_a_code_of_a_plastic_synapse_does(point):
    # beside the rheobase, which is smaller by the ratio of the charges at the two output points
    plastic, masks = load_device("dynapse1-plastic"), load_device("dynapse2")
    for receptor in ("ampa", "gaba_b"):
        code = nominal_charge(plastic, load_point(point, plastic), receptor) * plastic.plastic.word_per_code
        unit = nominal_charge(masks, load_point(f"se2-{point}", masks), receptor) / MASK_UNITS
        assert unit == pytest.approx(0.625 * code, rel=0.02)


def test_calibration_turns_the_gain_of_a_synapse_for_its_weight(mapped):
    result = calibrate([sample_chip(mapped.device, seed=2)], mapped)
    asked = point_setting(mapped, result.chips, result.points).codes
    turned = {result.setting.names[b] for b in np.flatnonzero((result.setting.codes != asked).any((0, 1, 3)))}
    assert turned <= KNOBS
    assert len(turned) == 7
    assert result.success.all()


def test_base_currents_of_a_die_follow_its_mismatch_and_its_setting(mapped):
    device = mapped.device
    chips = [
        sample_chip(device, 1, without=without) for without in (("mismatch", "dead", "bias_quantisation"), ("dead",))
    ]
    emulator = Emulator(chips, mapped, precision="float64")
    emulator.upload({"weights": np.full(len(mapped.network["weights"]), 1)})
    amplitude = emulator._memory.amplitude
    trained = np.isclose(amplitude[0], 1 / 15)
    assert trained.sum() == len(mapped.network["weights"])  # one base current of 1, 2, 4, 8 in the positive synapses
    assert amplitude[1, trained].std() > 0.05 / 15
    changed = emulator.setting.currents.copy()
    changed[:, :, emulator.setting.index("SYAM_W0_P")] *= 2
    emulator.set_biases(replace(emulator.setting, currents=changed))
    assert emulator._memory.amplitude[0, trained] == pytest.approx(2 / 16)  # of bases 2, 2, 4, 8


def test_a_short_training_writes_whole_units_and_counts_the_words():
    quick = Settings("binary", "dynapse2", chip_seeds=(1,), without=("calibration",), budget=Budget(6, 1, 4))
    result = learn(quick)
    assert result.attrs["where"] == "host"
    weights = result.weight.values
    assert np.array_equal(weights, np.rint(weights))
    assert np.abs(weights).max() >= 1
    assert result.ledger_weight_writes.values.min() > 0


def test_learning_on_the_chip_is_refused():
    with pytest.raises(CapacityError, match="dynapse2 has no plastic synapses"):
        learn(Settings("binary", "dynapse2", where="chip", chip_seeds=(1,)))


@pytest.mark.slow
def test_binary_is_learned_on_three_dies():
    result = learn(Settings("binary", "dynapse2", chip_seeds=(1, 2, 3)))
    assert result.accuracy_validation.values.min() >= 0.95
