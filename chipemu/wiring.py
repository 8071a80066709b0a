"""From edges and slots to what a kernel walks along: connections by sender and target, with amplitudes per run."""

from collections.abc import Sequence

import numpy as np

from chipemu.addresses import packed
from chipemu.chip import Chip
from chipemu.device import DeviceSpec
from chipemu.kernels.dendrite import REGULATED, SENSED, SHAPED
from chipemu.kernels.die import Wiring
from chipemu.kernels.layout import BLOCK, LANES, N_FIELDS, PULSES
from chipemu.kernels.plastic import FEEDBACK, N_TERMS, Plastic, Traces
from chipemu.mapping import MappedNetwork
from chipemu.mapping.latches import DENDRITES, neuron_latches
from chipemu.network import Population
from chipemu.units import PA


def circuit_features(population: Population, device: DeviceSpec) -> int:
    """Bits of ``kernels.dendrite`` that the latches of a population ask for."""
    latches = neuron_latches(population, device)
    regulated = any(f"homeostasis_{receptor}" in latches for receptor in DENDRITES)
    shaped = any(f"{part}_{receptor}" in latches for part in ("alpha", "conductance") for receptor in DENDRITES)
    found = (SHAPED if shaped or regulated else 0) | (REGULATED if regulated else 0)
    return found | (SENSED if "apical" in latches else 0)


