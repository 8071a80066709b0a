"""CAM tables: which word of which neuron listens to which tag, and what the chip delivers because of it.

A word keeps its slot while its synapse keeps at least that many words, so an upload redraws no slot mismatch.
"""

from dataclasses import dataclass

import numpy as np


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
    counts = np.asarray(counts, np.int64)
    lead, n_edges = counts.shape[:-1], counts.shape[-1]
    wanted = counts.reshape(-1)
    # Edges of all dies in one numbering: die * n_edges + edge; rows: die * n_neurons + neuron.
    die = np.arange(len(wanted)) // max(n_edges, 1)
    row_of = die * n_neurons + np.tile(post, len(wanted) // max(n_edges, 1))
    slots = _number_by_die(previous, lead, n_edges, n_neurons, n_words)
    kept = _release_surplus(slots, wanted)
    new = np.repeat(np.arange(len(wanted)), wanted - kept)
    new = new[np.argsort(row_of[new], kind="stable")]
    empty = slots < 0
    n_new = np.bincount(row_of[new], minlength=len(slots))
    fill = empty & (np.cumsum(empty, axis=1) <= n_new[:, None])
    slots[fill] = new
    return np.where(slots < 0, -1, slots % max(n_edges, 1)).astype(np.int32).reshape(*lead, n_neurons, n_words)


def _number_by_die(previous, lead, n_edges, n_neurons, n_words):
    n_dies = int(np.prod(lead, dtype=np.int64))
    if previous is None:
        return np.full((n_dies * n_neurons, n_words), -1, np.int64)
    slots = np.asarray(previous, np.int64).reshape(n_dies, n_neurons, n_words)
    offset = n_edges * np.arange(n_dies)[:, None, None]
    return np.where(slots < 0, -1, slots + offset).reshape(-1, n_words)


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
    neuron, slot = np.nonzero(slots >= 0)
    edge = slots[neuron, slot]
    place = (address[neuron, 0], address[neuron, 1], slot)
    table.tag[place] = sender_tags[edges.pre[edge]]
    table.receptor[place] = edges.receptor[edge]
    return table


def delivered_words(cam, core_mask, sender_tags, *, broadcast: str = "core") -> np.ndarray:
    """Every CAM word that each sender's event fires, found only from the tables the chip would hold.

    Parameters
    ----------
    cam : CamTable
        Content of the CAM words.
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
    sender, event_core = np.nonzero(reached[:, None] >> np.arange(n_cores) & 1)
    core, neuron, slot = np.nonzero(cam.tag >= 0)
    span = 1 + max(int(cam.tag.max(initial=0)), int(np.max(sender_tags, initial=0)))
    event = event_core * span + np.asarray(sender_tags)[sender]
    order = np.argsort(event, kind="stable")
    word = core * span + cam.tag[core, neuron, slot]
    first = np.searchsorted(event[order], word, "left")
    n_matches = np.searchsorted(event[order], word, "right") - first
    index = np.repeat(np.arange(len(word)), n_matches)
    match = np.arange(len(index)) - np.repeat(np.cumsum(n_matches) - n_matches, n_matches) + first[index]
    fired = np.stack(
        [sender[order[match]], core[index], neuron[index], cam.receptor[core, neuron, slot][index]], axis=1
    )
    return fired[np.lexsort(fired.T[::-1])]


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
