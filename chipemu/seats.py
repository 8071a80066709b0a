"""Where the neurons, words and tags that a mapping names really sit on a repaired die.

A mapping knows no die; a die that is repaired (`chipemu.mapping.repair`) keeps the mapping and looks its addresses up
here, as a memory does with spare rows.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Seats:
    """Addresses of a mapping to places of a die.

    Attributes
    ----------
    neuron : (core, neuron) int
        Neuron of the same core that takes the place of each.
    tag : (tag,) int
        Tag that is sent and listened to in place of each.
    """

    neuron: np.ndarray
    tag: np.ndarray

    def place(self, address: np.ndarray) -> np.ndarray:
        """Core and neuron of the die behind addresses (n, 2) of the mapping."""
        return np.stack([address[:, 0], self.neuron[address[:, 0], address[:, 1]]], axis=1)


def good_first(dead: np.ndarray, stuck: np.ndarray) -> np.ndarray:
    """Slots of every neuron in the order in which a repaired die uses them, (n, slot): good, then stuck, then dead."""
    return np.argsort(2 * dead + stuck, axis=1, kind="stable")
