"""Dead and stuck elements against the tests of SE2 boards, against their own laws, and seen from outside.

The board rows take the clustering and the spread between cores of the device file at the mean of the boards, because
no test of SE1 is known.
"""

import dataclasses

import numpy as np
from scipy import stats

from chipemu.chip import Chip, sample_chip
from chipemu.defects import beta_shape
from chipemu.device import DefectRates, DeviceSpec
from chipemu.emulator import Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList, regular
from chipemu.validation.check import Check, target
from chipemu.validation.fit_defects import expected, measured, measured_cores
from chipemu.validation.testbench import cells, dies, law_point, set_dc, silence

KINDS = ("dead_words", "stuck_words", "dead_neurons", "dead_tags")
_SYNAPSES = ("dead_synapses", "stuck_synapses")
_MANY, _SOME = 200, 20  # dies of statistical rows
_EDGES = np.array([0, 1, 2, 3, 5, 9, 17, 33, 65])  # classes of dead words of a neuron, the last one open


def with_rates(device: DeviceSpec, **rates: float) -> DeviceSpec:
    """The device with other fractions of dead and stuck elements."""
    return dataclasses.replace(device, defects=dataclasses.replace(device.defects, **rates))


def everyone(device: DeviceSpec) -> np.ndarray:
    """Core and neuron of every neuron of a chip, (n, 2)."""
    return np.argwhere(np.ones((device.chip.n_cores, device.chip.n_neurons_per_core), bool))


def _boards(device: DeviceSpec) -> list[Check]:
    """Clustering against the SE2 boards: shares of neurons in closed form, cores by Kolmogorov and Smirnov."""
    law, boards = device.defects, measured()
    given = expected(boards.mean, law.word_clustering, law.word_between_cores)
    drawn = np.concatenate([
        sample_chip(with_rates(device, dead_words=boards.mean), seed).defects.word_fraction.mean(axis=1)
        for seed in range(_MANY)
    ])  # fmt: skip
    distance = stats.ks_2samp(measured_cores(), drawn).statistic
    return [
        target("defects", "neurons failing in over a tenth").compare(100 * given.above_tenth),
        target("defects", "neurons failing in over half").compare(100 * given.above_half),
        target("defects", "failed fraction of cores, KS distance").compare(distance),
    ]


def class_probabilities(mean: float, clustering: float, n_words: int) -> np.ndarray:
    """Probability of each class of dead words in a neuron: beta-binomial (Skellam 1948)."""
    edges = np.append(_EDGES[:-1], n_words + 1)
    below = stats.betabinom.cdf(edges - 1, n_words, *beta_shape(mean, clustering))
    return np.diff(below)


def _clusters(device: DeviceSpec) -> Check:
    """Dead words of each neuron against the beta-binomial, chi-square; the spread between cores is off."""
    device = with_rates(device, word_between_cores=0.0)
    n_words = device.chip.n_cam_words
    dead = np.concatenate([
        sample_chip(device, seed).defects.dead_words(everyone(device)).sum(axis=1) for seed in range(_SOME)
    ])  # fmt: skip
    seen = np.histogram(dead, np.append(_EDGES[:-1], n_words + 1))[0]
    share = class_probabilities(device.defects.dead_words, device.defects.word_clustering, n_words)
    return target("defects", "dead words of a neuron, chi-square").compare(
        float(stats.chisquare(seen, share / share.sum() * seen.sum()).statistic)
    )


def _count(chip: Chip, kind: str) -> np.ndarray:
    found = getattr(chip.defects, kind)
    return found(everyone(chip.device)[::16]) if callable(found) else found  # of slots, one neuron in 16 is enough


def _fractions(device: DeviceSpec) -> list[Check]:
    """Rare elements that do not cluster: their number in standard deviations of the binomial from the expected."""
    checks = []
    for kind in (*KINDS[1:], *_SYNAPSES):
        fraction = getattr(device.defects, kind)
        if fraction == 0:
            continue
        found = np.concatenate([_count(sample_chip(device, seed), kind).ravel() for seed in range(_MANY)])
        deviation = (found.sum() - found.size * fraction) / np.sqrt(found.size * fraction * (1 - fraction))
        checks.append(target("defects", f"{kind.replace('_', ' ')}, deviation of their number").compare(deviation))
    return checks