class Lanes:
    """Where each placed neuron sits in the blocked state: populations with the same features share blocks.

    Attributes
    ----------
    lane : (neuron,) lane of each neuron
    n_lanes : lanes including padding
    features : (block,) int32, bits of ``kernels.dendrite``: what a block does beyond the rest
    address : (n_lanes) uint32, core * 65536 + neuron; padding repeats the highest address
    """

    def __init__(self, mapped: MappedNetwork):
        self.lane = np.empty(mapped.n_neurons, np.int64)
        used, features = 0, []
        for population in mapped.network.populations:
            needed = circuit_features(population, mapped.device)
            if features and features[-1] != needed:
                if (features[-1] ^ needed) & SENSED and len(features) % 2:
                    features.append(features[-1])  # blocks are stepped in pairs, which are sensed together
                used = len(features) * LANES
            self.lane[mapped.neuron_slice(population)] = used + np.arange(population.n)
            used += population.n
            features += [needed] * (-(-used // LANES) - len(features))
        features += [0] * (len(features) % 2)  # blocks are stepped in pairs
        self.n_lanes, self.features = len(features) * LANES, np.array(features, np.int32)
        self.address = np.full(self.n_lanes, 0xFFFFFFFF, np.uint32)
        self.address[self.lane] = packed(mapped.address)

    def base(self, neuron: np.ndarray) -> np.ndarray:
        """Position of the first field of some neurons in a run's state."""
        block, lane = np.divmod(self.lane[neuron], LANES)
        return block * BLOCK + lane

    def pulse(self, neuron: np.ndarray) -> np.ndarray:
        """Position of the first receptor of some neurons in a run's pulses, int32."""
        block, lane = np.divmod(self.lane[neuron], LANES)
        return (block * PULSES + lane).astype(np.int32)

    def fields(self, state: np.ndarray, first: int, count: int = 1) -> np.ndarray:
        """Copy of some fields of every neuron, dims (run, neuron) or (run, field, neuron)."""
        blocks = state.reshape(len(state), -1, N_FIELDS, LANES)[:, :, first : first + count]
        flat = blocks.transpose(0, 2, 1, 3).reshape(len(state), count, -1)[:, :, self.lane]
        return flat[:, 0] if count == 1 else flat

    def set_field(
        self, state: np.ndarray, field: int, run: slice | np.ndarray, value: np.ndarray, padding: float
    ) -> None:
        """Write a field of every neuron of some runs, and its padding lanes."""
        full = np.full(self.n_lanes, padding)
        full[self.lane] = value
        state.reshape(len(state), -1, N_FIELDS, LANES)[run, :, field] = full.reshape(-1, LANES)


def sender_lane(mapped: MappedNetwork, lanes: Lanes, pre: np.ndarray) -> np.ndarray:
    """Sender number in the kernel (inputs first, then lanes) of senders in the edge table (inputs, then neurons)."""
    neuron = pre >= mapped.n_sources
    sender = pre.astype(np.int64)
    sender[neuron] = mapped.n_sources + lanes.lane[pre[neuron] - mapped.n_sources]
    return sender


def heard_edges(mapped: MappedNetwork, chip: Chip) -> np.ndarray:
    """Edges whose core hears the tag of their sender, (edge,) bool; a die has tags that a core does not hear."""
    edges = mapped.edges
    return ~chip.deaf(mapped.address[edges.post, 0], mapped.sender_tag[edges.pre])


def _walk(sender: np.ndarray, target: np.ndarray, n_senders: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of connections by sender and target, and the first and the one after the last of each sender."""
    bounds = np.concatenate([[0], np.cumsum(np.bincount(sender, minlength=n_senders))]).astype(np.int64)
    return np.lexsort((target, sender)), bounds[:-1], bounds[1:]


def within(connections: Wiring | Plastic, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The first, and the one after the last, of every sender's connections to blocks from ``first`` to before
    ``last``."""
    sender = np.repeat(np.arange(len(connections.first)), connections.last - connections.first)

    def up_to(block):
        below = sender[connections.target < block * PULSES]
        return connections.first + np.bincount(below, minlength=len(connections.first))

    return up_to(first), up_to(last)


def build_wiring(mapped: MappedNetwork, lanes: Lanes) -> tuple[Wiring, np.ndarray]:
    """Connections that are CAM words, and the edge behind each connection."""
    edges = mapped.edges
    edge = np.flatnonzero(~edges.plastic)
    sender = sender_lane(mapped, lanes, edges.pre[edge])
    target = lanes.pulse(edges.post[edge]) + edges.receptor[edge].astype(np.int32) * LANES
    order, first, last = _walk(sender, target, mapped.n_sources + lanes.n_lanes)
    return Wiring(mapped.n_sources, first, last, target[order], delay=np.zeros((0, 0), np.int32)), edge[order]


def build_plastic(
    mapped: MappedNetwork, lanes: Lanes, chips: Sequence[Chip], n_seeds: int, dt: float, dtype: type
) -> tuple[Plastic, np.ndarray]:
    """Plastic synapses of every run with zero codes, and the (positive) edge behind each.

    Each has a slot in its neuron's plastic block, numbered by order of definition; its pulse and its step charge have
    the slot's mismatch.
    """
    edges, spec = mapped.edges, mapped.device.plastic
    edge = np.flatnonzero(edges.plastic & (edges.sign > 0))
    slot = _rank(edges.post[edge])
    sender = sender_lane(mapped, lanes, edges.pre[edge])
    order, first, last = _walk(sender, lanes.pulse(edges.post[edge]), mapped.n_sources + lanes.n_lanes)
    edge, slot = edge[order], slot[order]
    post = edges.post[edge]
    place = mapped.address[post].astype(np.uint32)
    n_runs = len(chips) * n_seeds
    word = np.zeros((n_runs, len(edge)), dtype)
    rate = np.zeros((n_runs, len(edge)))
    for c, chip in enumerate(chips):
        if spec is None or len(edge) == 0:
            break
        runs, heard = slice(c * n_seeds, (c + 1) * n_seeds), heard_edges(mapped, chip)[edge]
        word[runs] = spec.word_per_code * chip.plastic_factor(mapped.address, "pulse")[post, slot] * heard
        rate[runs] = (
            spec.step_window / (spec.step_charge * PA) * chip.plastic_factor(mapped.address, "step")[post, slot] * heard
        )
    rule = np.array([spec.balance, spec.code_max] if spec else [0.0, 0.0], float)
    return Plastic(
        first=first,
        last=last,
        lane=lanes.base(post),
        neuron=lanes.lane[post].astype(np.int64),
        target=lanes.pulse(post),
        address=(place[:, 0] << 20) | (place[:, 1] << 8) | slot.astype(np.uint32),
        code=np.zeros((n_runs, len(edge)), np.int32),
        word=word,
        rate=rate,
        terms=np.tile(np.eye(N_TERMS)[FEEDBACK], (len(edge), 1)),
        active=np.full(len(edge), -1.0),
        learn=np.zeros(n_runs, np.uint8),
        rule=rule,
        floor=np.zeros(n_runs),
        writes=np.zeros(n_runs, np.int64),
        traces=_build_traces(mapped, lanes, chips, n_seeds, dt),
    ), edge


def _build_traces(mapped: MappedNetwork, lanes: Lanes, chips: Sequence[Chip], n_seeds: int, dt: float) -> Traces:
    """Traces of every run at rest, on a device whose synapses read any."""
    spec = mapped.device.traces
    n_runs, n = len(chips) * n_seeds, 0 if spec is None else lanes.n_lanes
    jump = np.zeros((n_runs, n, 2))
    if spec is None:
        loss = np.ones(2)
    else:
        tau = np.array([spec.fast, spec.slow])
        loss = dt / tau
        factor = np.repeat(np.stack([chip.trace_factor(mapped.address) for chip in chips]), n_seeds, 0)
        # events see the spikes of earlier steps: with this, not 1/tau, what they see of a steady rate is that rate
        jump[:, lanes.lane] = factor * np.expm1(loss) / dt
    return Traces(np.zeros((n_runs, n, 2)), np.zeros((n_runs, n), np.int64), jump, loss)


def _rank(group: np.ndarray) -> np.ndarray:
    """Position of each element among the earlier elements of its group."""
    order = np.argsort(group, kind="stable")
    count = np.bincount(group) if len(group) else np.zeros(0, np.int64)
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - (np.cumsum(count) - count)[group[order]]
    return rank
