"""Weight coding with masks (DYNAP-SE2): every CAM word adds up some of four base currents of its core.

A synapse of strength w is made of words with all four base currents, and at most one word with fewer:

    w = q S + sum of the bases in mask m,    S = b_0 + b_1 + b_2 + b_3,  m = 0 ... 14

in units of base current 0. One integer holds both, the code 15 q + m. With binary bases 1, 2, 4, 8 it is the strength
itself; with others the codes between two multiples of 15 need not rise.
"""

import numpy as np

from chipemu.errors import UnknownNameError
from chipemu.mapping.coding import POLICIES, fit_words

N_BASES = 4
FULL = 15  # mask with every base current, and codes of a word
_BITS = np.arange(FULL + 1)[:, None] >> np.arange(N_BASES) & 1  # (mask, base)


def mask_sums(bases) -> np.ndarray:
    """Sum of the base currents that each of the 16 masks chooses, (..., mask).

    Parameters
    ----------
    bases : (..., 4) array of float
        Base currents, in any unit.

    Examples
    --------
    >>> mask_sums(np.array([1.0, 2.0, 4.0, 8.0]))[[0, 5, 15]]
    array([ 0.,  5., 15.])
    """
    bases = np.asarray(bases, float)
    # one base after the other, so that the sum does not depend on how a matrix product is split
    return sum(bases[..., base, None] * _BITS[:, base] for base in range(N_BASES))


def encode_masks(weights, bases) -> np.ndarray:
    """Signed codes whose strengths are nearest to signed weights, (..., k) int64.

    Parameters
    ----------
    weights : (..., k) array of float
        In units of base current 0.
    bases : (k, 4) array of float
        Base currents of each receiving neuron's core, in the same unit.

    Examples
    --------
    >>> encode_masks(np.array([3.2, -16.0]), np.array([[1, 2, 4, 8]] * 2))
    array([  3, -16])
    """
    weights, sums = np.asarray(weights, float), mask_sums(bases)
    size, whole = np.abs(weights), sums[..., FULL]
    words = np.floor(size / np.where(whole > 0, whole, np.inf))
    rest = size - words * whole
    mask = np.abs(rest[..., None] - sums).argmin(axis=-1)
    return np.where(weights < 0, -1, 1) * (FULL * words.astype(np.int64) + mask)


def decode_masks(codes, bases) -> np.ndarray:
    """Signed strengths of signed codes, (..., k) float, the inverse of `encode_masks`.

    Parameters
    ----------
    codes : (..., k) array of int
    bases : (k, 4) array of float
    """
    codes, sums = np.asarray(codes, np.int64), mask_sums(bases)
    words, mask = np.divmod(np.abs(codes), FULL)
    partial = np.take_along_axis(np.broadcast_to(sums, (*codes.shape, FULL + 1)), mask[..., None], axis=-1)[..., 0]
    return np.sign(codes) * (words * sums[..., FULL] + partial)


def words_of(codes) -> np.ndarray:
    """CAM words that each code takes."""
    return -(-np.abs(np.asarray(codes, np.int64)) // FULL)


def rewritten_words(before, after) -> np.ndarray:
    """CAM words whose mask changes between two codes of a synapse, neither of them negative."""
    low, high = np.minimum(before, after), np.maximum(before, after)
    (full_low, _), (full_high, mask_high) = np.divmod(low, FULL), np.divmod(high, FULL)
    longer = full_high - full_low + (mask_high > 0)
    return np.where(full_low == full_high, low != high, longer).astype(np.int64)


def fit_masks(codes, budget, policy: str, uniform=None):
    """Cut rows of signed codes so that no row uses more words than its budget, as `chipemu.mapping.coding.fit_words`.

    Parameters
    ----------
    codes : (n_rows, k) array of int
        Signed codes, one row a neuron.
    budget, policy, uniform
        As in `fit_words`; ``"greedy"`` serves the largest codes first.

    Returns
    -------
    codes : (n_rows, k) array of int
        A code that loses words keeps full ones.
    clipped : (n_rows,) array of int
        Words taken away from each row.
    """
    words = words_of(codes)
    if policy == "greedy":
        order = np.argsort(-np.abs(codes), axis=1, kind="stable")
        wanted = np.take_along_axis(words, order, axis=1)
        left = np.broadcast_to(budget, len(codes))[:, None] - (np.cumsum(wanted, axis=1) - wanted)
        kept = np.empty_like(words)
        np.put_along_axis(kept, order, np.clip(left, 0, wanted), axis=1)
    elif policy == "uniform":
        kept = fit_words(words, budget, policy, uniform)[0]
    else:
        raise UnknownNameError("policy", policy, POLICIES[:2])
    fitted = np.where(kept < words, np.sign(codes) * FULL * kept, codes)
    return fitted, (words - kept).sum(axis=1)


def slot_masks(slots, codes) -> np.ndarray:
    """Mask in every CAM slot: all base currents in the first slots of a synapse, its own mask in the last.

    Parameters
    ----------
    slots : (run, neuron, slot) array of int
        Edge in each slot, -1 for none.
    codes : (run, n_edges) array of int
        Code of every edge.

    Returns
    -------
    (run, neuron, slot) array of int, 0 in empty slots
    """
    masks = np.zeros(slots.shape, np.int64)
    run, neuron, slot = np.nonzero(slots >= 0)
    edge = slots[run, neuron, slot]
    place = run * codes.shape[1] + edge
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], place[order])
    rank = np.empty(len(place), np.int64)
    rank[order] = np.arange(len(place)) - first
    words, mask = np.divmod(codes[run, edge].astype(np.int64), FULL)
    masks[run, neuron, slot] = np.where(rank < words, FULL, mask)
    return masks
