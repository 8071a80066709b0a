"""One tree of seeds: every die and noise seed descends from the seed a user gives."""

import numpy as np

CHIPS, NOISE = 0, 1


def seeds(seed: int, n: int, stream: int) -> tuple[int, ...]:
    """Return `n` seeds of 63 bits derived from one; more of them begin with the same ones.

    Parameters
    ----------
    seed : int
        Parent.
    n : int
        Number of children.
    stream : int
        Distinguishes families of children: `CHIPS` or `NOISE`.

    Examples
    --------
    >>> seeds(0, 3, CHIPS)[:2] == seeds(0, 2, CHIPS)
    True
    """
    words = np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(n, np.uint64)
    return tuple(int(word >> np.uint64(1)) for word in words)
