"""CAM tables: which word of which neuron listens to which tag, and what the chip delivers because of it.

A word keeps its slot while its synapse keeps at least that many words, so an upload redraws no slot mismatch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chipemu.network import RECEPTORS

_AT_ONCE = 1 << 20  # words that are looked at together, which bounds what is made on the way


@dataclass(frozen=True, eq=False)
class CamTable:
    """Content of all CAM words of a chip.

    Parameters
    ----------
    tag : (n_cores, n_neurons_per_core, n_cam_words) int32
        Tag each word listens to; -1 for an empty word.
    receptor : (n_cores, n_neurons_per_core, n_cam_words) int8
        Receptor it drives, index in `chipemu.network.RECEPTORS`; -1 for an empty word.
    """

    tag: np.ndarray
    receptor: np.ndarray


def assign_slots(counts, post, n_neurons: int, n_words: int, previous=None) -> np.ndarray:
    """Slots of every neuron's CAM, filled with edges; kept words stay, new ones take the lowest empty slots.

    Parameters
    ----------
    counts : (..., n_edges) array of int
        CAM words of each edge; leading axes are dies.
    post : (n_edges,) array of int
        Receiving neuron of each edge.
    n_neurons : int
        Number of neurons.
    n_words : int
        CAM words a neuron has.
    previous : (..., n_neurons, n_words) array of int, optional
        Slots before the upload; all empty by default.

    Returns
    -------
    (..., n_neurons, n_words) int32
        Edge in each slot; -1 for an empty slot.

    Examples
    --------
    >>> first = assign_slots(np.array([2, 1]), np.array([0, 0]), 1, 4)
    >>> first, assign_slots(np.array([1, 2]), np.array([0, 0]), 1, 4, first)
    (array([[ 0,  0,  1, -1]], dtype=int32), array([[ 0,  1,  1, -1]], dtype=int32))
    """
    counts, post = np.asarray(counts), np.asarray(post)
    lead, n_edges = counts.shape[:-1], counts.shape[-1]
    wanted = counts.reshape(int(np.prod(lead, dtype=np.int64)), n_edges)
    slots = np.full((len(wanted), n_neurons, n_words), -1, np.int32)
    if previous is None:
        order = np.argsort(post, kind="stable")
        for die, table in zip(wanted, slots, strict=True):
            _fill_empty(table, die, order, post)
        return slots.reshape(*lead, n_neurons, n_words)
    before = np.asarray(previous).reshape(slots.shape)
    n_together = max(1, _AT_ONCE // max(n_neurons * n_words, n_edges, 1))
    for first in range(0, len(wanted), n_together):
        some = slice(first, first + n_together)
        slots[some] = _refill(wanted[some], post, before[some])
    return slots.reshape(*lead, n_neurons, n_words)


def _fill_empty(slots, wanted, order, post):
    """Fill the empty slots of one die; ``order`` lists the edges by their receiving neuron."""
    new = np.repeat(order, wanted[order])
    row = post[new]
    first = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(slots)))])
    slots[row, np.arange(len(new)) - first[row]] = new


def _refill(counts, post, previous):
    """Slots of some dies after an upload."""
    (n_dies, n_edges), (_, n_neurons, n_words) = counts.shape, previous.shape
    # Edges of all dies in one numbering: die * n_edges + edge; rows: die * n_neurons + neuron.
    wanted = counts.astype(np.int64).reshape(-1)
    row_of = (n_neurons * np.arange(n_dies)[:, None] + post).reshape(-1)
    offset = n_edges * np.arange(n_dies, dtype=np.int32)[:, None, None]
    slots = np.where(previous < 0, np.int32(-1), previous + offset).reshape(-1, n_words)
    kept = _release_surplus(slots, wanted)
    new = np.repeat(np.arange(len(wanted), dtype=np.int32), wanted - kept)
    new = new[np.argsort(row_of[new], kind="stable")]
    empty = slots < 0
    n_new = np.bincount(row_of[new], minlength=len(slots))
    fill = empty & (np.cumsum(empty, axis=1, dtype=np.int16) <= n_new[:, None])
    slots[fill] = new
    return np.where(slots < 0, -1, slots % max(n_edges, 1)).reshape(previous.shape)


def _release_surplus(slots, wanted):
    """Empty the last slots of edges that hold more words than wanted; how many words each edge keeps."""
    flat = slots.reshape(-1)
    cells = np.flatnonzero(flat >= 0)
    have = np.bincount(flat[cells], minlength=len(wanted))
    surplus = np.flatnonzero(have > wanted)
    if len(surplus):
        order = cells[np.argsort(flat[cells], kind="stable")]
        rank = np.arange(len(order)) - (np.cumsum(have) - have)[flat[order]]
        flat[order[rank >= wanted[flat[order]]]] = -1
    return np.minimum(have, wanted)


def build_cam_table(slots, edges, sender_tags, address, chip) -> CamTable:
    """Write the tags and receptors of the edges in each slot to the neurons' places on the chip.

    Parameters
    ----------
    slots : (n_neurons, n_words) int32
        Edge in each slot, -1 for none.
    edges : EdgeTable
        Potential edges.
    sender_tags : (n_sources + n_neurons,) int32
        Tag of each sender.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.
    chip : Capacity
        Number of cores and neurons; the number of words is that of the slots.
    """
    shape = (chip.n_cores, chip.n_neurons_per_core, slots.shape[1])
    table = CamTable(np.full(shape, -1, np.int32), np.full(shape, -1, np.int8))
    for some in portions(*slots.shape):
        neuron, slot = np.nonzero(slots[some] >= 0)
        edge, place = slots[some][neuron, slot], address[some][neuron]
        table.tag[place[:, 0], place[:, 1], slot] = sender_tags[edges.pre[edge]]
        table.receptor[place[:, 0], place[:, 1], slot] = edges.receptor[edge]
    return table


def portions(n: int, size: int = 1) -> list[slice]:
    """Slices of ``n`` rows of some size, so many rows that what is made of each stays small."""
    step = max(1, _AT_ONCE // max(size, 1))
    return [slice(first, min(first + step, n)) for first in range(0, n, step)]


def word_keys(sender, core, neuron, receptor, shape) -> np.ndarray:
    """Sender, core, neuron and receptor of words as one number each, (n,) int64, in the order of sorted rows.

    ``shape`` begins with the numbers of cores and of neurons of a core.
    """
    key = np.array(sender, np.int64)
    for part, size in ((core, shape[0]), (neuron, shape[1]), (receptor, len(RECEPTORS))):
        key *= size
        key += part
    return key


def key_rows(keys, shape) -> np.ndarray:
    """Sender, core, neuron and receptor behind the numbers of `word_keys`, (n, 4) int64."""
    rest, receptor = np.divmod(keys, len(RECEPTORS))
    rest, neuron = np.divmod(rest, shape[1])
    sender, core = np.divmod(rest, shape[0])
    return np.stack([sender, core, neuron, receptor], axis=1)


def table_words(cam: CamTable) -> Iterator[tuple[np.ndarray, ...]]:
    """Core, neuron, tag and receptor of every word that is not empty, in portions."""
    for some in portions(len(cam.tag), cam.tag[0].size):
        core, neuron, slot = np.nonzero(cam.tag[some] >= 0)
        yield core + some.start, neuron, cam.tag[some][core, neuron, slot], cam.receptor[some][core, neuron, slot]


def slot_words(slots, edges, sender_tags, address) -> Iterator[tuple[np.ndarray, ...]]:
    """The same of a table that `build_cam_table` would build from these slots."""
    for some in portions(*slots.shape):
        neuron, slot = np.nonzero(slots[some] >= 0)
        edge, place = slots[some][neuron, slot], address[some][neuron]
        yield place[:, 0], place[:, 1], sender_tags[edges.pre[edge]], edges.receptor[edge]


def fired_words(words, sender, group, sender_tags, cores_per_group: int, shape) -> np.ndarray:
    """Every CAM word that each sender's event fires, found only from the tables the chip would hold.

    Parameters
    ----------
    words : iterable of (core, neuron, tag, receptor)
        Arrays of some words each, see `table_words`.
    sender, group : (k,) array of int
        Each sender with each group of cores in which its events are heard.
    sender_tags : (n_senders,) int32
        Tag of each sender.
    cores_per_group : int
        Cores of a group, numbered in a row; 1 where events reach single cores.
    shape : (n_cores, n_neurons_per_core, ...)
        Of the device.

    Returns
    -------
    (n,) int64
        `word_keys`, one a fired word, sorted.
    """
    span = 1 + int(np.max(sender_tags, initial=0))
    event = np.asarray(group, np.int64) * span + np.asarray(sender_tags)[sender]
    order = np.argsort(event, kind="stable")
    event, sender = event[order], np.asarray(sender)[order]
    keys = [np.empty(0, np.int64)]
    for core, neuron, tag, receptor in words:
        word = np.where(tag < span, core.astype(np.int64) // cores_per_group * span + tag, -1)  # a tag nobody sends
        first = np.searchsorted(event, word, "left")
        n_matches = np.searchsorted(event, word, "right") - first
        index = np.repeat(np.arange(len(word)), n_matches)
        match = np.arange(len(index)) - np.repeat(np.cumsum(n_matches) - n_matches, n_matches) + first[index]
        keys.append(word_keys(sender[match], core[index], neuron[index], receptor[index], shape))
    fired = np.concatenate(keys)
    fired.sort()
    return fired


def delivered_words(cam, core_mask, sender_tags, *, broadcast: str = "core") -> np.ndarray:
    """Every CAM word that each sender's event fires, from masks of one bit a core.

    Parameters
    ----------
    cam : CamTable
        Content of the CAM words of one chip.
    core_mask : (n_senders,) int64
        Cores each sender's events reach, one bit a core.
    sender_tags : (n_senders,) int32
        Tag of each sender.
    broadcast : str
        ``"core"``: an event reaches the cores of its mask; ``"chip"``: it reaches every core if its mask is not empty
        (sources disagree on DYNAP-SE1).

    Returns
    -------
    (n, 4) int64
        Sender, core, neuron and receptor of each fired word, one row a word, sorted.
    """
    n_cores = len(cam.tag)
    reached = np.asarray(core_mask) if broadcast == "core" else np.where(core_mask, -1, 0)
    sender, core = np.nonzero(reached[:, None] >> np.arange(n_cores) & 1)
    return key_rows(fired_words(table_words(cam), sender, core, sender_tags, 1, cam.tag.shape), cam.tag.shape)


def surplus_words(fired, requested) -> list[tuple[int, int, int, int, int]]:
    """Words in ``fired`` beyond those in ``requested``: (sender, core, neuron, receptor, number of words).

    Parameters
    ----------
    fired, requested : (n, 4) array of int
        Sender, core, neuron and receptor, one row a word.
    """
    rows = np.concatenate([fired, requested]).astype(np.int64)
    change = np.concatenate([np.ones(len(fired), np.int64), np.full(len(requested), -1)])
    found, inverse = np.unique(rows, axis=0, return_inverse=True)
    surplus = np.bincount(inverse.reshape(-1), weights=change, minlength=len(found)).astype(int)
    return [(*map(int, found[i]), int(surplus[i])) for i in np.flatnonzero(surplus > 0)]
