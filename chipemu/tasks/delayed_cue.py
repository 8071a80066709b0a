"""A cue that is gone when the decision is counted: what a network without memory can only guess."""

from __future__ import annotations

import numpy as np

from chipemu.errors import InputError
from chipemu.tasks.task import Task

N_CUES, N_CHANNELS = 4, 8
CUE_SEED = 0
RATE_RANGE_HZ = (10.0, 90.0)
CONSTANT_HZ = 100.0

# As in `binary`, jitter and order come from seeds of their own.
SPLIT_SIZES_AND_SEEDS = {"train": (1200, 1), "validation": (400, 2), "test": (400, 3)}


def cues() -> np.ndarray:
    """Return the four cues, drawn once: uniform in 10-90 Hz with seed 0.

    Returns
    -------
    ndarray, (4, 8)
        Mean rate of each channel in each cue [Hz].

    Examples
    --------
    >>> cues().round(1)[0, :3]
    array([61. , 31.6, 13.3])
    """
    return np.random.default_rng(CUE_SEED).uniform(*RATE_RANGE_HZ, size=(N_CUES, N_CHANNELS))


def load(*, jitter: float = 0.2) -> Task:
    """Four cues on 8 channels, jittered at every presentation and gone at the decision.

    Rates are uniform in 10-90 Hz (seed 0). The channels send a cue in the settle phase and nothing afterwards; a
    constant source of 100 Hz sends throughout.
    Where decisions are counted every presentation is therefore the same, and without a memory of what was before the
    accuracy is 25 %. In each presentation every channel rate is multiplied by its own Gaussian factor of mean 1 and
    standard deviation `jitter`, clipped at 0. 1200 training, 400 validation and 400 test presentations, a quarter of
    each class, in random order, with seeds 1, 2 and 3. Float references see the cue.

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
    splits, rates, late = {}, {}, {}
    for split, (size, seed) in SPLIT_SIZES_AND_SEEDS.items():
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.arange(size, dtype=np.int64) % N_CUES)
        shown = cues()[labels] * np.clip(rng.normal(1.0, jitter, size=(size, N_CHANNELS)), 0.0, None)
        constant = np.full((size, 1), CONSTANT_HZ)
        splits[split] = (shown / RATE_RANGE_HZ[1], labels)
        rates[split] = np.hstack([shown, constant])
        late[split] = np.hstack([np.zeros_like(shown), constant])
    return Task(
        name="delayed-cue",
        classes=tuple(f"cue {i}" for i in range(N_CUES)),
        source_names=(*(f"channel {i}" for i in range(N_CHANNELS)), "constant"),
        splits=splits,
        rates=rates,
        summary="delayed cue: 4 rate patterns on 8 channels, gone when the decision is counted",
        late_rates=late,
    )
