"""Routing: the cores each sender must reach, the SRAM words that take it there, and the tags it is known by.

A DYNAP-SE1 tag is the sender's core and neuron number, and every CAM word of a core that holds the tag fires. A
virtual source therefore needs a tag that no other sender brings to any of its cores. A DYNAP-SE2 tag is free: the
sender's SRAM word says it, and every sender needs one that is its own on the cores it reaches.
"""

import numpy as np

from chipemu.errors import CapacityError, RoutingError
from chipemu.mapping.placement import limit

_NO_TAG = -1  # of a neuron that sends nothing, where tags are free


def core_masks(edges, address, n_sources: int) -> np.ndarray:
    """Cores that each sender's events are sent to, one bit a core.

    Parameters
    ----------
    edges : EdgeTable
        Potential edges.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.
    n_sources : int
        Number of spike sources.

    Returns
    -------
    (n_sources + n_neurons,) int64
        Bit c is set if the sender has a potential edge on core c.
    """
    masks = np.zeros(n_sources + len(address), np.int64)
    np.bitwise_or.at(masks, edges.pre, np.int64(1) << address[edges.post, 0].astype(np.int64))
    return masks


def sram_words(masks, address, n_sources: int, device, names) -> tuple[tuple[tuple[int, int], ...], ...]:
    """SRAM words of each neuron: (core mask, virtual core) for each chip it sends to.

    On one chip a single word serves all four cores through its mask; the virtual core is the sender's own.

    Raises
    ------
    CapacityError
        A neuron needs more SRAM words than it has.
    """
    table = []
    for neuron, (mask, core) in enumerate(zip(masks[n_sources:].tolist(), address[:, 0].tolist(), strict=True)):
        words = ((mask, core),) if mask else ()
        if len(words) > device.chip.n_sram_words:
            raise CapacityError(
                f"{names(n_sources + neuron)} needs {len(words)} SRAM words; {limit(device, 'n_sram_words')}. "
                f"Let it project to fewer chips."
            )
        table.append(words)
    return tuple(table)


def neuron_tags(address, device) -> np.ndarray:
    """Tag of each neuron: its core and neuron number as one integer, (n_neurons,) int32."""
    tags = address[:, 0] * np.int32(device.chip.n_neurons_per_core) + address[:, 1]
    if len(tags) and tags.max() >= 1 << device.chip.tag_bits:
        raise CapacityError(
            f"tag {tags.max()} of core {address[tags.argmax(), 0]} does not fit; {limit(device, 'tag_bits')}. "
            f"Use a device whose tags cover every neuron."
        )
    return tags


def assign_tags(network, masks, address, device, names, asked=None) -> tuple[np.ndarray, np.ndarray]:
    """Give every sender a tag that reaches no core together with another sender of the same tag.

    Tags that nobody owns come first; one that is sent only to other cores is the second choice. Where tags are free,
    neurons choose after the sources; else theirs are their addresses.

    Parameters
    ----------
    network : Network
        Holds the tags its author asks for.
    masks : (n_sources + n_neurons,) int64
        Cores each sender reaches.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.
    device : DeviceSpec
        Holds the tag space.
    names : callable
        Sender index to its name in messages.
    asked : sequence of int, optional
        Tags of a saved mapping, used instead of those in the network.

    Returns
    -------
    source_tags : (n_sources,) int32
        Tag of each source.
    neuron_tags : (n_neurons,) int32
        Tag of each neuron; -1 for a neuron that sends nothing on a device with free tags.

    Raises
    ------
    RoutingError
        A tag asked for is outside the tag space, not usable, or aliases another sender.
    CapacityError
        More sources than the device's virtual sources, or more senders than free tags.
    """
    free = device.routing.free_tags
    # Virtual neuron 0 cannot be used on DYNAP-SE1.
    space = _TagSpace(1 << device.chip.tag_bits, first=0 if free else 1)
    if free:
        sources = _source_tags(network, masks, space, device, names, asked)
        return sources, _free_neuron_tags(masks, len(sources), space, device, names)
    tags = neuron_tags(address, device)
    n_sources = len(masks) - len(tags)
    for neuron, tag in enumerate(tags.tolist()):
        space.take(tag, n_sources + neuron, int(masks[n_sources + neuron]))
    return _source_tags(network, masks, space, device, names, asked), tags


