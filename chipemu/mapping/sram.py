"""SRAM words: what takes a neuron's events to each chip that it sends to, and how far that is on a board.

The chips of a board stand in a square, row by row, every second row backwards, so that chips that follow one another
are neighbours; an event takes one hop from chip to chip along a row or a column. Not modelled: the time of a hop, and
events that wait for one another on the way.
"""

from collections.abc import Sequence

import numpy as np

from chipemu.errors import CapacityError, RoutingError
from chipemu.mapping.placement import limit
from chipemu.mapping.reach import Reach, bits, pair_reach


class SramTable(Sequence):
    """SRAM words of each neuron, as tuples of (core mask, virtual core), one for each chip that it sends to.

    Bit c of a mask is core c of the board; a mask has cores of one chip. The virtual core is the sender's own, counted
    on its chip.

    Attributes
    ----------
    n_words : (n_neurons,) int64
        SRAM words of each neuron.
    n_hops : (n_neurons,) int64
        Hops from chip to chip that one event of each neuron takes, all its words together.
    """

    def __init__(self, reach: Reach, address: np.ndarray, n_sources: int, chip):
        self._reach, self._n_sources = reach, n_sources
        self._per_chip, self._virtual = chip.cores_per_chip, address[:, 0] % chip.cores_per_chip
        self._chips = _reached_chips(reach, chip)
        self.n_words = self._chips.count[n_sources:]
        neuron = self._chips.sender - n_sources
        chosen = neuron >= 0
        home = address[neuron[chosen], 0] // chip.cores_per_chip
        self.hops = _offsets(home, self._chips.core[chosen], chip.n_chips)
        self.n_hops = np.bincount(neuron[chosen], self.hops.sum(1), len(address)).astype(np.int64)

    def __len__(self):
        return len(self._virtual)

    def __getitem__(self, neuron):
        if isinstance(neuron, slice):
            return tuple(self[i] for i in range(*neuron.indices(len(self))))
        if not -len(self) <= neuron < len(self):
            raise IndexError(f"neuron {neuron} of {len(self)}")
        cores = self._reach.cores(self._n_sources + neuron % len(self))
        chip = cores // self._per_chip
        return tuple((bits(cores[chip == one]), int(self._virtual[neuron])) for one in np.unique(chip))

    def __eq__(self, other):
        return self[:] == tuple(other)

    __hash__ = None


def _reached_chips(reach: Reach, chip) -> Reach:
    return pair_reach(reach.sender, reach.core // chip.cores_per_chip, len(reach), chip.n_chips)


def _offsets(home: np.ndarray, target: np.ndarray, n_chips: int) -> np.ndarray:
    """Hops in x and in y from chips to chips, (n, 2)."""
    across = int(np.ceil(np.sqrt(n_chips)))
    row, column = np.divmod(np.arange(n_chips), across)
    column = np.where(row % 2, across - 1 - column, column)
    return np.abs(np.stack([column[target] - column[home], row[target] - row[home]], axis=1))


def sram_table(reach: Reach, address: np.ndarray, n_sources: int, device, names) -> SramTable:
    """SRAM words of each neuron: (core mask, virtual core) for each chip it sends to.

    Parameters
    ----------
    reach : Reach
        Cores of every sender.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.
    n_sources : int
        Number of spike sources.
    device : DeviceSpec
        Its capacities, and how far an event may go.
    names : callable
        Sender index to its name in messages.

    Raises
    ------
    CapacityError
        A neuron needs more SRAM words than it has.
    RoutingError
        A neuron sends to a chip that is further away than an event may go.
    """
    table = SramTable(reach, address, n_sources, device.chip)
    over = np.flatnonzero(table.n_words > device.chip.n_sram_words)
    if len(over):
        raise CapacityError(
            f"{names(n_sources + int(over[0]))} needs {table.n_words[over[0]]} SRAM words; "
            f"{limit(device, 'n_sram_words')}. Let it project to fewer chips."
        )
    furthest = table.hops.max(initial=0)
    if device.routing.n_hops and furthest > device.routing.n_hops:
        word = int(np.argmax(table.hops.max(axis=1)))
        neuron = int(np.repeat(np.arange(len(address)), table.n_words)[word])
        raise RoutingError(
            f"{names(n_sources + neuron)} sends to a chip {furthest} hops away; {device.name} takes "
            f"{device.routing.n_hops} ({device.path}, routing.n_hops). Place what it projects to nearer."
        )
    return table
