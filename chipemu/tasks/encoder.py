"""From features to source rates: each feature, scaled to 0..1 on the train split, is affine to the rate of a source."""

from __future__ import annotations

import numpy as np

from chipemu.errors import InputError
from chipemu.tasks.split import Split
from chipemu.units import parse


def scale(features: np.ndarray, train: np.ndarray, quantile: float = 0.0) -> np.ndarray:
    """Scale every feature so that a low quantile of the train split becomes 0 and a high one 1, and clip the rest.

    Parameters
    ----------
    features : ndarray, (sample, feature)
        Of all splits.
    train : ndarray of int
        Samples that the quantiles are taken from: nothing of the other splits is known to an encoder.
    quantile : float
        0 takes least and greatest value; 0.02 leaves 2 % at either end to the clip.

    Returns
    -------
    ndarray, (sample, feature)
        In 0..1 [1].

    Examples
    --------
    >>> scale(np.array([[2.0], [4.0], [9.0]]), train=np.array([0, 1])).ravel()
    array([0., 1., 1.])
    """
    low, high = np.quantile(features[train], [quantile, 1 - quantile], axis=0)
    return np.clip((features - low) / (high - low), 0.0, 1.0)


def rate_range(rate_min: str, rate_max: str) -> tuple[float, float]:
    """Read the rates that encode 0 and 1 [Hz].

    Raises
    ------
    UnitError
        If a quantity has no unit or a wrong one.
    InputError
        If the rates are negative or in the wrong order.

    Examples
    --------
    >>> rate_range("10 Hz", "100 Hz")
    (10.0, 100.0)
    """
    low, high = parse(rate_min, "Hz", where="rate_min"), parse(rate_max, "Hz", where="rate_max")
    if not 0 <= low < high:
        raise InputError(f"rate_min is {rate_min} and rate_max {rate_max}; they must be ordered and not negative.")
    return low, high


def encode(x: np.ndarray, y: np.ndarray, split: Split, rates: tuple[float, float]) -> dict[str, dict]:
    """Return `splits` and `rates` of a task: one source a feature, and a constant source at the highest rate.

    Parameters
    ----------
    x : ndarray, (sample, feature)
        In 0..1 [1].
    y : ndarray of int, (sample,)
        Labels.
    split : dict of split name to ndarray of int
        Samples of each split.
    rates : (float, float)
        Rates that encode 0 and 1 [Hz].

    Returns
    -------
    dict
        Arguments `splits` and `rates` of `Task`.
    """
    low, high = rates
    values = np.column_stack([x, np.ones(len(x))])
    return {
        "splits": {name: (x[index], y[index].astype(np.int64)) for name, index in split.items()},
        "rates": {name: low + (high - low) * values[index] for name, index in split.items()},
    }
