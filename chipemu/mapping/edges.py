"""All edges a network can ever ask for, as arrays: fixed synapses and both signs of every trained pair."""

from dataclasses import dataclass, fields

import numpy as np

from chipemu.network import RECEPTORS


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """Potential edges, one entry each; read-only arrays of length n_edges.

    The edges of a projection lie together: a fixed one has its k pairs; a trained one its k positive edges,
    then its k negative edges.

    Parameters
    ----------
    pre : int32
        Sender: sources 0 to n_sources - 1, then n_sources + neuron.
    post : int32
        Receiving neuron.
    receptor : int8
        Index in `chipemu.network.RECEPTORS`.
    projection : int16
        Index in ``network.projections``.
    pair : int32
        Index in the projection's ``pairs``.
    sign : int8
        +1 or -1 for the two edges of a trained pair, 0 for a fixed synapse.
    fixed_words : int16
        CAM words of a fixed synapse, 0 for a trained edge.
    plastic : bool
        True if the edge is a plastic synapse and uses no CAM word.
    """

    pre: np.ndarray
    post: np.ndarray
    receptor: np.ndarray
    projection: np.ndarray
    pair: np.ndarray
    sign: np.ndarray
    fixed_words: np.ndarray
    plastic: np.ndarray

    def __len__(self):
        return len(self.pre)


_TYPES = {
    "pre": np.int32,
    "post": np.int32,
    "receptor": np.int8,
    "projection": np.int16,
    "pair": np.int32,
    "sign": np.int8,
    "fixed_words": np.int16,
    "plastic": np.bool_,
}


def build_edges(network) -> EdgeTable:
    """List the potential edges of a network, projections in order of definition."""
    first = _first_sender(network)
    n_sources = sum(group.n for group in network.source_groups)
    blocks = [
        block for i, projection in enumerate(network.projections) for block in _blocks(projection, i, first, n_sources)
    ]
    columns = {}
    for field in fields(EdgeTable):
        empty = np.empty(0, _TYPES[field.name])
        columns[field.name] = np.concatenate([empty, *(block[field.name] for block in blocks)], dtype=empty.dtype)
        columns[field.name].flags.writeable = False
    return EdgeTable(**columns)


def _first_sender(network):
    """Sender index of the first unit of each group: sources, then neurons, in order of definition."""
    first, total = {}, 0
    for group in (*network.source_groups, *network.populations):
        first[group.name] = total
        total += group.n
    return first


def _blocks(projection, index, first, n_sources):
    if not projection.trained:
        return [_block(projection, index, first, n_sources, projection.receptor, 0, projection.words)]
    signs = ((projection.positive, 1), (projection.negative, -1))
    return [_block(projection, index, first, n_sources, receptor, sign, 0) for receptor, sign in signs]


def _block(projection, index, first, n_sources, receptor, sign, words):
    k = len(projection)
    return {
        "pre": (projection.pairs[:, 0] + first[projection.pre.name]).astype(np.int32),
        "post": (projection.pairs[:, 1] + first[projection.post.name] - n_sources).astype(np.int32),
        "receptor": np.full(k, RECEPTORS.index(receptor), np.int8),
        "projection": np.full(k, index, np.int16),
        "pair": np.arange(k, dtype=np.int32),
        "sign": np.full(k, sign, np.int8),
        "fixed_words": np.broadcast_to(words, (k,)).astype(np.int16),
        "plastic": np.full(k, projection.store == "plastic"),
    }
