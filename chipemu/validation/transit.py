"""Events on their way, as synapses see them: how many are lost, and how late the others are."""

import numpy as np

from chipemu.chip import sample_chip
from chipemu.device import DeviceSpec
from chipemu.effects import all_but
from chipemu.emulator import DEFAULT_DT, Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList
from chipemu.validation.check import Check, target
from chipemu.validation.testbench import law_point_name

N_SOURCES, INTERVAL, DURATION = 16, 20, 1.0  # sources with a cell each; steps between their events; s
_SEEDS = tuple(range(25))
_SCALE = 100.0
_FLOOR_MARGIN = 1.5  # over I0: a synapse that has been fed


def sender_bench(device: DeviceSpec, *effects: str, scale=None, seeds=_SEEDS, receptor: str = "ampa") -> Emulator:
    """Sixteen sources, each with a cell of its own, on one die on which only these effects act."""
    net = Network("transit")
    inputs, cells = (
        net.sources("inputs", N_SOURCES),
        net.population("cells", N_SOURCES, point=law_point_name("mismatch-fit", device)),
    )
    net.project(inputs, cells, receptor=receptor, pairs="one")
    chip = sample_chip(device, 1, without=all_but(effects), scale=scale)
    return Emulator([chip], map_network(net, device), noise_seeds=seeds, precision="float64")


def train() -> EventList:
    """One event of every source in every 20th step."""
    n = round(DURATION / DEFAULT_DT / INTERVAL)
    return EventList(np.repeat(np.arange(n) * INTERVAL * DEFAULT_DT, N_SOURCES), np.tile(np.arange(N_SOURCES), n))


def arrivals(emulator: Emulator, probe: str = "I_ampa") -> np.ndarray:
    """Steps from sending to arrival (run, source, event); NaN where none came before the next event."""
    current = emulator.run(train(), DURATION, (probe,))[probe].values
    rises = np.diff(current, axis=2, prepend=current[:, :, :1]) > 0
    rises[:, :, 0] |= current[:, :, 0] > _FLOOR_MARGIN * emulator.mapped.device.circuit["I0"]
    rises = rises.reshape(*rises.shape[:2], -1, INTERVAL)
    return np.where(rises.any(3), rises.argmax(3), np.nan)


def lateness(mean: float, n_classes: int) -> np.ndarray:
    """Probability of an event being late by 0, 1, ... steps, and by more: sent uniformly, held exponentially [steps].

    P(floor(f + t) = n) is the integral over f of the exponential between n - f and n + 1 - f.
    """
    fall = -np.expm1(-1 / mean)
    probability = np.exp(-np.arange(n_classes) / mean) * mean * np.expm1(1 / mean) * fall
    probability[0] = 1 - mean * fall
    probability[-1] = 1 - probability[:-1].sum()
    return probability


def lost_deviation(device: DeviceSpec) -> float:
    """Deviation of the number of lost events from the binomial mean, in its standard deviations."""
    lost = np.isnan(arrivals(sender_bench(device, "event_loss", scale={"event_loss": _SCALE})))
    p = device.noise.event_loss * _SCALE
    return float((lost.sum() - lost.size * p) / np.sqrt(lost.size * p * (1 - p)))


def held_back(device: DeviceSpec) -> tuple[float, float]:
    """Mean delay over the device's, and chi-square of the steps by which events are late."""
    scale = min(_SCALE, DEFAULT_DT / device.noise.event_jitter)
    mean = scale * device.noise.event_jitter / DEFAULT_DT
    late = arrivals(sender_bench(device, "event_jitter", scale={"event_jitter": scale}))
    late = late[~np.isnan(late)].astype(int)
    expected = late.size * lateness(mean, 7)
    count = np.bincount(np.minimum(late, 6), minlength=7)
    return late.mean() / mean, float(((count - expected) ** 2 / expected).sum())


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module that the device has effects for."""
    checks = []
    if device.noise.event_loss > 0:
        checks.append(target("transit", "lost events, deviation of their number").compare(lost_deviation(device)))
    if device.noise.event_jitter > 0:
        mean, distance = held_back(device)
        checks.append(target("transit", "events held back, mean over the device's").compare(mean))
        checks.append(target("transit", "events held back, chi-square").compare(distance))
    return checks
