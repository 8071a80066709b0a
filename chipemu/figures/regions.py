"""Decision regions: what dies decide at every point of a plane of two coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import accuracy_name, pick
from chipemu.figures.style import ORANGE, SKY, SMALL, new_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_COLOURS = ("#2B2B2B", SKY, ORANGE)  # apart in brightness too
_GAP = 0.12  # of a plane's width


def decision_regions(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Draw the classes asked for, and those that the best, the median and the worst die decide.

    Parameters
    ----------
    dataset : xarray.Dataset
        `region` (chip, noise, grid_y, grid_x), -1 where there is no point, `region_true` (grid_y, grid_x), and
        `accuracy_test` or `accuracy_validation` (chip, noise), which orders the runs; no study factor.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a variable is missing, there are more than three classes, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> plane = np.array([[0, 1], [2, -1]])
    >>> axes = decision_regions(xr.Dataset({
    ...     "region": (("chip", "noise", "grid_y", "grid_x"), plane[None, None]),
    ...     "region_true": (("grid_y", "grid_x"), plane), "accuracy_validation": (("chip", "noise"), [[1.0]])}))
    >>> [text.get_text() for text in axes.texts]
    ['asked for', 'best run\\n100.0 %', 'median run\\n100.0 %', 'worst run\\n100.0 %']
    """
    decided = pick(dataset, "region", "chip", "noise", "grid_y", "grid_x").values
    if decided.max() >= len(_COLOURS):
        raise InputError(f"region has {decided.max() + 1} classes; allowed up to {len(_COLOURS)}")
    planes = [("asked for", dataset["region_true"].values), *_ranked(dataset, decided)]
    axes = axes or new_axes(8.0, 2.5, fixed_aspect=True)
    for place, (title, plane) in enumerate(planes):
        left = place * (1 + _GAP)
        axes.imshow(_painted(plane), extent=(left, left + 1, 0, 1), origin="lower", interpolation="nearest")
        axes.text(left + 0.5, 1.03, title, ha="center", va="bottom", fontsize=SMALL)
    axes.set(xlim=(0, len(planes) * (1 + _GAP) - _GAP), ylim=(0, 1.25))
    axes.set_axis_off()
    return axes


def _ranked(dataset: xr.Dataset, decided: np.ndarray) -> list[tuple[str, np.ndarray]]:
    accuracy = pick(dataset, accuracy_name(dataset)[0], "chip", "noise").values.ravel()
    order = np.argsort(-accuracy, kind="stable")
    planes = decided.reshape(-1, *decided.shape[2:])
    chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return [(f"{rank} run\n{100 * accuracy[run]:.1f} %", planes[run]) for rank, run in chosen.items()]


def _painted(plane: np.ndarray) -> np.ndarray:
    """Colours of a plane, (y, x, 4), transparent where there is no point."""
    from matplotlib.colors import to_rgba

    return np.array([*map(to_rgba, _COLOURS), (0, 0, 0, 0)])[np.where(plane < 0, -1, plane)]
