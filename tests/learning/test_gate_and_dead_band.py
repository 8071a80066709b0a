"""What the larger tasks need of their controllers: silence without a cause, and an answer soon after the gate opens."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.kernels.die import Events
from chipemu.learning.circuit import build_circuit
from chipemu.learning.recipes import usual, usual_controller
from chipemu.learning.session import Session
from chipemu.tasks import load_task

DIES = range(1, 9)


def share_that_fires(point: str) -> float:
    """Share of 200 neurons of each of eight dies, not calibrated, that spike within 0.5 s without any input."""
    net = Network("alone")
    source, neurons = net.sources("none", 1), net.population("controllers", 200, point=point)
    net.project(source, neurons, receptor="ampa", words=1)
    device = load_device("dynapse1-plastic")
    emulator = Emulator([sample_chip(device, seed) for seed in DIES], map_network(net, device), dt=5e-4)
    n = len(DIES)
    nothing = Events(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    return float((emulator.advance(nothing, 0.5).count > 0).mean())


def test_quiet_controllers_hardly_ever_fire_by_themselves_and_the_others_do():
    assert share_that_fires("controller") > 0.05
    assert share_that_fires("controller-quiet") < 0.002


def silent_controllers(gate_rate: float) -> float:
    """Share of the right unit's positive controllers on a slow die without a spike in the window that learns."""
    task, device = load_task("digits"), load_device("dynapse1-plastic")
    circuit = build_circuit(task, "chip", usual_controller("digits", "chip"))
    emulator = Emulator([sample_chip(device, 1)], map_network(circuit.network, device), dt=5e-4)
    schedule = replace(usual("digits")[1], gate_rate=gate_rate)
    session = Session(emulator, circuit, schedule, [np.random.SeedSequence(0)])
    on = np.ones(1, bool)
    unit, inputs = np.zeros(1, np.int64), task.rates["train"][:1]
    session.play(inputs, None, ~on, schedule.settle + schedule.decide, active=on)
    targets = session.target_rates(unit)
    session.play(inputs, targets, on, schedule.settle, active=on)
    window, _ = session.play(inputs, targets, on, schedule.decide, active=on)
    positive = window.count[0, emulator.mapped.neuron_slice("positive")]
    return float((positive[: circuit.n_per_unit] == 0).mean())


def test_a_strong_gate_still_mutes_controllers_when_learning_begins():
    assert silent_controllers(usual("digits")[1].gate_rate) <= 0.1
    assert silent_controllers(400.0) >= 0.3


@pytest.mark.parametrize("task", ["digits", "mnist"])
def test_the_usual_gate_keeps_quiet_controllers_silent(task):
    loaded, device = load_task(task), load_device("dynapse1-plastic")
    circuit = build_circuit(loaded, "chip", usual_controller(task, "chip"))
    chips = [sample_chip(device, seed) for seed in (1, 2, 3)]
    emulator = Emulator(chips, map_network(circuit.network, device), dt=5e-4)
    session = Session(emulator, circuit, usual(task)[1], [np.random.SeedSequence([0, seed]) for seed in (1, 2, 3)])
    on = np.ones(3, bool)
    inputs = np.broadcast_to(loaded.rates["train"][0], (3, loaded.n_sources))
    session.play(inputs, None, ~on, 0.1, active=on)
    window, _ = session.play(inputs, None, ~on, 0.3, active=on)
    assert window.count[:, emulator.mapped.neuron_slice("outputs")].sum() > 0
    for pool in ("positive", "negative"):
        assert window.count[:, emulator.mapped.neuron_slice(pool)].sum() == 0
