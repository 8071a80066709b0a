"""Figures of accuracy: against what a study varies, during training, and of cloned weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import (
    RUN,
    accuracy_name,
    axis_name,
    is_finite,
    is_number,
    on_axis,
    percent_by_factor,
    pick,
    require,
    value_name,
)
from chipemu.figures.marks import (
    draw_dies,
    draw_legend,
    draw_quartiles,
    draw_reference_lines,
    n_runs_text,
    quartiles,
    references,
)
from chipemu.figures.style import BLACK, CLONED, GREY, SMALL, TRAINED, Look, new_axes, plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# Values of a factor that span more than this ratio get a logarithmic axis.
_LOG_FROM = 30.0
# Least distance of two tick labels, as a fraction of the axis.
_TICK_GAP = 0.07
_PERCENT = (0, 101)


def accuracy_against_mismatch(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot accuracy against the scale of mismatch: median, quartile band, every die, and what bounds them.

    Parameters
    ----------
    dataset : xarray.Dataset
        As for `accuracy_against`, with the factor `mismatch_scale`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset lacks the factor or both accuracies, or varies another factor too.

    Examples
    --------
    >>> import xarray as xr
    >>> study = xr.Dataset({"accuracy_test": (("mismatch_scale", "chip", "noise"), [[[0.7, 0.8]], [[0.6, 0.5]]])},
    ...                    {"mismatch_scale": [0.0, 1.0]})
    >>> accuracy_against_mismatch(study).get_xlabel()
    'mismatch scale (1 = device file)'
    """
    return accuracy_against(dataset, "mismatch_scale", axes)


def accuracy_against(dataset: xr.Dataset, factor: str, axes: Axes | None = None) -> Axes:
    """Plot accuracy against a factor of a study: a line with a band for numbers, a strip of boxes for names.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (factor, chip, noise), or `accuracy_validation` where the test split stayed closed.
        `accuracy_cloned`, if there, becomes a second band. Optional `accuracy_ideal`, `accuracy_ann`,
        `accuracy_linear`, `accuracy_chance` become lines.
    factor : str
        Dimension with a coordinate of that name.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset lacks the factor or both accuracies, or varies another factor too.

    Examples
    --------
    >>> import xarray as xr
    >>> study = xr.Dataset({"accuracy_test": (("device", "chip", "noise"), [[[0.7, 0.8]], [[0.6, 0.5]]])},
    ...                    {"device": ["ideal", "dynapse1"]})
    >>> accuracy_against(study, "device").get_ylabel().splitlines()
    ['test accuracy (%)', 'feedback off']
    """
    name, split = accuracy_name(dataset)
    series = [(TRAINED, "", percent_by_factor(dataset, name, factor).values)]
    if is_finite(dataset, "accuracy_cloned"):
        cloned = percent_by_factor(dataset, "accuracy_cloned", factor).values
        series = [
            (TRAINED, "trained on the die, ", series[0][2]),
            (CLONED, "cloned from another die, ", cloned),
        ]
    draw = _draw_against_number if is_number(dataset, factor) else _draw_against_name
    axes = axes or new_axes(height=3.4 if draw is _draw_against_number else 4.0)
    axes.set(xlabel=axis_name(dataset, factor), ylabel=f"{split} accuracy (%)\nfeedback off", ylim=_PERCENT)
    draw(dataset, factor, axes, series)
    draw_legend(axes, 3 if len(series) == 1 else 2)
    return axes


