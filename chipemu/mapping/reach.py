"""Which cores each sender's events are sent to, as lists: a bit mask has no room for the cores of a board."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_BITS = 63  # cores that a mask holds as an int64; masks of more are Python integers


@dataclass(frozen=True, eq=False)
class Reach:
    """Cores that each sender's events are sent to; read-only.

    Parameters
    ----------
    offset : (n_senders + 1,) int64
        First entry of each sender in ``core``.
    core : int32
        Cores of the first sender in rising order, then those of the second, and so on.
    n_cores : int
        Cores there are.
    """

    offset: np.ndarray
    core: np.ndarray
    n_cores: int

    def __len__(self):
        return len(self.offset) - 1

    def cores(self, sender: int) -> np.ndarray:
        """Cores of one sender."""
        return self.core[self.offset[sender] : self.offset[sender + 1]]

    @property
    def count(self) -> np.ndarray:
        """Number of cores of each sender, (n_senders,)."""
        return np.diff(self.offset)

    @cached_property
    def sender(self) -> np.ndarray:
        """Sender of each entry of ``core``."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.count)

    def first(self, n: int) -> np.ndarray:
        """Lowest core of the first ``n`` senders, 0 for one that reaches none."""
        found = np.zeros(n, np.int32)
        sending = np.flatnonzero(self.count[:n])
        found[sending] = self.core[self.offset[sending]]
        return found

    def arriving(self, n_events: np.ndarray) -> np.ndarray:
        """Events that each core is sent, (..., n_cores), of those that each sender sends (..., n_senders)."""
        flat = np.asarray(n_events).reshape(-1, len(self))
        rows = [np.bincount(self.core, row[self.sender], self.n_cores) for row in flat]
        return np.reshape(rows, (*np.shape(n_events)[:-1], self.n_cores))

    def masks(self) -> np.ndarray:
        """The same with one bit a core, (n_senders,): int64, or Python integers where more than 63 cores ask for it."""
        few = self.n_cores <= _BITS
        masks = np.zeros(len(self), np.int64 if few else object)
        if few:
            np.bitwise_or.at(masks, self.sender, np.int64(1) << self.core.astype(np.int64))
        for sender in () if few else np.flatnonzero(self.count):
            masks[sender] = bits(self.cores(sender))
        masks.flags.writeable = False
        return masks


def bits(numbers: np.ndarray) -> int:
    """A set of whole numbers as one integer, bit k for number k.

    Examples
    --------
    >>> bin(bits(np.array([0, 3])))
    '0b1001'
    """
    flags = np.zeros(int(np.max(numbers, initial=-1)) + 1, np.uint8)
    flags[numbers] = 1
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def pair_reach(sender: np.ndarray, core: np.ndarray, n_senders: int, n_cores: int) -> Reach:
    """Reach from pairs of sender and core, in any order and more than once."""
    pair = sender.astype(np.int64) * n_cores + core
    pair.sort()  # np.unique is several times slower here
    pair = pair[np.diff(pair, prepend=-1) != 0]
    sender, core = np.divmod(pair, n_cores)
    offset = np.concatenate([[0], np.cumsum(np.bincount(sender, minlength=n_senders))]).astype(np.int64)
    reach = Reach(offset, core.astype(np.int32), n_cores)
    for array in (reach.offset, reach.core):
        array.flags.writeable = False
    return reach


def edge_reach(edges, address, n_sources: int, n_cores: int) -> Reach:
    """Cores on which each sender has a potential edge.

    Parameters
    ----------
    edges : EdgeTable
        Potential edges.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.
    n_sources : int
        Number of spike sources.
    n_cores : int
        Cores of the device.
    """
    return pair_reach(edges.pre, address[edges.post, 0], n_sources + len(address), n_cores)
