"""Neurons on the bench: dies at an operating point, with only the effects a measurement is about.

Emulators built here differ from a user's in one respect: every effect that is not named is off, and the dies are at the
temperature of the operating point.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.chip import Chip, sample_chip
from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.device_file import read_point
from chipemu.effects import EFFECTS
from chipemu.emulator import DEFAULT_DT, Emulator
from chipemu.kernels.die import Events
from chipemu.mapping import MappedNetwork, map_network
from chipemu.network import RECEPTORS, Network
from chipemu.parameters import word_current
from chipemu.stimulus import EventList, regular

# Points of DYNAP-SE2 that stand in for those of DYNAP-SE1.
_LIKE = {"mismatch-fit": "se2-output", "output": "se2-output"}
SOURCE, CELLS = "input", "cells"


def law_point(name: str, device: DeviceSpec) -> OperatingPoint:
    """The operating point at which a law is checked: the one of that name, or on DYNAP-SE2 its like.

    A law that holds at any point, as a closed form does, needs no point of its own on every family of chips.
    """
    return load_point(law_point_name(name, device), device)


def law_point_name(name: str, device: DeviceSpec) -> str:
    """Name of the point that `law_point` loads."""
    meant_for = read_point(name)[2].point.device
    return name if set(meant_for) & set(device.lineage) else _LIKE.get(name, name)


def dies(
    device: DeviceSpec,
    point: OperatingPoint,
    seeds: Sequence[int],
    effects: Sequence[str] = (),
    *,
    warmer: float = 0.0,
) -> list[Chip]:
    """Dies on which only ``effects`` act, so much warmer than the point's temperature [K]."""
    without = [name for name in EFFECTS if name not in effects]
    return [sample_chip(device, seed, without=without, temperature=point.temperature + warmer) for seed in seeds]


def cells(
    device: DeviceSpec, point: OperatingPoint, n: int, *, receptor: str = "ampa", words: int | Sequence[int] = 0
) -> MappedNetwork:
    """A placed population of ``n`` cells, each reached by one common source over a number of CAM words."""
    net = Network("bench")
    source, population = net.sources(SOURCE, 1), net.population(CELLS, n, point=point.name)
    if np.any(words):
        net.project(source, population, receptor=receptor, words=words)
    return map_network(net, device)


def bench(
    mapped: MappedNetwork,
    point: OperatingPoint,
    chips: Sequence[Chip],
    *,
    dc: Sequence[float] | None = None,
    noise_seeds: Sequence[int] = (0,),
    precision: str = "float64",
    dt: float = DEFAULT_DT,
) -> Emulator:
    """An emulator of these dies; ``dc`` gives each die its own constant current [A] instead of the point's."""
    points: Mapping[str, OperatingPoint] = {point.name: point}
    emulator = Emulator(chips, mapped, noise_seeds=noise_seeds, points=points, precision=precision, dt=dt)
    if dc is not None:
        set_dc(emulator, dc)
    return emulator


def set_dc(emulator: Emulator, dc: Sequence[float]) -> None:
    """Give each die a constant current into every soma [A]; the state of the neurons goes on."""
    setting = emulator.setting
    currents = setting.currents.copy()
    currents[:, :, setting.index(emulator.mapped.device.register("I_dc"))] = np.asarray(dc, float)[:, None]
    emulator.set_biases(dataclasses.replace(setting, currents=currents))


def parameters(device: DeviceSpec, point: OperatingPoint) -> dict[str, float]:
    """Currents and circuit constants at a point by their names in the equations, by design values [SI]."""
    currents = {bias.parameter: point.biases[name] for name, bias in device.biases.items() if bias.parameter}
    words = {f"I_w_{receptor}": word_current(currents, receptor) for receptor in RECEPTORS}
    return {**device.circuit, **point.circuit, **words, **currents}


def holding_current(device: DeviceSpec, point: OperatingPoint, i_mem: float) -> float:
    """Input current that holds the membrane at ``i_mem`` [A], far below the feedback: I_tau (1 + I_mem / I_gain)."""
    value = parameters(device, point)
    return value["I_tau"] * (1 + i_mem / value["I_gain"])


def silence(emulator: Emulator, duration: float) -> Events:
    """No input spikes."""
    return regular(np.zeros((emulator.n_runs, emulator.mapped.n_sources)), duration, emulator.dt)


def one_event(time: float) -> EventList:
    """A single input spike."""
    return EventList(np.array([time]), np.array([0]))


def counted_rates(emulator: Emulator, events: Events, duration: float) -> np.ndarray:
    """Spike counts over the duration as rates (run, neuron) [Hz]."""
    return emulator.advance(events, duration).count / duration