def _draw_against_number(dataset: xr.Dataset, factor: str, axes: Axes, series: list) -> None:
    """Draw medians, bands and dies over the values of a numeric factor."""
    values = dataset[factor].values
    x = on_axis(factor, values.astype(float))
    is_log = bool((x > 0).all()) and x.max() / x.min() >= _LOG_FROM
    if is_log:
        axes.set_xscale("log")
    order = np.argsort(x)
    draw_reference_lines(dataset.isel({factor: order}), axes, factor=factor, x=x[order])
    draw_dies(axes, x[order], _median_over_noise(series[0][2])[order])
    for look, prefix, runs in series:
        draw_quartiles(axes, x[order], runs[order], look=look, prefix=prefix)
    ticks = [float(x[index]) for index in _apart(np.log(x) if is_log else x)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _draw_against_name(dataset: xr.Dataset, factor: str, axes: Axes, series: list) -> None:
    """Draw one box of quartiles a value, with the dies beside it."""
    names = [plain(value_name(factor, value), 20) for value in dataset[factor].values]
    x = np.arange(len(names), dtype=float)
    draw_reference_lines(dataset, axes, factor=factor, x=x, steps=True)
    shifts = (0.0,) if len(series) == 1 else (-0.2, 0.2)
    for shift, (look, prefix, runs) in zip(shifts, series, strict=True):
        draw_boxes(axes, x + shift, runs.reshape(len(x), -1), look=look, prefix=prefix, width=0.36)
    dies = _median_over_noise(series[0][2])
    draw_dies(axes, x[:, None] + shifts[0] + jitter(dies.shape[1], 0.12), dies)
    for place in np.flatnonzero(~np.isfinite(series[0][2]).any(axis=(1, 2))):
        axes.text(
            place,
            3,
            "all runs failed",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=SMALL,
            bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
        )
    is_long = sum(map(len, names)) > 45
    axes.set_xticks(x, names, **({"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if is_long else {}))
    axes.set_xlim(-0.6, len(names) - 0.4)


def draw_boxes(axes: Axes, x: np.ndarray, runs: np.ndarray, *, look: Look, prefix: str, width: float) -> None:
    """Draw the box between quartiles and the median of each place; `runs` is (place, run) [%]."""
    alive = np.isfinite(runs).any(axis=1)
    if not alive.any():
        return
    x, runs = x[alive], runs[alive]
    low, middle, high = quartiles(runs)
    half = width / 2
    box = {"height": high - low, "width": width, "bottom": low, "linewidth": 0}
    axes.bar(x, color=look.colour, alpha=0.25, label="quartiles", **box)
    if look.hatch:
        axes.bar(x, facecolor="none", edgecolor=look.colour, alpha=0.5, hatch=look.hatch, **box)
    median = axes.hlines(middle, x - half, x + half, color=look.colour, linestyle=look.line, linewidth=2.2, zorder=3)
    median.set_label(f"{prefix}median of {n_runs_text(runs)} runs")


def learning_curve(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot validation accuracy during training: median and quartile band over dies and noise seeds.

    Parameters
    ----------
    dataset : xarray.Dataset
        `validation_history` (chip, noise, checkpoint), no study factor; `checkpoint` counts presentations.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset has no history, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> training = xr.Dataset({"validation_history": (("chip", "noise", "checkpoint"), [[[0.3, 0.7]]])},
    ...                       {"checkpoint": [0, 100]})
    >>> learning_curve(training).get_xlabel()
    'training presentations'
    """
    history = percent_by_factor(dataset, "validation_history", "checkpoint")
    axes = axes or new_axes()
    axes.set(xlabel="training presentations", ylabel="validation accuracy (%)\nfeedback off", ylim=_PERCENT)
    draw_reference_lines(dataset, axes)
    draw_quartiles(axes, dataset["checkpoint"].values, history.values)
    draw_legend(axes)
    return axes


def control_curve(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot the feedback charge of a training presentation as learning proceeds: median and quartile band over runs.

    Parameters
    ----------
    dataset : xarray.Dataset
        `charge_history` (chip, noise, checkpoint) [C], no study factor; `checkpoint` counts presentations.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset has no history, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> training = xr.Dataset({"charge_history": (("chip", "noise", "checkpoint"), [[[3e-10, 1e-10]]])},
    ...                       {"checkpoint": [100, 200]})
    >>> control_curve(training).lines[0].get_ydata().tolist()
    [300.0, 100.0]
    """
    require(dataset, "charge_history", "checkpoint")
    charge = 1e12 * pick(dataset, "charge_history", "checkpoint", *RUN)
    axes = axes or new_axes()
    axes.set(xlabel="training presentations", ylabel="feedback charge of a\ntraining presentation (pC)")
    draw_quartiles(axes, dataset["checkpoint"].values, charge.values)
    axes.set_ylim(bottom=0)
    draw_legend(axes)
    return axes


def clone_cost(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot what it costs to copy weights to another die: each die trained by itself, and with the weights of another.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (or `accuracy_validation`) and `accuracy_cloned` (chip, noise), no study factor. Reference
        accuracies as for `accuracy_against`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        One pair of points a die, medians over its noise seeds, and the quartiles of all runs beside them.

    Raises
    ------
    InputError
        If one of the two is missing or has no finite value, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("chip", "noise")
    >>> both = xr.Dataset({"accuracy_test": (dims, [[0.8], [0.9]]), "accuracy_cloned": (dims, [[0.5], [0.7]])})
    >>> [label.get_text() for label in clone_cost(both).get_xticklabels()]
    ['trained\\non the die', 'cloned from\\nanother die']
    """
    require(dataset, "accuracy_cloned")
    name, split = accuracy_name(dataset)
    if not is_finite(dataset, "accuracy_cloned"):
        raise InputError("accuracy_cloned has no finite value to plot; were there two dies to clone between?")
    runs = [100 * pick(dataset, variable, *RUN).values for variable in (name, "accuracy_cloned")]
    dies = np.stack([_median_over_noise(values) for values in runs])
    axes = axes or new_axes()
    bounds = [values.min() for _, values, _, _ in references(dataset)]
    # Pairs are compared closely, so the axis begins below the lowest of them or chance instead of at 0.
    axes.set_ylim(max(0.0, min([np.nanmin(dies), *bounds]) - 5), _PERCENT[1])
    draw_reference_lines(dataset, axes)
    axes.plot([0, 1], dies, color=GREY, linewidth=0.7, zorder=2)
    for place, (look, values) in enumerate(zip((TRAINED, CLONED), runs, strict=True)):
        outside = np.array([place + (-0.22, 0.22)[place]])
        draw_boxes(axes, outside, values.reshape(1, -1), look=look, prefix="", width=0.22)
        _draw_medians(axes, place, dies[place], look)
    axes.set_xticks([0, 1], ["trained\non the die", "cloned from\nanother die"])
    axes.set(xlim=(-0.6, 1.6), xlabel="weights", ylabel=f"{split} accuracy (%)\nfeedback off")
    draw_legend(axes)
    return axes


def _draw_medians(axes: Axes, place: int, dies: np.ndarray, look: Look) -> None:
    axes.plot(
        np.full(len(dies), place),
        dies,
        linestyle="none",
        marker=look.marker,
        markersize=4.5,
        color=look.colour,
        markeredgecolor=BLACK,
        markeredgewidth=0.4,
        label="one die",
        zorder=4,
    )


def _median_over_noise(runs: np.ndarray) -> np.ndarray:
    """Median over the last axis, NaN only where nothing is finite; without the warning of NumPy for that case."""
    alive = np.isfinite(runs).any(axis=-1)
    medians = np.full(runs.shape[:-1], np.nan)
    medians[alive] = np.nanmedian(runs[alive], axis=-1)
    return medians


def jitter(n: int, half: float) -> np.ndarray:
    """Return fixed sideways shifts within +-`half` that keep the marks of `n` dies apart."""
    return half * (2 * ((np.arange(n) * 0.618034 + 0.5) % 1) - 1)


def _apart(places: np.ndarray) -> list[int]:
    """Return indices of ticks far enough apart to be labelled; the largest is always among them."""
    order = np.argsort(places)[::-1]
    gap = _TICK_GAP * max(np.ptp(places), 1e-12)
    kept: list[int] = []
    for index in order:
        if not kept or places[kept[-1]] - places[index] >= gap:
            kept.append(int(index))
    return sorted(kept)
