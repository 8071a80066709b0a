"""Yin-Yang: three classes inside a disc that no linear read-out of its coordinates separates.

Recipe of Kriener, Göltz and Petrovici (2022), arXiv:2102.08211, reproduced bit for bit: the same legacy generator, the
same order of draws and the same order of floating-point operations, so results compare with published ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chipemu.errors import InputError
from chipemu.tasks.encoder import rate_range
from chipemu.tasks.task import Task

R_BIG = 0.5
R_SMALL = 0.1
YIN, YANG, DOT = 0, 1, 2
RATE_MIN, RATE_MAX = "10 Hz", "100 Hz"

# The published splits: size and seed of each.
SPLIT_SIZES_AND_SEEDS = {"train": (5000, 42), "validation": (1000, 41), "test": (1000, 40)}


def classify(x: float, y: float) -> int:
    """Return the class of one point of the disc.

    Parameters
    ----------
    x, y : float
        Coordinates [1]; the disc has its centre at (0.5, 0.5) and radius 0.5.

    Returns
    -------
    int
        0 yin, 1 yang, 2 dot.

    Examples
    --------
    >>> classify(0.75, 0.5), classify(0.5, 0.9), classify(0.5, 0.1)
    (2, 1, 0)
    """
    d_right = math.sqrt((x - 1.5 * R_BIG) ** 2 + (y - R_BIG) ** 2)
    d_left = math.sqrt((x - 0.5 * R_BIG) ** 2 + (y - R_BIG) ** 2)
    if d_right < R_SMALL or d_left < R_SMALL:
        return DOT
    on_rim_of_right_dot = d_right <= R_SMALL
    in_left_lobe = R_SMALL < d_left <= 0.5 * R_BIG
    in_upper_half = y > R_BIG and d_right > 0.5 * R_BIG
    return YANG if on_rim_of_right_dot or in_left_lobe or in_upper_half else YIN


def draw_points(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw labelled points as the published generator does.

    A class is drawn first, then points until one has it: classes are equally likely although their areas differ.

    Parameters
    ----------
    size : int
        Number of points.
    seed : int
        Seed of the legacy generator, which is private to this call.

    Returns
    -------
    x : ndarray, (size, 4)
        x, y, 1 - x, 1 - y [1].
    y : ndarray of int64, (size,)
        Labels.

    Examples
    --------
    >>> x, y = draw_points(3, seed=40)
    >>> x.shape, y.dtype
    ((3, 4), dtype('int64'))
    """
    rng = np.random.RandomState(seed)
    points = np.empty((size, 2))
    labels = np.empty(size, dtype=np.int64)
    for i in range(size):
        labels[i] = rng.randint(3)
        points[i] = _draw_point_of_class(rng, labels[i])
    return np.hstack([points, 1.0 - points]), labels


def _draw_point_of_class(rng: np.random.RandomState, label: int) -> tuple[float, float]:
    """Draw points of the square until one lies in the disc and has the class."""
    while True:
        # Two scalar draws give the same stream as one draw of two and cost half as much.
        x = rng.random_sample() * 2.0 * R_BIG
        y = rng.random_sample() * 2.0 * R_BIG
        if math.sqrt((x - R_BIG) ** 2 + (y - R_BIG) ** 2) <= R_BIG and classify(x, y) == label:
            return x, y


def _rates(ends: tuple[float, float], constant: float) -> Callable[[np.ndarray], np.ndarray]:
    low, high = ends
    if not 0 <= constant <= 1:
        raise InputError(f"constant is {constant}; the value of the constant source must lie in 0..1.")
    return lambda x: low + (high - low) * np.column_stack([x, np.full(len(x), constant)])


def grid(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the plane, and the usual rates that encode them.

    Parameters
    ----------
    n : int
        Points along a side of the square around the disc.

    Returns
    -------
    coordinate : ndarray, (n,)
        Of the points along a side [1].
    inside : ndarray of bool, (n, n)
        Points of the disc; rows have one y.
    rates : ndarray, (point, source)
        Of the points inside, row by row [Hz].

    Examples
    --------
    >>> coordinate, inside, rates = grid(5)
    >>> int(inside.sum()), rates.shape, rates[6].tolist()  # the middle of the disc
    (13, (13, 5), [55.0, 55.0, 55.0, 55.0, 100.0])
    """
    coordinate = np.linspace(0.0, 2 * R_BIG, n)
    x, y = np.meshgrid(coordinate, coordinate)
    inside = np.hypot(x - R_BIG, y - R_BIG) <= R_BIG
    points = np.stack([x[inside], y[inside]], axis=1)
    return coordinate, inside, _rates(rate_range(RATE_MIN, RATE_MAX), 1.0)(np.hstack([points, 1.0 - points]))


def load(
    *,
    rate_min: str = RATE_MIN,
    rate_max: str = RATE_MAX,
    constant: float = 1.0,
) -> Task:
    """Yin-Yang with the published splits; each coordinate is affine to the rate of one source.

    rate = rate_min + (rate_max - rate_min) * value, for the values x, y, 1 - x, 1 - y and one constant. No tuning
    curves: the task stays as hard for a linear read-out of the rates as it is for one of the coordinates.

    Parameters
    ----------
    rate_min, rate_max : str
        Rates that encode the values 0 and 1 [Hz].
    constant : float
        Value in 0..1 that the constant source encodes [1].

    Returns
    -------
    Task

    Raises
    ------
    UnitError
        If a quantity has no unit or a wrong one.
    InputError
        If the rates are negative or in the wrong order, or `constant` is outside 0..1.
    """
    sent = _rates(rate_range(rate_min, rate_max), constant)
    splits = {split: draw_points(size, seed) for split, (size, seed) in SPLIT_SIZES_AND_SEEDS.items()}
    return Task(
        name="yinyang",
        classes=("yin", "yang", "dot"),
        source_names=("x", "y", "1-x", "1-y", "constant"),
        splits=splits,
        rates={split: sent(x) for split, (x, _) in splits.items()},
        summary="Yin-Yang: 3 classes in a disc, 4 coordinates and a constant as rates",
    )
