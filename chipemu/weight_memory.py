"""The weights that dies hold: CAM words in their slots and plastic codes, for every run of an emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.chip import Chip
from chipemu.errors import InputError, RoutingError
from chipemu.kernels.store import CAPACITOR, CODE, PAIR, read_all, read_pairs, write_all
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork, WeightImage
from chipemu.mapping.masks import N_BASES, mask_sums, rewritten_words, slot_masks
from chipemu.weight_store import build_store
from chipemu.wiring import Lanes, build_plastic, build_wiring, heard_edges


@dataclass(frozen=True, eq=False)
class TrainedImage:
    """Everything that training changed: signed weights by projection (run, pair), and the CAM slots that hold them."""

    weights: Mapping[str, np.ndarray]
    slots: np.ndarray | None

    def where(self, take: np.ndarray, other: "TrainedImage") -> "TrainedImage":
        """The runs in ``take`` from ``other``, the rest from this image."""
        weights = {name: np.where(take[:, None], other.weights[name], held) for name, held in self.weights.items()}
        if self.slots is None or other.slots is None:
            return TrainedImage(weights, None)
        return TrainedImage(weights, np.where(take[:, None, None], other.slots, self.slots))


class WeightMemory:
    """CAM words and plastic codes of every run, and what the kernel needs of them.

    A weight that is asked for (``weights``) is what the host believes; dead and stuck words change what is delivered.

    Parameters
    ----------
    mapped, lanes, chips, n_seeds, dt, dtype, step, keys
        Those of the emulator.
    bases : (neuron, 4) design base currents in units of base current 0, on devices with masks

    Attributes
    ----------
    wiring : connections that are CAM words, sorted by sender
    edge : (connection,) edge behind each connection
    amplitude : (run, connection) sum of the slot factors of a connection's words [CAM words]
    plastic : plastic synapses of every run
    cells : what their codes are kept in
    step : (run,) absolute steps of chip time, advanced in place by the emulator
    keys : (run, 2) noise seed and die seed
    """

    def __init__(
        self,
        mapped: MappedNetwork,
        lanes: Lanes,
        chips: Sequence[Chip],
        n_seeds: int,
        dt: float,
        dtype: type,
        *,
        step: np.ndarray,
        keys: np.ndarray,
        bases: np.ndarray | None = None,
    ):
        self._step, self._keys = step, keys
        self._mapped, self._n_runs = mapped, len(chips) * n_seeds
        self.wiring, self.edge = build_wiring(mapped, lanes)
        self.plastic, self._plastic_edge = build_plastic(mapped, lanes, chips, n_seeds, dt, dtype)
        self.cells = build_store(mapped.device, chips, n_seeds, len(self._plastic_edge), dt, dtype)
        self.amplitude = np.zeros((self._n_runs, len(self.edge)), dtype)
        self._factor = np.repeat(np.stack([chip.slot_factor(mapped.address) for chip in chips]), n_seeds, 0)
        self._stuck = np.repeat(np.stack([chip.stuck_words(mapped.address) for chip in chips]), n_seeds, 0)
        self._heard = np.repeat(np.stack([heard_edges(mapped, chip) for chip in chips]), n_seeds, 0)
        self._slots: np.ndarray | None = None
        self._held: np.ndarray | None = None
        self._held_masks: np.ndarray | None = None
        self._words = np.zeros((self._n_runs, len(mapped.edges)))
        self._masks = mapped.device.weights == "masks"
        self._bases = bases
        self._shares = np.full((self._n_runs, mapped.n_neurons, N_BASES), 1 / N_BASES)
        self._step_rate = self.plastic.rate.copy()
        self._refuse_phantom_edges()
        self.write({name: np.zeros(k) for name, k in self._trained().items()}, every_cell=True)

    def _trained(self) -> dict[str, int]:
        return {p.name: len(p) for p in self._mapped.network.projections if p.trained}

    def _refuse_phantom_edges(self) -> None:
        # A phantom edge needs an event whose tag another edge listens to, so one word on every trained pair finds them
        # all: later images hold the same tags in other numbers.
        probe = self._mapped.image(
            {name: self._typed(np.ones(k)) for name, k in self._trained().items()}, bases=self._bases
        )
        phantoms = self._mapped.phantom_edges(probe)
        if phantoms:
            raise RoutingError(
                f"the mapping makes {len(phantoms)} connections nobody asked for, the first {phantoms[0]}; map again"
            )

    def _typed(self, weights: np.ndarray) -> np.ndarray:
        # whole numbers become integers; anything else goes on as it is, for the mapper to refuse on a device with words
        whole = self._mapped.device.weights == "words" and np.array_equal(weights, np.rint(weights))
        return np.asarray(weights, np.int64) if whole else np.asarray(weights)

    def write(
        self, weights: Mapping[str, np.ndarray], policy: str = "greedy", rng=None, *, every_cell: bool = False
    ) -> Ledger:
        """Write an image to every run, words that stay in their slots; returns what it cost each run.

        Cells of a weight store are written where the code differs from the one held, or all of them, which ends a drift
        compensation.
        """
        full = {
            name: self._typed(np.broadcast_to(weights[name], (self._n_runs, k)))
            for name, k in self._trained().items()
            if name in weights
        }
        image = self._mapped.image(full, policy=policy, rng=rng, bases=self._bases)
        words = np.broadcast_to(image.words, (self._n_runs, len(self._mapped.edges)))
        changed = rewritten_words(self._words, words) if self._masks else np.abs(words - self._words)
        changed = changed.sum(1).astype(np.int64)
        self._words = words
        if every_cell:
            self.cells.gain[:] = 1.0
        held = self._held_codes().copy()
        self._set_amplitudes(WeightImage(words, image.clipped))
        return Ledger(
            weight_writes=changed,
            cell_writes=self._write_cells(every_cell | (self.plastic.code != held)),
            uploads=(changed > 0).astype(np.int64),
            clipped_words=image.clipped,
        )

    def _write_cells(self, chosen: np.ndarray) -> np.ndarray | int:
        """Write the codes of the chosen synapses (run, synapse) into their cells; returns how many of each run."""
        if self.cells.kind == CODE:
            return 0
        write_all(self.cells, self.plastic.code, self.plastic.address, chosen, self._step, self._keys)
        return chosen.sum(1)

    def _held_codes(self) -> np.ndarray:
        """Code of every plastic synapse as it can be read out, (run, synapse): of a capacitor the nearest to its
        voltage now."""
        if self.cells.kind == CAPACITOR:
            return np.rint(self._acting()).astype(np.int32)
        return self.plastic.code

    def _acting(self) -> np.ndarray:
        """Signed weight that an event of this moment would see, (run, synapse) in code steps."""
        plastic = self.plastic
        if self.cells.kind == CODE:
            return plastic.code.astype(float)
        out = np.zeros(plastic.code.shape)
        read_all(self.cells, plastic.code, plastic.address, self._step, self._keys, out)
        return out

    def _set_amplitudes(self, image: WeightImage) -> None:
        positive = self._plastic_edge
        self.plastic.code[:] = image.words[:, positive] - image.words[:, self._negative(positive)]
        if self._mapped.device.weights == "float":
            self.amplitude[:] = image.words[:, self.edge]
            return
        self._slots = self._mapped.cam_slots(image, self._slots)
        self._write_words(self._slots)
        self._sum_words()

    def _write_words(self, asked: np.ndarray) -> None:
        """Write what is asked into the words: a stuck one keeps the first content and mask that it was ever given."""
        masks = slot_masks(asked, self._words) if self._masks else None
        kept = np.zeros(asked.shape, bool) if self._held is None else self._stuck & (self._held >= 0)
        self._held = asked if self._held is None else np.where(kept, self._held, asked)
        if masks is not None:
            self._held_masks = masks if self._held_masks is None else np.where(kept, self._held_masks, masks)

    def _sum_words(self) -> None:
        """Amplitude of every connection: its words' slot factors, each times what its mask lets through."""
        factor = self._factor
        if self._masks:
            factor = factor * np.take_along_axis(mask_sums(self._shares), self._held_masks, axis=2)
        run, neuron, slot = np.nonzero(self._held >= 0)
        total = self._by_edge(run, self._held[run, neuron, slot], factor[run, neuron, slot])
        self.amplitude[:] = (total * self._heard)[:, self.edge]

    def _by_edge(self, run: np.ndarray, edge: np.ndarray, amount: np.ndarray) -> np.ndarray:
        """Sum over words, (run, edge)."""
        n_edges = len(self._mapped.edges)
        return np.bincount(run * n_edges + edge, amount, self._n_runs * n_edges).reshape(self._n_runs, n_edges)

    def set_base_shares(self, shares: np.ndarray) -> None:
        """Let the base currents of every neuron be these parts of a word with all four, (run, neuron, 4)."""
        self._shares = shares
        self._sum_words()

    def _negative(self, edge: np.ndarray) -> np.ndarray:
        """The negative edge of each pair, given the positive one: it follows after the projection's k positive ones."""
        size = np.array([len(p) for p in self._mapped.network.projections] or [0])
        return edge + size[self._mapped.edges.projection[edge]]

    def weights(self) -> dict[str, np.ndarray]:
        """Signed weights held now, by trained projection (run, pair)."""
        held = {}
        for projection in self._mapped.network.projections:
            if projection.trained and projection.store == "plastic":
                held[projection.name] = self._by_pair(projection.name, self._held_codes())
            elif projection.trained:
                strengths = self._mapped.strengths(self._words, self._bases)
                positive, negative = (strengths[:, self._mapped.edge_slice(projection, sign)] for sign in (1, -1))
                held[projection.name] = positive - negative
        return held

    def _by_pair(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values of the plastic synapses (run, synapse, ...) in the order of a projection's pairs."""
        mine = self.synapses(name)
        ordered = np.zeros((self._n_runs, len(mine), *values.shape[2:]), values.dtype)
        ordered[:, self._mapped.edges.pair[self._plastic_edge[mine]]] = values[:, mine]
        return ordered

    def acting(self) -> dict[str, np.ndarray]:
        """What plastic synapses weigh to an event of this moment, by projection (run, pair) in code steps."""
        now = self._acting()
        return {name: self._by_pair(name, now) for name in self._plastic_names()}

    def conductances(self) -> dict[str, np.ndarray]:
        """Both conductances of every plastic synapse at this moment, by projection (run, pair, 2) [S].

        Raises
        ------
        InputError
            If the weights are not kept in conductances.
        """
        self._require_pairs("conductances are of memristive weights")
        plastic, device = self.plastic, self._mapped.device
        out = np.zeros((*plastic.code.shape, 2))
        read_pairs(self.cells, plastic.code, plastic.address, self._step, self._keys, out)
        out *= device.store.step(device.plastic.code_max)
        return {name: self._by_pair(name, out) for name in self._plastic_names()}

    def _plastic_names(self) -> list[str]:
        return [p.name for p in self._mapped.network.projections if p.trained and p.store == "plastic"]

    def _require_pairs(self, what: str) -> None:
        if self.cells.kind != PAIR:
            raise InputError(
                f"{what}; {self._mapped.device.name} has none ({self._mapped.device.path}, store). Take device "
                "'memristive'"
            )

    def age(self, duration: float) -> None:
        """Let time pass with the dies idle [s]: cells drift and leak."""
        self.cells.idle[:] += duration

    def compensate(self, reference: Mapping[str, np.ndarray]) -> None:
        """Scale the reading of every die by one gain: mean |weight| of the reference over that of now.

        Raises
        ------
        InputError
            If the weights are not kept in conductances, or if they read as nothing.
        """
        self._require_pairs("drift compensation scales the reading of memristive weights")
        now = self.acting()
        sizes = [sum(np.abs(held[name]).sum(1) for name in now) for held in (reference, now)]
        if not np.all(sizes[0] > 0) or not np.all(sizes[1] > 0):
            raise InputError("drift compensation compares mean weights before and after; here all of a die read 0")
        self.cells.gain[:] *= sizes[0] / sizes[1]

    def pulses(self) -> np.ndarray:
        """Synapses that one event of each sender fires now, (run, sender), sources first."""
        edges = self._mapped.edges
        if self._held is None:  # float weights
            fired = np.where(edges.plastic, 0, self._words != 0)
        else:
            run, neuron, slot = np.nonzero((self._held >= 0) & (self._factor > 0))
            fired = self._by_edge(run, self._held[run, neuron, slot], np.ones(len(run))) * self._heard
        fired[:, self._plastic_edge] = (self._acting() != 0) & (self.plastic.word > 0)
        out = np.zeros((self._n_runs, self._mapped.n_sources + self._mapped.n_neurons))
        for run in range(self._n_runs):
            out[run] = np.bincount(edges.pre, fired[run], out.shape[1])
        return out

    def writes_of_call(self) -> dict[str, np.ndarray]:
        """Ledger fields of what learning wrote in the last call of the kernel, each (run,)."""
        writes = self.plastic.writes.copy()
        return {"weight_writes": writes, "cell_writes": writes * (self.cells.kind != CODE)}

    def store(self) -> TrainedImage:
        """Keep everything that training changed."""
        return TrainedImage(self.weights(), None if self._slots is None else self._slots.copy())

    def restore(self, image: TrainedImage) -> Ledger:
        """Put a stored image back, words in the slots they had; returns what it cost each run."""
        self._slots = None if image.slots is None else image.slots.copy()
        return self.write(image.weights)

    def synapses(self, name: str) -> np.ndarray:
        """Plastic synapses of a projection, as they are numbered in ``plastic``."""
        chosen = np.zeros(len(self._mapped.edges), bool)
        chosen[self._mapped.edge_slice(name, +1)] = True
        return np.flatnonzero(chosen[self._plastic_edge])

    def set_learning_rate(self, eta: float | Mapping[str, float]) -> None:
        """Scale the step probability of every plastic synapse, or of those of some projections (design value 1)."""
        if not isinstance(eta, Mapping):
            self.plastic.rate[:] = self._step_rate * eta
            return
        for name, factor in eta.items():
            chosen = self.synapses(name)
            self.plastic.rate[:, chosen] = self._step_rate[:, chosen] * factor

    def set_terms(self, name: str, terms: Sequence[float]) -> None:
        """Let a projection's synapses learn by these coefficients of the local signals, see `chipemu.plasticity`."""
        self.plastic.terms[self.synapses(name)] = terms

    def require_activity(self, name: str, current: float) -> None:
        """Let a projection's synapses step only while the adaptation current is above the floor by this [pA]."""
        self.plastic.active[self.synapses(name)] = current
