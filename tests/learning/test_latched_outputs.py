"""An experiment sets latches in its output neurons and trained synapses, beside what the device sets by itself."""

from pathlib import Path

import pytest

from chipemu.device import load_device
from chipemu.errors import InputError, UnknownNameError
from chipemu.learning.circuit import TRAINED, Controller, build_circuit
from chipemu.learning.latches import Latched, choose
from chipemu.mapping import map_network
from chipemu.mapping.latches import neuron_latches
from chipemu.tasks import load_folds

DEVICES = [Path(__file__).parents[1] / "latched.toml", "dynapse2"]


@pytest.mark.parametrize("device", DEVICES)
def test_what_the_device_sets_stays_set(device):
    latched = choose(["stp", "alpha_ampa"], load_device(device))
    assert latched == Latched(("alpha_ampa", "nmda_gate", "adaptation", "dc", "exponential"), True, None)


@pytest.mark.parametrize(
    ("names", "delay"),
    [
        (["precise_delay"], "precise"),
        (["mismatched_delay"], "mismatched"),
        (["precise_delay", "mismatched_delay"], "both"),
        (["alpha_ampa"], None),
    ],
)
def test_two_bits_choose_the_delay(names, delay):
    assert choose(names, load_device("dynapse2")).delay == delay


def test_the_circuit_has_them_in_its_outputs_and_trained_synapses_alone():
    device = load_device("dynapse2")
    (task, *_) = load_folds("binary")
    recipe = Controller(output_point="se2-output", controller_point="se2-controller")
    circuit = build_circuit(task, "host", recipe, choose(["alpha_ampa", "stp"], device))
    network = map_network(circuit.network, device).network
    assert "alpha_ampa" in neuron_latches(network["outputs"], device)
    assert "alpha_ampa" not in neuron_latches(network["positive"], device)
    assert [p.name for p in network.projections if p.latches] == [TRAINED]


@pytest.mark.parametrize(
    ("name", "device", "error", "message"),
    [
        ("alpha", "dynapse2", UnknownNameError, "unknown latch 'alpha'; nearest: alpha_ampa"),
        (
            "stp",
            "dynapse1",
            InputError,
            "latch 'stp' cannot be set; dynapse1 has none (devices/dynapse1.toml, latches)",
        ),
    ],
)
def test_what_cannot_be_set_is_refused(name, device, error, message):
    with pytest.raises(error) as caught:
        choose([name], load_device(device))
    assert message in str(caught.value)
