"""The tag space of a device: who sends which tag, and which tags each core already hears."""

from collections.abc import Iterable

import numpy as np

from chipemu.mapping.reach import Reach, bits


class TagSpace:
    """Tags taken so far; tags that nobody owns are given away first, then those of senders that reach other cores.

    Parameters
    ----------
    n_tags : int
        Tags there are.
    first : int
        Smallest tag that may be given away.
    reach : Reach
        Cores of every sender.
    """

    def __init__(self, n_tags: int, first: int, reach: Reach):
        self.n_tags, self.first, self._reach = n_tags, first, reach
        self._fixed_sender = self._fixed_tag = self._tag_by_core = np.empty(0, np.int64)
        self._first_of_core = np.zeros(reach.n_cores + 1, np.int64)
        self._owned = bytearray(n_tags)
        self._owners: dict[int, list[int]] = {}
        # core to the set of tags it hears, one bit a tag, made when first asked for; until then a list of those taken
        self._heard: dict[int, int] = {}
        self._taken_later: dict[int, list[int]] = {}
        self._next_unowned = first

    def take_all(self, first_sender: int, tags: np.ndarray) -> None:
        """Give tags to senders in a row, before any other is taken."""
        sending = np.repeat(tags, self._reach.count[first_sender:])
        core = self._reach.core[self._reach.offset[first_sender] :]
        order = np.argsort(core, kind="stable")
        self._fixed_sender, self._fixed_tag = first_sender + np.arange(len(tags)), tags
        self._tag_by_core = sending[order]
        self._first_of_core = np.searchsorted(core[order], np.arange(self._reach.n_cores + 1))
        np.frombuffer(self._owned, np.uint8)[tags] = 1

    def take(self, tag: int, sender: int) -> None:
        """Give a tag to a sender."""
        self._owned[tag] = 1
        self._owners.setdefault(tag, []).append(sender)
        for core in self._reach.cores(sender).tolist():
            if core in self._heard:
                self._heard[core] |= 1 << tag
            else:
                self._taken_later.setdefault(core, []).append(tag)

    def free_tag(self, cores: Iterable[int]) -> int | None:
        """A tag that none of the cores hears, if there is one."""
        while self._next_unowned < self.n_tags:
            if not self._owned[self._next_unowned]:
                return self._next_unowned
            self._next_unowned += 1
        taken = self._taken(cores)
        lowest = (~taken & taken + 1).bit_length() - 1
        return lowest if lowest < self.n_tags else None

    def free_tags(self, cores: Iterable[int]) -> np.ndarray:
        """All tags that none of the cores hears."""
        taken = self._taken(cores).to_bytes(-(-self.n_tags // 8) + 1, "little")
        return np.flatnonzero(np.unpackbits(np.frombuffer(taken, np.uint8), bitorder="little")[: self.n_tags] == 0)

    def n_taken(self, cores: Iterable[int]) -> int:
        """Tags that could be given away if no core heard them."""
        return self._taken(cores).bit_count() - self.first

    def alias(self, tag: int, sender: int) -> tuple[int, int] | None:
        """The sender that took a tag first and meets ``sender`` on a core, and the highest such core."""
        mine = set(self._reach.cores(sender).tolist())
        for owner in (*self._fixed_sender[self._fixed_tag == tag].tolist(), *self._owners.get(tag, ())):
            shared = mine.intersection(self._reach.cores(owner).tolist())
            if shared:
                return owner, max(shared)
        return None

    def _taken(self, cores: Iterable[int]) -> int:
        taken = (1 << self.first) - 1
        for core in cores:
            taken |= self._heard_by(core)
        return taken

    def _heard_by(self, core: int) -> int:
        if core not in self._heard:
            fixed = self._tag_by_core[self._first_of_core[core] : self._first_of_core[core + 1]]
            self._heard[core] = bits(np.append(fixed, self._taken_later.pop(core, [])).astype(np.int64))
        return self._heard[core]