def _free_neuron_tags(masks, n_sources, space, device, names):
    result = np.full(len(masks) - n_sources, _NO_TAG, np.int32)
    for sender in np.flatnonzero(masks[n_sources:]) + n_sources:
        mask = int(masks[sender])
        tag = space.free_tag(mask)
        if tag is None:
            raise CapacityError(
                f"{names(int(sender))} needs a tag of its own on cores {_cores_of(mask, device)}, where "
                f"{space.n_taken(mask)} of {len(space.reach)} are taken; {limit(device, 'tag_bits')}. "
                f"Use fewer senders, or let fewer of them reach those cores."
            )
        space.take(tag, int(sender), mask)
        result[sender - n_sources] = tag
    return result


def _cores_of(mask, device):
    return ", ".join(str(core) for core in range(device.chip.n_cores) if mask >> core & 1)


def _source_tags(network, masks, space, device, names, asked):
    if asked is None:
        asked = [tag for group in network.source_groups for tag in group.tags or (None,) * group.n]
    _check_source_count(network, device)
    n_sources = len(asked)
    result = np.empty(n_sources, np.int32)
    for source in sorted(range(n_sources), key=lambda index: asked[index] is None):
        mask, tag = int(masks[source]), asked[source]
        if tag is None:
            tag = space.free_tag(mask)
            if tag is None:
                raise _no_free_tag(network, source, mask, space, device)
        else:
            _check_tag(tag, source, mask, space, device, names)
        space.take(tag, source, mask)
        result[source] = tag
    return result


class _TagSpace:
    """Which cores each tag is already sent to, and by whom."""

    def __init__(self, size, first):
        self.first = first
        self.reach = np.zeros(size, np.int64)
        self.owners: dict[int, list[tuple[int, int]]] = {}
        self.next_unowned = first

    def take(self, tag, sender, mask):
        self.reach[tag] |= mask
        self.owners.setdefault(tag, []).append((sender, mask))

    def free_tags(self, mask):
        free = (self.reach & mask) == 0
        free[: self.first] = False
        return np.flatnonzero(free)

    def n_taken(self, mask):
        return len(self.reach) - self.first - len(self.free_tags(mask))

    def free_tag(self, mask):
        while self.next_unowned < len(self.reach):
            if self.next_unowned not in self.owners:
                return self.next_unowned
            self.next_unowned += 1
        free = self.free_tags(mask)
        return int(free[0]) if len(free) else None

    def alias(self, tag, mask):
        return next((owner for owner in self.owners.get(tag, ()) if owner[1] & mask), None)


def _check_source_count(network, device):
    total = 0
    for group in network.source_groups:
        total += group.n
        if total > device.chip.n_virtual_sources:
            raise CapacityError(
                f"sources {group.name!r} need {group.n} virtual sources, {total} with those before; "
                f"{limit(device, 'n_virtual_sources')}. Use fewer sources."
            )


def _check_tag(tag, source, mask, space, device, names):
    if not space.first <= tag < len(space.reach):
        raise RoutingError(
            f"{names(source)} asks for tag {tag}; {device.name} takes tags {space.first} to {len(space.reach) - 1} for "
            f"virtual sources ({device.path}, chip.tag_bits). Nearest free: {_nearest_free(tag, mask, space)}."
        )
    alias = space.alias(tag, mask)
    if alias is not None:
        core = (mask & alias[1]).bit_length() - 1
        raise RoutingError(
            f"{names(source)} asks for tag {tag}, which {names(alias[0])} already sends to core {core}: "
            f"its synapses there would fire for both. Nearest free: {_nearest_free(tag, mask, space)}; "
            f"or leave tags out and the mapper chooses."
        )


def _nearest_free(tag, mask, space):
    free = space.free_tags(mask)
    nearest = free[np.argsort(np.abs(free - tag), kind="stable")[:3]]
    return ", ".join(map(str, sorted(nearest))) or "none"


def _no_free_tag(network, source, mask, space, device):
    first = 0
    for group in network.source_groups:
        if source < first + group.n:
            break
        first += group.n
    return CapacityError(
        f"sources {group.name!r} need {group.n} tags that are free on cores {_cores_of(mask, device)}, and none of "
        f"{len(space.reach) - space.first} is left for source {source - first}; {limit(device, 'tag_bits')}, and "
        f"each neuron that sends there holds one. "
        f"Use fewer sources, or let fewer neurons project to those cores."
    )
