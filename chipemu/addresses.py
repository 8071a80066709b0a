"""Addresses of counter-based draws: core * 65536 + neuron, so that a number belongs to a place and to nothing else."""

import numpy as np

from chipemu.kernels.layout import WHOLE_CORE


def packed(address: np.ndarray) -> np.ndarray:
    """Places (n, 2) of core and neuron as (n,) uint32.

    Examples
    --------
    >>> packed(np.array([[1, 3]])).tolist()
    [65539]
    """
    return (address[:, 0].astype(np.uint32) << 16) | address[:, 1].astype(np.uint32)


def every_place(n_cores: int, n: int) -> np.ndarray:
    """Address of each of ``n`` elements of every core, (core * n,) uint32."""
    return ((np.arange(n_cores, dtype=np.uint32) << 16)[:, None] | np.arange(n, dtype=np.uint32)).reshape(-1)


def die_addresses(n_chips: int) -> np.ndarray:
    """Address of every die itself, (chip,) uint32."""
    return np.uint32(WHOLE_CORE << 16) | (WHOLE_CORE - np.arange(n_chips)).astype(np.uint32)


def core_addresses(n_cores: int) -> np.ndarray:
    """Address of every core itself, (core,) uint32."""
    return (np.arange(n_cores, dtype=np.uint32) << 16) | np.uint32(WHOLE_CORE)
