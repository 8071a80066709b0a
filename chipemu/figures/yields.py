"""Yield: the share of dies that are good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.figures.choice import RUN, accuracy_name, axis_name, is_finite, pick, require, value_name
from chipemu.figures.marks import draw_legend, references
from chipemu.figures.style import CLONED, GREY, SERIES, SMALL, TRAINED, Look, new_axes, plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_BOUNDS_SHOWN = ("linear", "chance")
_DASHED = (0, (4, 1.5))
# Marks on a curve, which tell it apart where colour cannot.
_MARKS = 5


def die_accuracy(runs: xr.DataArray) -> xr.DataArray:
    """Return the accuracy of each die: the median over noise seeds, NaN where every run failed.

    Parameters
    ----------
    runs : xarray.DataArray
        Accuracy with the dimension noise, fraction.

    Returns
    -------
    xarray.DataArray
        Without noise.

    Examples
    --------
    >>> import xarray as xr
    >>> die_accuracy(xr.DataArray([[0.5, 0.7, 0.6]], dims=("chip", "noise"))).values.tolist()
    [0.6]
    """
    return runs.median("noise", skipna=True)


def yield_fraction(accuracy: np.ndarray, bound: float) -> float:
    """Return the fraction of dies whose accuracy reaches a bound; a die whose runs failed does not.

    Parameters
    ----------
    accuracy : (chip,) array of float
        Of each die, fraction.
    bound : float
        Least accuracy of a good die, fraction.

    Returns
    -------
    float

    Examples
    --------
    >>> yield_fraction(np.array([0.6, 0.7, np.nan, 0.8]), 0.7)
    0.5
    """
    return float((np.nan_to_num(accuracy, nan=-1.0) >= bound).mean())


def yield_curve(dataset: xr.Dataset, factor: str | None = None, axes: Axes | None = None) -> Axes:
    """Plot the share of dies that reach an accuracy, against that accuracy; one curve a value of a factor.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (factor, chip, noise), or `accuracy_validation` where the test split stayed closed.
        `accuracy_cloned`, if there, becomes dashed curves; `accuracy_linear` and `accuracy_chance` upright lines.
    factor : str, optional
        Study factor that tells the curves apart; without one, the dataset has none.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If both accuracies are missing, the factor is, or another factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> result = xr.Dataset({"accuracy_test": (("chip", "noise"), [[0.6], [0.7], [0.9]])})
    >>> yield_curve(result).get_ylabel()
    'dies that reach it (%)'
    """
    name, split = accuracy_name(dataset)
    trained = _by_value(dataset, name, factor)
    cloned = _by_value(dataset, "accuracy_cloned", factor) if is_finite(dataset, "accuracy_cloned") else None
    axes = axes or (new_axes() if factor is None else new_axes(5.8))
    if factor is None:
        _draw_curve(axes, trained[0], TRAINED, "-", "dies" if cloned is None else "trained on the die")
        if cloned is not None:
            _draw_curve(axes, cloned[0], CLONED, CLONED.line, "cloned from another die")
    else:
        names = [plain(value_name(factor, value)) for value in dataset[factor].values]
        _draw_values(axes, names, trained, cloned)
    lowest = min(100 * np.nanmin(found) for found in (trained, cloned) if found is not None)
    _draw_bounds(dataset, axes, lowest)
    axes.set(xlabel=f"{split} accuracy of a die (%)\nfeedback off", ylabel="dies that reach it (%)", ylim=(-2, 103))
    axes.set_xlim(right=101)
    if factor is None:
        draw_legend(axes, 2)
    else:
        title = axis_name(dataset, factor).replace(" (", "\n(")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=SMALL, title=title)
        axes.get_legend().set(alignment="left")
        axes.get_legend().get_title().set_fontsize(SMALL)
    return axes


def _by_value(dataset: xr.Dataset, name: str, factor: str | None) -> np.ndarray:
    """Return the accuracy of each die as (value of the factor, chip); one row without a factor."""
    if factor is None:
        return die_accuracy(pick(dataset, name, *RUN)).values[None]
    require(dataset, factor)
    return die_accuracy(pick(dataset, name, factor, *RUN)).values


def _draw_values(axes: Axes, names: list[str], trained: np.ndarray, cloned: np.ndarray | None) -> None:
    """Draw a curve for each value of a factor, and a dashed one in its colour for cloned weights."""
    for index, (name, dies) in enumerate(zip(names, trained, strict=True)):
        # A value at which every run failed says nothing about dies.
        if not np.isfinite(dies).any():
            continue
        look = SERIES[index % len(SERIES)]
        _draw_curve(axes, dies, look, "-", name)
        if cloned is not None:
            _draw_curve(axes, cloned[index], look, _DASHED, None)
    if cloned is not None:
        axes.plot([], [], color=GREY, linestyle=_DASHED, label="cloned from\nanother die")


def _draw_curve(axes: Axes, dies: np.ndarray, look: Look, line: object, label: str | None) -> None:
    """Draw the exact step function: it falls just after the accuracy of each die."""
    reached = np.sort(dies[np.isfinite(dies)])
    bounds = np.concatenate([[0.0], reached, [1.0]])
    share = [100 * yield_fraction(dies, bound) for bound in bounds[:-1]]
    axes.plot(
        100 * bounds,
        [*share, share[-1] if reached.size and reached[-1] == 1 else 0.0],
        drawstyle="steps-pre",
        color=look.colour,
        linestyle=line,
        linewidth=1.6,
        marker=look.marker,
        markersize=4,
        markevery=slice(1, -1, max(1, len(reached) // _MARKS)),
        label=label,
    )


def _draw_bounds(dataset: xr.Dataset, axes: Axes, lowest: float) -> None:
    """Draw what the accuracies compare with as upright lines, and begin the axis left of them and of every die."""
    lines = [line for line in references(dataset) if line[0] in _BOUNDS_SHOWN]
    for label, values, colour, style in lines:
        axes.axvline(
            values[0], color=colour, linestyle=style, linewidth=1.3, zorder=1, label=f"{label} {values[0]:.1f} %"
        )
    axes.set_xlim(left=max(0.0, min([lowest, *(values[0] for _, values, _, _ in lines)]) - 7))
