"""Mismatch for a float network: what tells a layer of a virtual die from the nominal one, drawn as often as asked.

Lognormal factors with median 1, as on a die (`chipemu.mismatch`), of what a layer's neurons and synapses do:

    leak, gain            of a neuron: its leak, and what it makes of its input current
    positive, negative    of a neuron: charge of its positive and of its negative codes, two synapse circuits
    slot                  of a synapse

A network trained on many virtual dies becomes robust to the spread of real ones (Buechel et al. 2021; Zendrikov et al.
2022 for this chip's spread). Not drawn: what differs between cores, which calibration takes away, dead elements, the
heavy tail and the gradient across a die, and dead times.
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
    """Factors of one layer: (neuron,), ``slot`` (neuron, sender), or 1 for all."""

    leak: np.ndarray | float = 1.0
    gain: np.ndarray | float = 1.0
    positive: np.ndarray | float = 1.0
    negative: np.ndarray | float = 1.0
    slot: np.ndarray | float = 1.0

    def slope(self, codes: np.ndarray) -> np.ndarray:
        """What a code step weighs at every synapse, (receiver, sender), 1 on the nominal die."""
        positive, negative = (np.reshape(factor, (-1, 1)) for factor in (self.positive, self.negative))
        return np.where(codes >= 0, positive, negative) * self.slot

    def weights(self, codes: np.ndarray) -> np.ndarray:
        """What codes weigh on this die, in codes of the nominal one, (receiver, sender)."""
        return codes * self.slope(codes)


NOMINAL = LayerFactors()


def draw(spread: Spread, shape: tuple[int, int], rng: np.random.Generator) -> LayerFactors:
    """One layer of a virtual die.

    Parameters
    ----------
    spread : how far it may lie from the nominal one
    shape : (neurons, senders)
    rng : draws it

    Examples
    --------
    >>> layer = draw(Spread(charge=0.1), (1000, 4), np.random.default_rng(0))
    >>> round(float(np.log(layer.positive).std()), 2), float(layer.leak.max())
    (0.1, 1.0)
    """
    sizes = (spread.leak, spread.gain, spread.charge, spread.charge)
    per_neuron = (np.exp(size * rng.standard_normal(shape[0])) for size in sizes)
    return LayerFactors(*per_neuron, slot=np.exp(spread.slot * rng.standard_normal(shape)))
