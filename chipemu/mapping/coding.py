"""Weight coding: signed integer weights as repeated CAM words, cut to the words a neuron has left.

The two policies are those of D. Zendrikov's thesis (2024, University of Zurich) on learning with DYNAP-SE1 in the loop.
"""

import numpy as np

from chipemu.errors import InputError, UnknownNameError

POLICIES = ("greedy", "uniform", "error")

_SIGN_BIT_FREE = np.uint64(11)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


def fit_words(words, budget, policy: str, uniform=None):
    """Cut rows of signed words so that no row uses more than its budget; a sign never flips, no weight grows.

    Parameters
    ----------
    words : (n_rows, k) array of int
        Signed number of words of each synapse, one row a neuron.
    budget : int or (n_rows,) array of int
        Words each row may use, >= 0.
    policy : str
        ``"greedy"``: serve the largest weights first (equal ones in order);
        ``"uniform"``: take away one word after another, each remaining word equally likely, until the row fits.
    uniform : (n_rows,) array of float in [0, 1), or numpy.random.Generator
        Randomness of policy ``"uniform"``: one number a row, so that a row's fate depends on nothing but itself.

    Returns
    -------
    words : (n_rows, k) array of int
        The given array if every row fits, else a new one.
    clipped : (n_rows,) array of int
        Words taken away from each row.

    Raises
    ------
    InputError
        Policy ``"uniform"`` without randomness; UnknownNameError for another policy.

    Examples
    --------
    >>> words, clipped = fit_words(np.array([[5, -9, 2]]), 10, "greedy")
    >>> words, clipped
    (array([[ 1, -9,  0]]), array([6]))
    """
    size = np.abs(words)
    clipped = np.maximum(size.sum(axis=1) - budget, 0)
    over = np.flatnonzero(clipped)
    if not len(over):
        return words, clipped
    budget = np.broadcast_to(budget, clipped.shape)[over]
    if policy == "greedy":
        kept = _largest_first(size[over], budget)
    elif policy == "uniform":
        kept = _random_words(size[over], budget, _uniform_rows(uniform, len(words))[over])
    else:
        raise UnknownNameError("policy", policy, POLICIES[:2])
    fitted = words.copy()
    fitted[over] = np.sign(words[over]) * kept
    return fitted, clipped


def fit_sources(weights, budget, policy: str, uniform=None):
    """Like `fit_words` for devices with float weights, where each nonzero weight uses one word whatever its size.

    Parameters
    ----------
    weights : (n_rows, k) array of float
        Weight of each synapse.
    budget, policy, uniform
        As in `fit_words`; ``"greedy"`` keeps the largest weights, ``"uniform"`` a random choice.

    Returns
    -------
    weights : (n_rows, k) array of float
        The given array if every row fits, else a new one with the surplus weights at zero.
    clipped : (n_rows,) array of int
        Weights set to zero in each row.
    """
    present = (weights != 0).astype(np.int64)
    clipped = np.maximum(present.sum(axis=1) - budget, 0)
    if not clipped.any():
        return weights, clipped
    if policy == "greedy":
        rank = np.argsort(np.argsort(-np.abs(weights), axis=1, kind="stable"), axis=1)
        kept = rank < np.broadcast_to(budget, clipped.shape)[:, None]
    else:
        kept = fit_words(present, budget, policy, uniform)[0] > 0
    return np.where(kept, weights, 0.0), clipped


def _largest_first(size, budget):
    order = np.argsort(-size, axis=1, kind="stable")
    wanted = np.take_along_axis(size, order, axis=1)
    left = budget[:, None] - (np.cumsum(wanted, axis=1) - wanted)
    kept = np.empty_like(size)
    np.put_along_axis(kept, order, np.clip(left, 0, wanted), axis=1)
    return kept


def _random_words(size, budget, uniform):
    """Keep ``budget`` of each row's words, every subset equally likely: those with the smallest random keys."""
    kept = np.empty_like(size)
    for row, (counts, n_kept, seed) in enumerate(zip(size, budget, uniform, strict=True)):
        synapse = np.repeat(np.arange(len(counts)), counts)
        chosen = np.argsort(_keys(seed, len(synapse)), kind="stable")[:n_kept]
        kept[row] = np.bincount(synapse[chosen], minlength=len(counts))
    return kept


def _keys(seed, n):
    """Random 64-bit keys 0 ... n - 1 of one seed in [0, 1): SplitMix64 (Steele, Lea and Flood 2014) at a counter."""
    start = np.uint64(np.float64(seed) * 2.0**53) << _SIGN_BIT_FREE
    key = np.full(n, start) * _GOLDEN + np.arange(1, n + 1, dtype=np.uint64) * _GOLDEN
    for shift, factor in _MIX:
        key = (key ^ (key >> shift)) * factor
    return key ^ (key >> np.uint64(31))


def _uniform_rows(uniform, n_rows):
    if uniform is None:
        raise InputError("policy 'uniform' takes words away at random; give rng=numpy.random.default_rng(seed)")
    if isinstance(uniform, np.random.Generator):
        return uniform.random(n_rows)
    rows = np.asarray(uniform, float)
    if rows.shape != (n_rows,) or not ((rows >= 0) & (rows < 1)).all():
        raise InputError(f"policy 'uniform' needs {n_rows} random numbers in [0, 1), one a row; got shape {rows.shape}")
    return rows
