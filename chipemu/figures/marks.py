"""The marks that figures of accuracy share: quartile bands, dies, reference lines and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.figures.choice import is_finite
from chipemu.figures.style import BLACK, GREEN, GREY, ORANGE, PURPLE, SMALL, TRAINED, Look

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_REFERENCE_LINES = (
    ("accuracy_ann", "ANN", PURPLE, (0, (5, 1.5))),
    ("accuracy_ideal", "ideal chip", GREEN, "-"),
    ("accuracy_linear", "linear", ORANGE, (0, (3, 1.5, 1, 1.5))),
    ("accuracy_chance", "chance", GREY, ":"),
)
# Least distance of the names of two lines, as a fraction of the axis: about the height of the text.
_LABEL_GAP = 0.06
_SHARED = ("quartiles", "one die")


def quartiles(runs: np.ndarray) -> np.ndarray:
    """First quartile, median and third quartile over the last axis, leaving out NaN; dims (3, ...)."""
    return np.nanquantile(runs, [0.25, 0.5, 0.75], axis=-1)


def n_runs_text(runs: np.ndarray) -> str:
    """How many finite runs each place has; `runs` is (place, run)."""
    n_finite = np.isfinite(runs).sum(axis=1)
    return f"{n_finite.max()}" if n_finite.min() == n_finite.max() else f"{n_finite.min()}-{n_finite.max()}"


def draw_quartiles(axes: Axes, x: np.ndarray, runs: np.ndarray, *, look: Look = TRAINED, prefix: str = "") -> None:
    """Draw the median line and the band from first to third quartile; `runs` is (x, chip, noise) [%]."""
    runs = runs.reshape(len(x), -1)
    # A point where every run failed is left out.
    alive = np.isfinite(runs).any(axis=1)
    if not alive.any():
        return
    x, runs = x[alive], runs[alive]
    low, middle, high = quartiles(runs)
    axes.plot(
        x,
        middle,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        markersize=4.5,
        linewidth=1.8,
        label=f"{prefix}median of {n_runs_text(runs)} runs",
        zorder=3,
    )
    draw_band(axes, x, low, high, look=look, label="quartiles")


def draw_band(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, *, look: Look, label: str) -> None:
    """Draw a quartile band; a hatch keeps two bands apart where colour cannot."""
    axes.fill_between(x, low, high, facecolor=look.colour, alpha=0.25, linewidth=0, label=label)
    if look.hatch:
        # On its own: an SVG gives shade and hatch one opacity, which would hide the hatch.
        axes.fill_between(
            x, low, high, facecolor="none", edgecolor=look.colour, alpha=0.5, hatch=look.hatch, linewidth=0
        )


def draw_dies(axes: Axes, x: np.ndarray, dies: np.ndarray) -> None:
    """Draw one faint ring a die, its median over noise seeds; `x` is (place,) or as `dies`, (place, chip) [%]."""
    across = np.repeat(x, dies.shape[1]) if x.ndim == 1 else x.ravel()
    axes.plot(
        across,
        dies.ravel(),
        linestyle="none",
        marker="o",
        markersize=3.5,
        markerfacecolor="none",
        markeredgecolor=BLACK,
        markeredgewidth=0.6,
        alpha=0.5,
        label="one die",
    )


def draw_legend(axes: Axes, n_columns: int = 3) -> None:
    """Draw the legend above the axes: data and lines can lie anywhere between 0 and 100 %.

    Medians come first; what two series share, such as the shade of a quartile band, is named once; references are last.
    """
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(reversed(labels), reversed(handles), strict=True))
    rank = {label: 1 for label in _SHARED} | {label: 2 for _, label, _, _ in _REFERENCE_LINES}
    order = sorted(reversed(named), key=lambda label: rank.get(label, 0))
    axes.legend(
        [named[label] for label in order],
        order,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=n_columns,
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0.2,
        columnspacing=1.2,
        handlelength=2.4,
    )


def references(dataset: xr.Dataset, factor: str | None = None) -> list[tuple[str, np.ndarray, str, object]]:
    """Return the accuracies that bound a result: name, value [%] at each value of `factor` or one, colour, line."""
    found = []
    for name, label, colour, style in _REFERENCE_LINES:
        if not is_finite(dataset, name):
            continue
        variable = 100 * dataset[name]
        spare = [dim for dim in variable.dims if dim != factor]
        values = np.atleast_1d(variable.median(spare).values)
        # The same at every value, as it usually is: one line says so better than a row of points.
        if np.nanmin(values) == np.nanmax(values):
            values = np.array([np.nanmax(values)])
        found.append((label, values, colour, style))
    return found


def draw_reference_lines(
    dataset: xr.Dataset, axes: Axes, *, factor: str | None = None, x: np.ndarray | None = None, steps: bool = False
) -> None:
    """Draw the accuracies that bound a result as lines with their names at the right edge.

    The limits of the axes must be set. A reference that depends on `factor`, as between tasks, is drawn at each place
    `x`, joined or with `steps` as a dash each, and named in the legend.
    """
    lines = []
    for label, values, colour, style in references(dataset, factor):
        look = {"color": colour, "linestyle": style, "linewidth": 1.3, "zorder": 1}
        if len(values) == 1:
            axes.axhline(values[0], **look)
            lines.append((values[0], f"{label} {values[0]:.1f}", colour))
        elif steps:
            axes.hlines(values, x - 0.42, x + 0.42, label=label, **look)
        else:
            axes.plot(x, values, label=label, **look)
    _draw_names(axes, lines)


def _draw_names(axes: Axes, lines: Sequence[tuple[float, str, str]]) -> None:
    bottom, top = axes.get_ylim()
    gap = _LABEL_GAP * (top - bottom)
    heights = below(spread([value for value, _, _ in lines], gap), gap, min(top, 100.0))
    for height, (value, label, colour) in zip(heights, lines, strict=True):
        axes.annotate(
            label,
            xy=(1.0, value),
            xytext=(1.03, height),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 1.0,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def spread(values: list[float], gap: float) -> list[float]:
    """Move values apart until neighbours differ by `gap`, keeping their order and the mean of each cluster."""
    clusters: list[list[int]] = []
    for index in sorted(range(len(values)), key=values.__getitem__):
        clusters.append([index])
        while len(clusters) > 1 and _bottom(values, clusters[-1], gap) < _top(values, clusters[-2], gap) + gap:
            clusters[-2:] = [clusters[-2] + clusters[-1]]
    placed = list(values)
    for members in clusters:
        for rank, index in enumerate(members):
            placed[index] = _bottom(values, members, gap) + rank * gap
    return placed


def below(heights: list[float], gap: float, ceiling: float) -> list[float]:
    """Push spread heights down until none is above `ceiling`, where the legend begins."""
    lowered = list(heights)
    for index in sorted(range(len(heights)), key=heights.__getitem__, reverse=True):
        lowered[index] = min(heights[index], ceiling)
        ceiling = lowered[index] - gap
    return lowered


def _bottom(values: list[float], members: list[int], gap: float) -> float:
    return sum(values[index] for index in members) / len(members) - gap * (len(members) - 1) / 2


def _top(values: list[float], members: list[int], gap: float) -> float:
    return _bottom(values, members, gap) + gap * (len(members) - 1)
