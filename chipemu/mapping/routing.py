"""Routing: the tags that senders are known by on the cores they reach.

A DYNAP-SE1 tag is the sender's core on its chip and its neuron number, and every CAM word of a core that holds the tag
fires. A virtual source therefore needs a tag that no other sender brings to any of its cores, and neurons of different
chips with one tag must not meet on a core. A DYNAP-SE2 tag is free: the sender's SRAM word says it, and every sender
needs one that is its own on the cores it reaches.
"""

import numpy as np

from chipemu.errors import CapacityError, RoutingError
from chipemu.mapping.placement import limit, listed
from chipemu.mapping.reach import Reach
from chipemu.mapping.tag_space import TagSpace

_NO_TAG = -1  # of a neuron that sends nothing, where tags are free


def neuron_tags(address, device) -> np.ndarray:
    """Tag of each neuron: its core on its chip and neuron number as one integer, (n_neurons,) int32."""
    core = address[:, 0] % np.int32(device.chip.cores_per_chip)
    tags = core * np.int32(device.chip.n_neurons_per_core) + address[:, 1]
    if len(tags) and tags.max() >= 1 << device.chip.tag_bits:
        raise CapacityError(
            f"tag {tags.max()} of core {address[tags.argmax(), 0]} does not fit; {limit(device, 'tag_bits')}. "
            f"Use a device whose tags cover every neuron."
        )
    return tags


def assign_tags(network, reach: Reach, address, device, names, asked=None) -> tuple[np.ndarray, np.ndarray]:
    """Give every sender a tag that reaches no core together with another sender of the same tag.

    Tags that nobody owns come first; one that is sent only to other cores is the second choice. Where tags are free,
    neurons choose after the sources; else theirs are their addresses.

    Parameters
    ----------
    network : Network
        Holds the tags its author asks for.
    reach : Reach
        Cores each sender reaches, sources first.
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
        A tag asked for is outside the tag space, not usable, or aliases another sender; or two neurons of different
        chips meet with one tag on a core.
    CapacityError
        More sources than the device's virtual sources, or more senders than free tags.
    """
    free = device.routing.free_tags
    # Virtual neuron 0 cannot be used on DYNAP-SE1.
    space = TagSpace(1 << device.chip.tag_bits, 0 if free else 1, reach)
    if free:
        sources = _source_tags(network, reach, space, device, names, asked)
        return sources, _free_neuron_tags(reach, len(sources), space, device, names)
    tags = neuron_tags(address, device)
    n_sources = len(reach) - len(tags)
    if device.chip.n_chips > 1:
        _check_neurons(reach, tags, n_sources, device, names)
    space.take_all(n_sources, tags)
    return _source_tags(network, reach, space, device, names, asked), tags


def _check_neurons(reach, tags, n_sources, device, names):
    """Refuse two neurons whose equal tags meet on a core."""
    sender = reach.sender[reach.offset[n_sources] :]
    heard = reach.core[reach.offset[n_sources] :].astype(np.int64) << device.chip.tag_bits | tags[sender - n_sources]
    order = np.argsort(heard, kind="stable")
    twice = np.flatnonzero(np.diff(heard[order]) == 0)
    if len(twice):
        first, second = sender[order[twice[0]]], sender[order[twice[0] + 1]]
        core, tag = divmod(int(heard[order[twice[0]]]), 1 << device.chip.tag_bits)
        raise RoutingError(
            f"{names(int(first))} and {names(int(second))} both send tag {tag} to core {core}, whose synapses would "
            f"fire for both: a tag does not say the chip it comes from; {limit(device, 'tag_bits')}. "
            f"Project from neurons whose core on their chip or number differ."
        )


def _free_neuron_tags(reach, n_sources, space, device, names):
    result = np.full(len(reach) - n_sources, _NO_TAG, np.int32)
    for sender in (np.flatnonzero(reach.count[n_sources:]) + n_sources).tolist():
        cores = reach.cores(sender).tolist()
        tag = space.free_tag(cores)
        if tag is None:
            raise CapacityError(
                f"{names(sender)} needs a tag of its own on cores {listed(cores)}, where "
                f"{space.n_taken(cores)} of {space.n_tags} are taken; {limit(device, 'tag_bits')}. "
                f"Use fewer senders, or let fewer of them reach those cores."
            )
        space.take(tag, sender)
        result[sender - n_sources] = tag
    return result


def _source_tags(network, reach, space, device, names, asked):
    if asked is None:
        asked = [tag for group in network.source_groups for tag in group.tags or (None,) * group.n]
    _check_source_count(network, device)
    n_sources = len(asked)
    result = np.empty(n_sources, np.int32)
    for source in sorted(range(n_sources), key=lambda index: asked[index] is None):
        tag = asked[source]
        if tag is None:
            tag = space.free_tag(reach.cores(source).tolist())
            if tag is None:
                raise _no_free_tag(network, source, reach, space, device)
        else:
            _check_tag(tag, source, reach, space, device, names)
        space.take(tag, source)
        result[source] = tag
    return result


def _check_source_count(network, device):
    total = 0
    for group in network.source_groups:
        total += group.n
        if total > device.chip.n_virtual_sources:
            raise CapacityError(
                f"sources {group.name!r} need {group.n} virtual sources, {total} with those before; "
                f"{limit(device, 'n_virtual_sources')}. Use fewer sources."
            )


def _check_tag(tag, source, reach, space, device, names):
    if not space.first <= tag < space.n_tags:
        raise RoutingError(
            f"{names(source)} asks for tag {tag}; {device.name} takes tags {space.first} to {space.n_tags - 1} for "
            f"virtual sources ({device.path}, chip.tag_bits). Nearest free: {_nearest_free(tag, source, reach, space)}."
        )
    alias = space.alias(tag, source)
    if alias is not None:
        owner, core = alias
        raise RoutingError(
            f"{names(source)} asks for tag {tag}, which {names(owner)} already sends to core {core}: "
            f"its synapses there would fire for both. Nearest free: {_nearest_free(tag, source, reach, space)}; "
            f"or leave tags out and the mapper chooses."
        )


def _nearest_free(tag, source, reach, space):
    free = space.free_tags(reach.cores(source).tolist())
    nearest = free[np.argsort(np.abs(free - tag), kind="stable")[:3]]
    return ", ".join(map(str, sorted(nearest))) or "none"


def _no_free_tag(network, source, reach, space, device):
    first = 0
    for group in network.source_groups:
        if source < first + group.n:
            break
        first += group.n
    return CapacityError(
        f"sources {group.name!r} need {group.n} tags that are free on cores {listed(reach.cores(source).tolist())}, "
        f"and none of {space.n_tags - space.first} is left for source {source - first}; "
        f"{limit(device, 'tag_bits')}, and each neuron that sends there holds one. "
        f"Use fewer sources, or let fewer neurons project to those cores."
    )
