"""Moving a network off the dead elements of one die: the step that a mapping, which knows no die, cannot take.

What is moved, on every core that the network uses:

- a neuron that is dead, has more than a tenth of its words (or plastic synapses) dead or stuck, or whose tag is not
  heard where it sends to, swaps its place with a good spare neuron of the same core, whose tag it takes over;
- the words of a neuron are filled in the order good, stuck, dead, and so are its plastic synapses;
- a spike source whose tag is not heard where it sends to takes a free tag that is; where tags are free, so does a
  neuron, which keeps its place.

The die is taken as tested: a laboratory finds these elements by writing and playing every word and tag, which is not
charged. The mapping stays as it is; the die that is returned looks its addresses up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chipemu.chip import Chip
from chipemu.errors import InputError
from chipemu.mapping.mapped import MappedNetwork
from chipemu.mapping.placement import usable_neurons
from chipemu.mapping.routing import neuron_tags
from chipemu.seats import Seats

TOLERANCE = 0.1  # share of bad words of a neuron; the tolerance of the allocator in maryada


@dataclass(frozen=True)
class Repairs:
    """What was moved on a die, and what could not be.

    Attributes
    ----------
    neurons, tags : neurons that changed places with a spare one; sources that took another tag
    words : dead or stuck words and plastic synapses of the neurons that the network now uses, filled last
    left_neurons, left_tags : bad ones that stay, because no good spare is left
    """

    neurons: int = 0
    tags: int = 0
    words: int = 0
    left_neurons: int = 0
    left_tags: int = 0

    def __str__(self) -> str:
        left = f"; {self.left_neurons} neurons and {self.left_tags} tags stay bad" if self.left else ""
        return f"{self.neurons} neurons and {self.tags} tags moved, {self.words} bad words avoided{left}"

    @property
    def left(self) -> bool:
        """Whether anything bad stays in use."""
        return self.left_neurons + self.left_tags > 0


def repair(mapped: MappedNetwork, chip: Chip) -> tuple[Chip, Repairs]:
    """Move a network off what is dead or stuck on one die.

    Parameters
    ----------
    mapped
        The placed network.
    chip
        A die as it was made.

    Returns
    -------
    Chip
        The same die, on which the addresses of this mapping mean good elements. Of no use for another mapping.
    Repairs
        What was moved.

    Raises
    ------
    InputError
        If the die is of another device, or was repaired before, or the device is a board of several chips.

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network, sample_chip
    >>> device, net = load_device("dynapse1"), Network("cells")
    >>> _ = net.population("cells", 200, point="output")
    >>> die = sample_chip(device, seed=1)
    >>> repaired, repairs = repair(map_network(net, device), die)
    >>> print(repairs)
    5 neurons and 0 tags moved, 34 bad words avoided
    """
    if chip.device.hash != mapped.device.hash:
        raise InputError(f"die {chip.seed} is of {chip.device.name}; the network is mapped on {mapped.device.name}")
    if chip.seats is not None:
        raise InputError(f"die {chip.seed} is repaired already; repair the die as it was made")
    if mapped.device.chip.n_chips > 1:
        raise InputError(
            f"{mapped.device.name} is a board of {mapped.device.chip.n_chips} chips ({mapped.device.path}, "
            "chip.n_chips), whose neurons share tags; only a single chip can be repaired"
        )
    if not chip.defects.any:
        return chip, Repairs()
    move = _Moves(mapped, chip)
    move.neurons()
    move.sources()
    seats = Seats(move.seat, move.tag)
    factors = {name: np.take_along_axis(value, move.seat, axis=1) for name, value in chip.neuron_factor.items()}
    words = int(chip.defects.bad_slots(seats.place(mapped.address)).sum())
    repairs = Repairs(move.n_neurons, move.n_tags, words, move.left_neurons, move.left_tags)
    return replace(chip, neuron_factor=factors, seats=seats), repairs


class _Moves:
    """Swaps of neurons and tags, decided one after the other."""

    def __init__(self, mapped: MappedNetwork, chip: Chip):
        self.mapped, self.defects = mapped, chip.defects
        capacity = mapped.device.chip
        shape = (capacity.n_cores, capacity.n_neurons_per_core)
        self.seat = np.tile(np.arange(shape[1]), (shape[0], 1))
        self.tag = np.arange(1 << capacity.tag_bits)
        self._free_tags = mapped.device.routing.free_tags
        self._taken = set(mapped.sender_tag.tolist())
        self.n_neurons = self.n_tags = self.left_neurons = self.left_tags = 0

    def neurons(self) -> None:
        """Swap every bad neuron of the network with a good spare of its core, lowest number first."""
        address, defects = self.mapped.address, self.defects
        n_sources, usable = self.mapped.n_sources, usable_neurons(self.mapped.device.chip)
        tags = self.mapped.sender_tag[n_sources:]
        for core in np.unique(address[:, 0]):
            everyone = np.stack([np.full(self.seat.shape[1], core), np.arange(self.seat.shape[1])], axis=1)
            good = ~defects.dead_neurons[core] & ~defects.mostly_bad(everyone, TOLERANCE)
            used = np.flatnonzero(address[:, 0] == core)
            free = np.setdiff1d(usable[core], address[used, 1])
            spares = [int(neuron) for neuron in free if good[neuron]]
            for neuron in used:
                reached = self.mapped.reach.cores(n_sources + neuron)
                heard = self._free_tags or self._heard(reached, tags[neuron])
                if not good[address[neuron, 1]] or not heard:
                    self._swap(int(core), int(address[neuron, 1]), int(tags[neuron]), reached, spares)

    def _swap(self, core: int, neuron: int, tag: int, reached: np.ndarray, spares: list[int]) -> None:
        for spare in spares:
            new = None if self._free_tags else self._tag_of(core, spare)
            if new is None or (new not in self._taken and self._heard(reached, new)):
                spares.remove(spare)
                self.seat[core, [neuron, spare]] = spare, neuron
                if new is not None:
                    self._exchange(tag, new)
                self.n_neurons += 1
                return
        self.left_neurons += 1

    def _tag_of(self, core: int, neuron: int) -> int:
        return int(neuron_tags(np.array([[core, neuron]], np.int32), self.mapped.device)[0])

    def sources(self) -> None:
        """Give every source (where tags are free, every sender) that is not heard a tag that is."""
        mapped = self.mapped
        tags = mapped.sender_tag[mapped.sender_tag >= 0] if self._free_tags else mapped.source_tag
        for tag in np.unique(tags):
            senders = np.flatnonzero(mapped.sender_tag == tag)
            reached = np.concatenate([mapped.reach.cores(sender) for sender in senders])
            if self._heard(reached, tag):
                continue
            new = next(self._free(reached), None)
            if new is None:
                self.left_tags += 1
                continue
            self._exchange(int(tag), new)
            self.n_tags += 1

    def _free(self, reached: np.ndarray) -> Iterator[int]:
        # tag 0 cannot be used by a source of DYNAP-SE1
        first = 0 if self._free_tags else 1
        return (tag for tag in range(first, len(self.tag)) if tag not in self._taken and self._heard(reached, tag))

    def _exchange(self, tag: int, new: int) -> None:
        self.tag[[tag, new]] = new, tag
        self._taken.add(new)

    def _heard(self, reached: np.ndarray, tag: int) -> bool:
        """Whether every core of some hears a tag of the die."""
        return not self.defects.deaf(reached, np.full(len(reached), tag)).any()
