"""Dead and stuck elements of a die: which CAM words, plastic synapses, neurons and tags do not work.

Everything is drawn from counter-based uniforms keyed by (die seed, place), so that scaling a fraction up adds elements
and moves none. The fraction of dead words of a neuron is beta distributed, with the same mean for a whole core:

    p ~ Beta(m (1/r - 1), (1 - m) (1/r - 1)),    m = mean of the core,  r = correlation of two words of a neuron,

a moment form of the beta distribution (Johnson, Kotz and Balakrishnan 1995, ch. 25). Not modelled: elements that fail
now and then, and neighbours on the die that fail together.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betaincinv

from chipemu.addresses import core_addresses, every_place, packed
from chipemu.device import Capacity, DefectRates
from chipemu.effects import Switches
from chipemu.kernels.layout import STREAM_DEFECT
from chipemu.kernels.random import fill_uniforms
from chipemu.mismatch import normals

# Which number of the stream an element draws; slots of words and of plastic synapses follow after one another.
_OF_NEURON, _NEURON, _TAG, _CORE = range(4)
_HIGH_TAG = 20
_DEAD_WORD, _STUCK_WORD, _DEAD_SYNAPSE, _STUCK_SYNAPSE = (kind << 16 for kind in range(1, 5))
_SMALLEST = 2.0**-25  # no uniform lies below


def beta_shape(mean: np.ndarray, clustering: float) -> tuple[np.ndarray, np.ndarray]:
    """Parameters a and b of the beta distribution with a mean and a correlation within a neuron, both in (0, 1).

    Examples
    --------
    >>> beta_shape(0.25, 0.5)
    (0.25, 0.75)
    """
    strength = 1 / clustering - 1
    return mean * strength, (1 - mean) * strength


def word_fractions(uniform: np.ndarray, mean: np.ndarray, clustering: float) -> np.ndarray:
    """Fraction of dead words of neurons, by the inverse of the beta distribution.

    Parameters
    ----------
    uniform : (...) in (0, 1]
        What each neuron drew.
    mean : (...)
        Of its core.
    clustering
        Correlation of two words of a neuron; 0 gives every neuron the mean.
    """
    mean = np.broadcast_to(mean, uniform.shape)
    if clustering == 0:
        return mean.copy()
    between = (mean > 0) & (mean < 1)
    fraction = (mean >= 1).astype(float)
    fraction[between] = betaincinv(*beta_shape(mean[between], clustering), uniform[between])
    return fraction


@dataclass(frozen=True, eq=False)
class Defects:
    """Dead and stuck elements of one die.

    Parameters
    ----------
    rates : DefectRates
        Of the device.
    chip : Capacity
        What there is.
    n_plastic : int
        Plastic synapses of a neuron.
    seed : int
        Die seed.
    applied : Switches
        Scales of the fractions, which end at 1.
    """

    rates: DefectRates
    chip: Capacity
    n_plastic: int
    seed: int
    applied: Switches

    @cached_property
    def word_fraction(self) -> np.ndarray:
        """Probability that a CAM word of each neuron is dead, (core, neuron)."""
        n_cores, n_neurons = self.chip.n_cores, self.chip.n_neurons_per_core
        mean = self._scaled(self.rates.dead_words, "dead_words")
        if mean == 0:
            return np.zeros((n_cores, n_neurons))
        spread = self.rates.word_between_cores
        factor = np.exp(spread * normals(self.seed, core_addresses(n_cores), STREAM_DEFECT, _CORE) - spread**2 / 2)
        of_core = np.minimum(mean * factor, 1.0)[:, None] if mean < 1 else np.ones((n_cores, 1))
        return word_fractions(self._everywhere(_OF_NEURON, n_neurons), of_core, self.rates.word_clustering)

    @cached_property
    def dead_neurons(self) -> np.ndarray:
        """Neurons that never spike, (core, neuron) bool."""
        return self._rare(_NEURON, self.chip.n_neurons_per_core, self.rates.dead_neurons, "dead_neurons")

    @cached_property
    def dead_tags(self) -> np.ndarray:
        """Tags that no word of a core hears, (core, tag) bool."""
        core, tag = np.indices((self.chip.n_cores, 1 << self.chip.tag_bits), np.int32)
        return self.deaf(core, tag)

    def deaf(self, core: np.ndarray, tag: np.ndarray) -> np.ndarray:
        """Whether words of some cores do not hear some tags, bool of the shape of both."""
        fraction = self._scaled(self.rates.dead_tags, "dead_tags")
        if fraction == 0:
            return np.zeros(np.shape(core), bool)
        shape, core, tag = np.shape(core), np.ravel(core), np.ravel(tag)
        place = packed(np.stack([core, tag & 0xFFFF], axis=1))
        uniform = np.empty(len(place))
        for high in range((int(tag.max(initial=0)) >> 16) + 1):  # an address has 16 bits for a tag
            mine = tag >> 16 == high
            uniform[mine] = self._uniforms(place[mine], _TAG | high << _HIGH_TAG)
        return (uniform <= fraction).reshape(shape)

    @property
    def any(self) -> bool:
        """Whether anything can be dead or stuck."""
        kinds = ("dead_words", "stuck_words", "dead_neurons", "dead_tags")
        fractions = [self._scaled(getattr(self.rates, kind), kind) for kind in kinds]
        return max(*fractions, *(self._plastic_fractions() if self.n_plastic else ())) > 0

    @property
    def can_kill_neurons(self) -> bool:
        """Whether neurons of the die can be dead."""
        return self._scaled(self.rates.dead_neurons, "dead_neurons") > 0

    def bad_slots(self, address: np.ndarray) -> np.ndarray:
        """Dead or stuck words, then plastic synapses, of neurons at ``address`` (n, 2): (n, slot) bool."""
        words = self.dead_words(address) | self.stuck_words(address)
        return np.hstack([words, self.dead_synapses(address) | self.stuck_synapses(address)])

    def mostly_bad(self, address: np.ndarray, tolerance: float) -> np.ndarray:
        """Neurons with more than this share of their words, or of their plastic synapses, dead or stuck, (n,) bool."""
        n_words = self.chip.n_cam_words
        bad = self.bad_slots(address)
        return (bad[:, :n_words].sum(1) > tolerance * n_words) | (bad[:, n_words:].sum(1) > tolerance * self.n_plastic)

    def dead_words(self, address: np.ndarray) -> np.ndarray:
        """CAM words that never match, of neurons at ``address`` (n, 2) core, neuron: (n, slot) bool."""
        fraction = self.word_fraction[address[:, 0], address[:, 1]]
        return self._slots(address, _DEAD_WORD, self.chip.n_cam_words, fraction)

    def stuck_words(self, address: np.ndarray) -> np.ndarray:
        """CAM words that keep their first content, (n, slot) bool."""
        return self._slots(
            address, _STUCK_WORD, self.chip.n_cam_words, self._scaled(self.rates.stuck_words, "stuck_words")
        )

    def dead_synapses(self, address: np.ndarray) -> np.ndarray:
        """Plastic synapses without a pulse, (n, slot) bool."""
        return self._slots(address, _DEAD_SYNAPSE, self.n_plastic, self._plastic_fractions()[0])

    def stuck_synapses(self, address: np.ndarray) -> np.ndarray:
        """Plastic synapses whose code never steps, (n, slot) bool."""
        return self._slots(address, _STUCK_SYNAPSE, self.n_plastic, self._plastic_fractions()[1])

    def _scaled(self, fraction: float, effect: str) -> float:
        return min(1.0, fraction * self.applied.scale(effect))

    def _plastic_fractions(self) -> tuple[float, float]:
        dead, stuck = self.rates.dead_synapses, self.rates.stuck_synapses
        return self._scaled(dead, "dead_words"), self._scaled(stuck, "stuck_words")

    def _rare(self, kind: int, n: int, fraction: float, effect: str) -> np.ndarray:
        fraction = self._scaled(fraction, effect)
        if fraction == 0:
            return np.zeros((self.chip.n_cores, n), bool)
        return self._everywhere(kind, n) <= fraction

    def _everywhere(self, kind: int, n: int) -> np.ndarray:
        """One uniform for each of ``n`` elements of every core, (core, n)."""
        n_cores = self.chip.n_cores
        return self._uniforms(every_place(n_cores, n), kind).reshape(n_cores, n)

    def _slots(self, address: np.ndarray, kind: int, n_slots: int, fraction) -> np.ndarray:
        found = np.zeros((len(address), n_slots), bool)
        chosen = np.flatnonzero(np.broadcast_to(fraction, len(address)) >= _SMALLEST)
        place = packed(address[chosen])
        limit = np.broadcast_to(fraction, len(address))[chosen]
        for slot in range(n_slots if len(chosen) else 0):
            found[chosen, slot] = self._uniforms(place, kind + slot) <= limit
        return found

    def _uniforms(self, place: np.ndarray, index: int) -> np.ndarray:
        out = np.empty(len(place))
        fill_uniforms(place, STREAM_DEFECT, index, self.seed & 0xFFFFFFFF, self.seed >> 32, out)
        return out
