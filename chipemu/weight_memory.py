"""The weights that dies hold: CAM words in their slots and plastic codes, for every run of an emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.chip import Chip
from chipemu.errors import RoutingError
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork, WeightImage
from chipemu.mapping.masks import N_BASES, mask_sums, rewritten_words, slot_masks
from chipemu.wiring import Lanes, build_plastic, build_wiring


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

    Parameters
    ----------
    mapped, lanes, chips, n_seeds, dtype
        Those of the emulator.
    bases : (neuron, 4) design base currents in units of base current 0, on devices with masks

    Attributes
    ----------
    wiring : connections that are CAM words, sorted by sender
    edge : (connection,) edge behind each connection
    amplitude : (run, connection) sum of the slot factors of a connection's words [CAM words]
    plastic : plastic synapses of every run
    """

    def __init__(
        self,
        mapped: MappedNetwork,
        lanes: Lanes,
        chips: Sequence[Chip],
        n_seeds: int,
        dtype: type,
        bases: np.ndarray | None = None,
    ):
        self._mapped, self._n_runs = mapped, len(chips) * n_seeds
        self.wiring, self.edge = build_wiring(mapped, lanes)
        self.plastic, self._plastic_edge = build_plastic(mapped, lanes, chips, n_seeds, dtype)
        self.amplitude = np.zeros((self._n_runs, len(self.edge)), dtype)
        self._factor = np.repeat(np.stack([chip.slot_factor(mapped.address) for chip in chips]), n_seeds, 0)
        self._slots: np.ndarray | None = None
        self._words = np.zeros((self._n_runs, len(mapped.edges)))
        self._masks = mapped.device.weights == "masks"
        self._bases = bases
        self._shares = np.full((self._n_runs, mapped.n_neurons, N_BASES), 1 / N_BASES)
        self._step_rate = self.plastic.rate.copy()
        self._refuse_phantom_edges()
        self.write({name: np.zeros(k) for name, k in self._trained().items()})

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

    def write(self, weights: Mapping[str, np.ndarray], policy: str = "greedy", rng=None) -> Ledger:
        """Write an image to every run, words that stay in their slots; returns what it cost each run."""
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
        self._set_amplitudes(WeightImage(words, image.clipped))
        return Ledger(weight_writes=changed, uploads=(changed > 0).astype(np.int64), clipped_words=image.clipped)

    def _set_amplitudes(self, image: WeightImage) -> None:
        positive = self._plastic_edge
        self.plastic.code[:] = image.words[:, positive] - image.words[:, self._negative(positive)]
        if self._mapped.device.weights == "float":
            self.amplitude[:] = image.words[:, self.edge]
            return
        self._slots = self._mapped.cam_slots(image, self._slots)
        self._sum_slots()

    def _sum_slots(self) -> None:
        """Amplitude of every connection: its words' slot factors, each times what its mask lets through."""
        factor = self._factor
        if self._masks:
            let_through = np.take_along_axis(mask_sums(self._shares), slot_masks(self._slots, self._words), axis=2)
            factor = factor * let_through
        run, neuron, slot = np.nonzero(self._slots >= 0)
        n_edges = len(self._mapped.edges)
        place = run * n_edges + self._slots[run, neuron, slot]
        total = np.bincount(place, factor[run, neuron, slot], self._n_runs * n_edges)
        self.amplitude[:] = total.reshape(self._n_runs, n_edges)[:, self.edge]

    def set_base_shares(self, shares: np.ndarray) -> None:
        """Let the base currents of every neuron be these parts of a word with all four, (run, neuron, 4)."""
        self._shares = shares
        self._sum_slots()

    def _negative(self, edge: np.ndarray) -> np.ndarray:
        """The negative edge of each pair, given the positive one: it follows after the projection's k positive ones."""
        size = np.array([len(p) for p in self._mapped.network.projections] or [0])
        return edge + size[self._mapped.edges.projection[edge]]

    def weights(self) -> dict[str, np.ndarray]:
        """Signed weights held now, by trained projection (run, pair)."""
        held = {}
        for projection in self._mapped.network.projections:
            if projection.trained and projection.store == "plastic":
                held[projection.name] = self._codes(projection.name)
            elif projection.trained:
                strengths = self._mapped.strengths(self._words, self._bases)
                positive, negative = (strengths[:, self._mapped.edge_slice(projection, sign)] for sign in (1, -1))
                held[projection.name] = positive - negative
        return held

    def _codes(self, name: str) -> np.ndarray:
        edges = self._mapped.edges
        chosen = np.zeros(len(edges), bool)
        chosen[self._mapped.edge_slice(name, +1)] = True
        mine = chosen[self._plastic_edge]
        codes = np.zeros((self._n_runs, int(chosen.sum())), np.int32)
        codes[:, edges.pair[self._plastic_edge[mine]]] = self.plastic.code[:, mine]
        return codes

    def pulses(self) -> np.ndarray:
        """Synapses that one event of each sender fires now, (run, sender), sources first."""
        edges = self._mapped.edges
        fired = self._mapped.edge_words(self._words)
        fired[:, self._plastic_edge] = self.plastic.code != 0
        out = np.zeros((self._n_runs, self._mapped.n_sources + self._mapped.n_neurons))
        for run in range(self._n_runs):
            out[run] = np.bincount(edges.pre, fired[run], out.shape[1])
        return out

    def store(self) -> TrainedImage:
        """Keep everything that training changed."""
        return TrainedImage(self.weights(), None if self._slots is None else self._slots.copy())

    def restore(self, image: TrainedImage) -> Ledger:
        """Put a stored image back, words in the slots they had; returns what it cost each run."""
        self._slots = None if image.slots is None else image.slots.copy()
        return self.write(image.weights)

    def set_learning_rate(self, eta: float) -> None:
        """Scale the step probability of every plastic synapse (its design value is 1)."""
        self.plastic.rate[:] = self._step_rate * eta
