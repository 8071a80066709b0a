"""Mismatch for a float network: what tells a layer of a virtual die from the nominal one, drawn as often as asked.

Lognormal factors with median 1, as on a die (`chipemu.mismatch`), of what a layer's neurons and synapses do:

    leak, gain            of a neuron: its leak, and what it makes of its input current
    positive, negative    of a neuron: charge of its positive and of its negative codes, two synapse circuits
    slot                  of a synapse

Noise on the parameters while training makes a network robust to the mismatch of the chip that it is sent to (Cakal et
al. 2024, for DYNAP-SE2; Buechel, Faber and Muir 2022 compare it with attacks on the parameters). Not drawn: what
differs between cores, which calibration takes away, dead elements, the heavy tail and the gradient across a die, and
dead times.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Standard deviations of ln(factor) of a layer [1]; see the module.

    Examples
    --------
    >>> Spread(leak=0.18, gain=0.145).times(2).leak
    0.36
    """

    leak: float = 0.0
    gain: float = 0.0
    charge: float = 0.0
    slot: float = 0.0

    def times(self, scale: float) -> "Spread":
        """The same spread, wider by a factor."""
        return Spread(scale * self.leak, scale * self.gain, scale * self.charge, scale * self.slot)


@dataclass(frozen=True, eq=False)
class LayerFactors:
    """Factors of one layer on the virtual die of every presentation, (presentation, neuron) or 1 for all; ``slot``
    (neuron, sender) or 1 is common to the presentations of a batch."""

    leak: np.ndarray | float = 1.0
    gain: np.ndarray | float = 1.0
    positive: np.ndarray | float = 1.0
    negative: np.ndarray | float = 1.0
    slot: np.ndarray | float = 1.0

    def parts(self, codes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray | float]]:
        """Codes (receiver, sender) as they act, in parts, each with the factor on what its receivers get from it."""
        acting = (codes * self.slot).astype(np.float32)
        if np.ndim(self.positive) == 0:
            return [(acting, np.float32(self.positive))]
        sides = (np.maximum(acting, 0), self.positive), (np.minimum(acting, 0), self.negative)
        return [(side, np.asarray(factor, np.float32)) for side, factor in sides]


NOMINAL = LayerFactors()


def draw(spread: Spread, shape: tuple[int, int], n_dies: int, rng: np.random.Generator) -> LayerFactors:
    """One layer of some virtual dies; nothing is drawn where nothing spreads.

    Parameters
    ----------
    spread : how far they may lie from the nominal one
    shape : (neurons, senders)
    n_dies : one for each presentation
    rng : draws them

    Examples
    --------
    >>> layer = draw(Spread(charge=0.1), (50, 4), 20, np.random.default_rng(0))
    >>> layer.positive.shape, round(float(np.log(layer.positive).std()), 2), float(layer.leak.max())
    ((20, 50), 0.1, 1.0)
    """
    if spread == Spread():
        return NOMINAL
    sizes = (spread.leak, spread.gain, spread.charge, spread.charge)
    per_neuron = (np.exp(size * rng.standard_normal((n_dies, shape[0]))) for size in sizes)
    return LayerFactors(*per_neuron, slot=np.exp(spread.slot * rng.standard_normal(shape)))
