"""One die in the hands of several threads has the bits of one thread's work, whatever is switched on."""

import dataclasses

import numpy as np
import pytest

from chipemu import division, running
from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.emulator import Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.plasticity import DIFFERENTIAL_HEBBIAN
from chipemu.stimulus import regular

DT, DURATION = 1e-4, 0.06
RATES = [100.0, 200.0, 50.0, 400.0]


def busy(device):
    """The device with events that are late and lost, and plastic synapses that step often."""
    device = dataclasses.replace(device, noise=dataclasses.replace(device.noise, event_jitter=300e-6, event_loss=0.02))
    if device.plastic is None:
        return device
    return dataclasses.replace(device, plastic=dataclasses.replace(device.plastic, balance=1.0, step_charge=0.1e-12))


def plastic_network(device):
    net = Network("recurrent")
    inputs = net.sources("inputs", 4)
    first = net.population("first", 100, point="mismatch-fit")
    second = net.population("second", 70, point="ds-fi")
    net.project(inputs, first, receptor="ampa", words=5)
    net.project(first, first, receptor="nmda", pairs="one")
    net.project(first, second, receptor="ampa", pairs=np.stack([np.arange(70), np.arange(70)[::-1]], axis=1), words=9)
    net.project(second, first, receptor="gaba_a", pairs=np.stack([np.arange(70), np.arange(70)], axis=1))
    net.project_signed(inputs, first, positive="ampa", negative="gaba_b", name="weights", store="plastic")
    near = np.stack([np.arange(100), (np.arange(100) + 37) % 100], axis=1)
    net.project_signed(first, first, positive="ampa", negative="gaba_b", pairs=near, name="recurrent", store="plastic")
    points = {name: load_point(name, device) for name in ("mismatch-fit", "ds-fi")}
    dc = {**points["ds-fi"].biases, "IF_DC_P": 300e-12}
    return net, points | {"ds-fi": dataclasses.replace(points["ds-fi"], biases=dc)}


def delayed_network(device):
    net = Network("delayed")
    inputs = net.sources("inputs", 4)
    cells = net.population("cells", 170, point="se2-output", latches=("alpha_ampa",))
    net.project(inputs, cells, receptor="ampa", words=12, delay="mismatched")
    net.project(cells, cells, receptor="nmda", pairs="one", delay="precise", stp=True)
    return net, {"se2-output": load_point("se2-output", device)}


CASES = {
    "dynapse1-plastic": plastic_network,
    "dynapse1-extended": plastic_network,
    "memristive": plastic_network,
    "bistable": plastic_network,
    "dynapse2": delayed_network,
}


def play(name, n_threads, monkeypatch, **options):
    monkeypatch.setattr(running, "n_threads", lambda: n_threads)
    monkeypatch.setattr(division, "_SMALLEST", 2)
    device = busy(load_device(name))
    net, points = CASES[name](device)
    emulator = Emulator([sample_chip(device, 3)], map_network(net, device), points=points, dt=DT)
    if device.plastic is not None:
        if device.traces is not None:
            emulator.set_rule("recurrent", DIFFERENTIAL_HEBBIAN)
        emulator.upload({"weights": np.arange(400) % 31 - 15, "recurrent": np.arange(100) % 7 - 3})
    events = regular(np.array([RATES]), DURATION, DT, phase=np.zeros((1, 4)))
    windows = [
        emulator.advance(events, DURATION, learn=np.ones(1, bool), record=True, **options) for _ in range(2)
    ]  # twice: what is on its way goes over from call to call
    return emulator, windows


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_leave_no_trace(name, n_threads, monkeypatch):
    alone, before = play(name, 1, monkeypatch)
    together, after = play(name, n_threads, monkeypatch)
    assert division.n_parts(12, n_threads) == n_threads
    assert all(window.count.sum() > 100 for window in before)
    assert np.array_equal(alone.state, together.state)
    assert alone.ledger.as_dict() == together.ledger.as_dict()
    for one, other in zip(before, after, strict=True):
        for field in dataclasses.fields(one):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name
    if "weights" in alone.weights():
        assert alone.ledger.as_dict()["weight_writes"] > 0
        for name, held in alone.weights().items():
            assert np.array_equal(held, together.weights()[name]), name


def test_probes_see_the_same(monkeypatch):
    events = regular(np.array([RATES]), DURATION, DT, phase=np.zeros((1, 4)))
    seen = []
    for n_threads in (1, 3):
        emulator, _ = play("dynapse1-plastic", n_threads, monkeypatch)
        seen.append(emulator.run(events, DURATION, ("V_mem", "I_in"), every=5e-4))
    assert seen[0].equals(seen[1])
