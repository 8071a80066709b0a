"""An event costs what its parts cost, and an emulator adds them up by what it fires."""

import dataclasses

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.device import Energy
from chipemu.power import event_energy, event_latency, hop_energy, static_power, warn_if_busy
from chipemu.stimulus import regular


def test_a_source_pays_for_broadcast_and_pulses_only():
    energy = Energy(generate=1.0, encode=2.0, route=4.0, broadcast=8.0, pulse=16.0)
    cost = event_energy(energy, np.array([3, 0]), np.array([2, 1]), np.array([[5, 5]]), np.array([True, False]))
    np.testing.assert_allclose(cost, [[1 + 3 * 2 + 4 + 2 * 8 + 5 * 16, 8 + 5 * 16]])


@pytest.fixture
def emulator():
    device, net = load_device("dynapse1"), Network("two cores")
    source = net.sources("in", 1)
    cells = net.population("cells", 4, point="output")
    watchers = net.population("watchers", 2, point="controller")
    net.project(source, cells, receptor="ampa", words=3)
    net.project(cells, watchers, receptor="ampa", words=2)
    net.project_signed(source, watchers, positive="nmda", negative="gaba_a", name="weights")
    return Emulator([sample_chip(device, 1, without=["dead"])], map_network(net, device))


def test_an_emulator_knows_what_its_senders_fire(emulator):
    energy = emulator.mapped.device.energy
    emulator.upload({"weights": np.array([4, -1])})
    cost = emulator.event_energy()
    # the source reaches 4 cells with 3 words each and both watchers with 4 and 1, on two cores
    assert cost[0, 0] == pytest.approx(energy.route + 2 * energy.broadcast + (4 * 3 + 4 + 1) * energy.pulse)
    assert cost[0, 1] == pytest.approx(energy.generate + energy.encode + energy.broadcast + 2 * 2 * energy.pulse)


def test_a_device_that_gives_no_energies_gives_no_cost(emulator, tmp_path):
    object.__setattr__(emulator.mapped.device, "energy", None)
    assert np.isnan(emulator.event_energy()).all()


def test_every_energy_says_that_it_is_unverified():
    device = load_device("dynapse1")
    for name in ("generate", "encode", "route", "broadcast", "pulse"):
        assert "unverified" in device.quantity(f"energy.{name}").note


def test_a_core_that_is_sent_too_much_is_said(emulator):
    device = dataclasses.replace(load_device("dynapse1"))
    events = np.array([[10.0, 40.0, 0.0, 0.0]])
    busy = dataclasses.replace(device, power=dataclasses.replace(device.power, event_rate=35.0))
    with pytest.warns(
        UserWarning, match=r"core 1 is sent 40 events/s; dynapse1 takes 35 \(devices/dynapse1.toml, power"
    ):
        warn_if_busy(busy, events, 1.0)
    warn_if_busy(device, events, 1.0)
    object.__setattr__(emulator.mapped.device, "power", busy.power)
    with pytest.warns(UserWarning, match=r"core 0 is sent 200 events/s; dynapse1 takes 35"):
        emulator.advance(regular(np.array([[200.0]]), 0.01, emulator.dt), 0.01)


def test_a_device_that_says_nothing_has_no_power_or_latency():
    device = dataclasses.replace(load_device("dynapse1"), power=None)
    assert np.isnan([static_power(device), event_latency(device), hop_energy(device, 1)]).all()
    warn_if_busy(device, np.array([[1e12]]), 1.0)
