"""Two rate patterns on eight channels: the smallest task a chip must learn without a mistake."""

from __future__ import annotations

import numpy as np

from chipemu.errors import InputError
from chipemu.tasks.task import Task

N_CHANNELS = 8
PATTERN_SEED = 0
RATE_RANGE_HZ = (20.0, 80.0)

# Jitter and order of presentations come from seeds of their own, so that the patterns do not depend on the split sizes.
SPLIT_SIZES_AND_SEEDS = {"train": (200, 1), "validation": (100, 2), "test": (200, 3)}


def patterns() -> np.ndarray:
    """Return the two patterns, drawn once: uniform in 20-80 Hz with seed 0.

    Returns
    -------
    ndarray, (2, 8)
        Mean rate of each channel in each class [Hz].

    Examples
    --------
    >>> patterns().round(1)[0, :3]
    array([58.2, 36.2, 22.5])
    """
    return np.random.default_rng(PATTERN_SEED).uniform(*RATE_RANGE_HZ, size=(2, N_CHANNELS))


def load(*, jitter: float = 0.1) -> Task:
    """Two 8-channel patterns, rates uniform in 20-80 Hz (seed 0), with multiplicative jitter at every presentation.

    In each presentation every channel rate is multiplied by its own Gaussian factor of mean 1 and standard deviation
    `jitter`, clipped at 0. 200 training, 100 validation and 200 test presentations, half of each class, in random
    order; jitter and order are drawn with seeds 1, 2 and 3, apart from the patterns. The 8 channels are the only
    sources: the patterns differ in enough channels that no constant source is needed.

    The published binary task does not give its patterns; these are ours, so equal accuracy is not a reproduction.

    Parameters
    ----------
    jitter : float
        Standard deviation of the factor [1].

    Returns
    -------
    Task

    Raises
    ------
    InputError
        If `jitter` is negative or not finite.
    """
    if not 0 <= jitter < np.inf:
        raise InputError(f"jitter is {jitter}; it must be a finite number, at least 0.")
    splits, rates = {}, {}
    for split, (size, seed) in SPLIT_SIZES_AND_SEEDS.items():
        labels, rates[split] = _present(size, seed, jitter)
        splits[split] = (rates[split] / RATE_RANGE_HZ[1], labels)
    return Task(
        name="binary",
        classes=("pattern 0", "pattern 1"),
        source_names=tuple(f"channel {i}" for i in range(N_CHANNELS)),
        splits=splits,
        rates=rates,
        summary="binary: 2 rate patterns on 8 channels, 10 % jitter at every presentation",
    )


def _present(size: int, seed: int, jitter: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels (size,) and jittered rates (size, 8) [Hz] of one split."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(size, dtype=np.int64) % 2)
    factor = np.clip(rng.normal(1.0, jitter, size=(size, N_CHANNELS)), 0.0, None)
    return labels, patterns()[labels] * factor
