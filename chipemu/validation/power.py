"""Energy and time of an event against sums of the published operations; all of them unverified."""

import numpy as np

from chipemu.chip import sample_chip
from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS
from chipemu.emulator import Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.power import event_latency, hop_energy, static_power
from chipemu.validation.check import Check, target


def _energies(device: DeviceSpec) -> np.ndarray:
    """Energy of an event from outside that fires 10 words of one core, and of a spike that does so in another [J]."""
    net = Network("events")
    source = net.sources("input", 1)
    sender, receiver = net.population("sender", 1, point="output"), net.population("receiver", 1, point="controller")
    net.project(source, receiver, receptor="ampa", words=10)
    net.project(sender, receiver, receptor="ampa", words=10)
    chip = sample_chip(device, 0, without=list(EFFECTS))
    return Emulator([chip], map_network(net, device)).event_energy()[0, :2]


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module; none on a device whose file gives no energies."""
    if device.energy is None or device.power is None or device.weights == "float":
        return []
    event, spike = _energies(device)
    return [
        target("power", "event through 10 words").compare(1e9 * event),
        target("power", "spike through 10 words").compare(1e9 * spike),
        target("power", "two hops").compare(1e12 * hop_energy(device, 2)),
        target("power", "latency of an event").compare(1e9 * event_latency(device)),
        target("power", "latency over two hops").compare(1e9 * event_latency(device, 2)),
        target("power", "static power").compare(1e6 * static_power(device)),
    ]
