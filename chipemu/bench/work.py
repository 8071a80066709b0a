"""Two loads for timing, built with the public names only, as a user's script would build them.

A: one second of a chip of 1024 neurons on four cores, 64 synapses each, half of them from 256 Poisson inputs at 50 Hz,
half recurrent, the receptor of each at random; every current and every synapse spread by 20 %. About 3 million
synaptic events and 40 spikes a second and neuron.

B: half a second of 100 dies of 128 neurons with 16 inputs, otherwise alike; every die is drawn from its seed and every
spike is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chipemu import Emulator, Network, load_device, load_point, map_network, sample_chip
from chipemu.chip import Chip
from chipemu.device import DeviceSpec
from chipemu.mapping import MappedNetwork
from chipemu.network import RECEPTORS
from chipemu.stimulus import EventList

POINT = "bench"
GRID = 1e-4  # s; inputs lie on it, so that they are the same at every time step that divides it
_FOLDER = Path(__file__).parent
_PER_CORE = 256


@dataclass(frozen=True)
class Work:
    """What is simulated: sizes, and length [s].

    Attributes
    ----------
    name : str
    n_neurons, n_inputs : of each die
    fan_in : synapses of a neuron, half of them from inputs
    duration : [s]
    n_dies : dies side by side
    input_rate : of each input [Hz]
    """

    name: str
    n_neurons: int
    n_inputs: int
    fan_in: int = 64
    duration: float = 1.0
    n_dies: int = 1
    input_rate: float = 50.0


A = Work("A", 1024, 256)
B = Work("B", 128, 16, duration=0.5, n_dies=100)
WORKS = {work.name: work for work in (A, B)}


def work_device(n_neurons: int) -> DeviceSpec:
    """The device of the benchmark with cores of 256 neurons, as many as ``n_neurons`` need; one smaller core if few."""
    device = load_device(_FOLDER / "device.toml")
    n_cores = -(-n_neurons // _PER_CORE)
    chip = replace(device.chip, n_cores=n_cores, n_neurons_per_core=min(n_neurons, _PER_CORE))
    return device if chip == device.chip else replace(device, chip=chip)


def work_network(work: Work, seed: int = 1) -> Network:
    """Random fan-in of every neuron; a pair that is drawn twice for one receptor gets two words."""
    rng, net = np.random.default_rng(seed), Network(f"work {work.name}")
    cells = net.population("cells", work.n_neurons, point=POINT)
    for senders in (net.sources("inputs", work.n_inputs), cells):
        post = np.repeat(np.arange(work.n_neurons), work.fan_in // 2)
        pairs = np.stack([rng.integers(0, senders.n, len(post)), post], axis=1)
        receptor = rng.integers(0, len(RECEPTORS), len(post))
        for r, name in enumerate(RECEPTORS):
            found, words = np.unique(pairs[receptor == r], axis=0, return_counts=True)
            if len(found):
                net.project(senders, cells, receptor=name, pairs=found, words=words)
    return net


def work_input(work: Work, seed: int = 2) -> EventList:
    """Poisson spikes of the inputs on the grid of 0.1 ms, at most one a step and input; every die gets the same."""
    n_steps = round(work.duration / GRID)
    spikes = np.random.default_rng(seed).random((n_steps, work.n_inputs)) < work.input_rate * GRID
    step, source = np.nonzero(spikes)
    return EventList(step * GRID, source)


def work_mapping(work: Work) -> MappedNetwork:
    """The network on its device."""
    return map_network(work_network(work), work_device(work.n_neurons))


def work_chips(work: Work, without: Sequence[str] = ("noise",), first_seed: int = 1) -> list[Chip]:
    """The dies; ``without`` says which effects are off, by default every noise."""
    device = work_device(work.n_neurons)
    return [sample_chip(device, seed, without=without) for seed in range(first_seed, first_seed + work.n_dies)]


def work_emulator(mapped: MappedNetwork, chips: Sequence[Chip], **options) -> Emulator:
    """The dies with the network on them; ``options`` go to :class:`chipemu.Emulator`, e.g. ``dt=1e-4``."""
    return Emulator(chips, mapped, points={POINT: load_point(_FOLDER / "point.toml", mapped.device)}, **options)


def synaptic_events(mapped: MappedNetwork, stimulus: EventList, spike_neuron: np.ndarray, n_dies: int = 1) -> int:
    """Connections that the input spikes (to every die) and the recorded spikes of all dies reached."""
    fan_out = np.bincount(mapped.edges.pre, minlength=mapped.n_sources + mapped.n_neurons)
    from_inputs = int(fan_out[stimulus.source].sum()) * n_dies
    return from_inputs + int(fan_out[mapped.n_sources + np.asarray(spike_neuron)].sum())