def _seen(device: DeviceSpec) -> list[Check]:
    """What an experiment sees of each kind: disagreements between the neurons that fail and the list of the die."""
    return [
        target("defects", f"{kind.replace('_', ' ')} not seen as such").compare(find(device))
        for kind, find in zip(KINDS, (_deaf_words, _keeping_words, _silent_neurons, _unheard_tags), strict=True)
    ]


def _deaf_words(device: DeviceSpec) -> int:
    """A single event through the one word of every neuron charges the synapse, unless the word is dead."""
    line = target("defects", "dead words not seen as such")
    point = law_point(line.operating_point, device)
    mapped = cells(device, point, device.chip.n_neurons_per_core - 1, words=1)
    emulator = Emulator(dies(device, point, (1, 2, 3, 4), ("dead_words",)), mapped, points={point.name: point})
    current = emulator.run(EventList([0.0], [0]), 1e-3, ("I_ampa",)).I_ampa.values[..., -1]
    dead = np.stack([chip.slot_factor(mapped.address)[:, 0] == 0 for chip in emulator.chips])
    floor = device.circuit["I0"] * 1.0001
    return int(((current <= floor) != dead).sum())


def _keeping_words(device: DeviceSpec) -> int:
    """A word that was given to one source and then to another still answers the first, if it is stuck."""
    line = target("defects", "stuck words not seen as such")
    point, net = law_point(line.operating_point, device), Network("stuck")
    sources, population = (
        net.sources("inputs", 2),
        net.population("cells", device.chip.n_neurons_per_core - 1, point=point.name),
    )
    net.project_signed(sources, population, positive="ampa", negative="gaba_b", name="weights")
    mapped = map_network(net, device)
    emulator = Emulator(dies(device, point, range(8), ("stuck_words",)), mapped, points={point.name: point})
    first = net["weights"].pairs[:, 0] == 0
    for given in (first, ~first):
        emulator.upload({"weights": given.astype(np.int64)})
    current = emulator.run(EventList([0.0], [0]), 1e-3, ("I_ampa",)).I_ampa.values[..., -1]
    stuck = np.stack([chip.stuck_words(mapped.address)[:, 0] for chip in emulator.chips])
    return int(((current > device.circuit["I0"] * 1.0001) != stuck).sum())


def _silent_neurons(device: DeviceSpec) -> int:
    """Under a large current every neuron spikes that is not dead."""
    line = target("defects", "dead neurons not seen as such")
    point = law_point(line.operating_point, device)
    mapped = cells(device, point, device.chip.n_neurons_per_core - 1)
    emulator = Emulator(dies(device, point, (1, 2, 3, 4), ("dead_neurons",)), mapped, points={point.name: point})
    set_dc(emulator, [50e-9] * emulator.n_runs)
    count = emulator.advance(silence(emulator, 0.2), 0.2).count
    core, neuron = mapped.address.T
    return int(((count == 0) != np.stack([chip.dead_neurons[core, neuron] for chip in emulator.chips])).sum())


def _unheard_tags(device: DeviceSpec) -> int:
    """Each of many sources excites a neuron of its own, unless the core does not hear its tag."""
    line, n = target("defects", "dead tags not seen as such"), device.chip.n_neurons_per_core - 1
    point, net = law_point(line.operating_point, device), Network("tags")
    sources, population = net.sources("inputs", n), net.population("cells", n, point=point.name)
    net.project(sources, population, receptor="ampa", pairs="one")
    mapped = map_network(net, device)
    emulator = Emulator(dies(device, point, range(8), ("dead_tags",)), mapped, points={point.name: point})
    emulator.advance(regular(np.full((emulator.n_runs, n), 1.0), 1.0, emulator.dt), 1.0)
    current = emulator.run(EventList(np.zeros(n), np.arange(n)), 1e-3, ("I_ampa",)).I_ampa.values[..., -1]
    core = mapped.address[:, 0]
    dead = np.stack([chip.dead_tags[core, mapped.source_tag] for chip in emulator.chips])
    return int(((current <= device.circuit["I0"] * 1.0001) != dead).sum())


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module; none on a device without defects."""
    law = device.defects
    if law == DefectRates():
        return []
    clustered = law.dead_words > 0 and law.word_clustering > 0
    return [*([*_boards(device), _clusters(device)] if clustered else []), *_fractions(device), *_seen(device)]
