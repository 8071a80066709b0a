"""Figures of results: a dataset in, matplotlib axes out.

Figures are built without pyplot, so making one changes no global state and opens no window. Colours are those of Okabe
and Ito, which colour-blind readers can tell apart; no meaning rests on colour alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.storage import replacing

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design".
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#777777",
)
FORMATS = (".png", ".svg", ".pdf")

_RUN = ("chip", "noise")
_REFERENCE_LINES = (
    ("accuracy_ann", "ANN", PURPLE, (0, (5, 1.5))),
    ("accuracy_ideal", "ideal chip", GREEN, "-"),
    ("accuracy_linear", "softmax", ORANGE, (0, (3, 1.5, 1, 1.5))),
    ("accuracy_chance", "chance", GREY, ":"),
)
# Least distance of the names of two lines [%], about the height of the text.
_LABEL_GAP = 6.0


def new_axes(width: float = 5.0, height: float = 3.4) -> Axes:
    """Return empty axes on a figure of their own.

    Parameters
    ----------
    width, height : float
        Size [inch].

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> new_axes().figure.get_layout_engine() is not None
    True
    """
    from matplotlib.figure import Figure

    axes = Figure(figsize=(width, height), layout="constrained").subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def accuracy_against_mismatch(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot accuracy against the scale of mismatch: median, quartile band, every die, and what bounds them.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (mismatch_scale, chip, noise), or `accuracy_validation` where the test split stayed closed.
        Optional scalars `accuracy_ideal`, `accuracy_ann`, `accuracy_linear`, `accuracy_chance` become lines.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset lacks the factor or both accuracies, or varies another factor too.
    """
    name, split = _accuracy_name(dataset)
    accuracy = _percent_by_factor(dataset, name, "mismatch_scale")
    scale = dataset["mismatch_scale"].values
    axes = axes or new_axes()
    _draw_reference_lines(dataset, axes)
    _draw_dies(axes, scale, accuracy.median("noise").transpose("mismatch_scale", "chip").values)
    _draw_quartiles(axes, scale, accuracy.transpose("mismatch_scale", *_RUN).values)
    axes.set(
        xlabel="mismatch scale (1 = device file)",
        ylabel=f"{split} accuracy (%)\nfeedback off",
        ylim=(0, 101),
    )
    axes.set_xticks(scale, [f"{value:g}" for value in scale])
    _draw_legend(axes)
    return axes


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
    """
    history = _percent_by_factor(dataset, "validation_history", "checkpoint")
    axes = axes or new_axes()
    _draw_reference_lines(dataset, axes)
    _draw_quartiles(axes, dataset["checkpoint"].values, history.transpose("checkpoint", *_RUN).values)
    axes.set(xlabel="presentations", ylabel="validation accuracy (%)\nfeedback off", ylim=(0, 101))
    _draw_legend(axes)
    return axes


def raster(recording: xr.Dataset, axes: Axes | None = None, *, run: int = 0) -> Axes:
    """Plot the spikes of one run: time across, neuron up.

    Parameters
    ----------
    recording : xarray.Dataset
        `spike_time`, `spike_neuron` and, where several dies or trials ran, `spike_run`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    run : int
        Run to show.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset holds no spikes.
    """
    from matplotlib.ticker import MaxNLocator

    _require(recording, "spike_time", "spike_neuron")
    shown = recording["spike_run"].values == run if "spike_run" in recording else slice(None)
    axes = axes or new_axes()
    axes.plot(
        recording["spike_time"].values[shown],
        recording["spike_neuron"].values[shown],
        linestyle="none",
        marker="|",
        markersize=4,
        markeredgewidth=0.8,
        color=BLACK,
    )
    axes.set(xlabel="time (s)", ylabel="neuron")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def save_figure(figure: Figure | Axes, path: str | Path) -> Path:
    """Write a figure to a file, whole or not at all; the ending gives the format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or matplotlib.axes.Axes
        Axes stand for the figure they are on.
    path : str or Path
        File ending in .png, .svg or .pdf.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the ending is another one, or the folder does not exist.
    """
    from matplotlib import rc_context
    from matplotlib.axes import Axes

    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path} ends in {path.suffix!r}; figures are written as {', '.join(FORMATS)}.")
    whole = figure.figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    # No date and no random identifiers inside: the same result gives the same file.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    with replacing(path) as temporary, rc_context({"svg.hashsalt": "chipemu"}):
        whole.savefig(temporary, format=path.suffix[1:].lower(), dpi=200, metadata=metadata)
    return path


def _draw_quartiles(axes: Axes, x: np.ndarray, runs: np.ndarray) -> None:
    """Draw the median line and the band from first to third quartile; `runs` is (x, chip, noise) [%]."""
    runs = runs.reshape(len(x), -1)
    # A point where every run failed is left out.
    alive = np.isfinite(runs).any(axis=1)
    x, runs = x[alive], runs[alive]
    low, middle, high = np.nanquantile(runs, [0.25, 0.5, 0.75], axis=1)
    n_finite = np.isfinite(runs).sum(axis=1)
    count = f"{n_finite.max()}" if n_finite.min() == n_finite.max() else f"{n_finite.min()}-{n_finite.max()}"
    axes.plot(x, middle, color=BLUE, marker="o", markersize=4, linewidth=1.8, label=f"median of {count} runs", zorder=3)
    axes.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0, label="quartiles")


def _draw_dies(axes: Axes, x: np.ndarray, dies: np.ndarray) -> None:
    """Draw one faint ring a die, its median over noise seeds; `dies` is (x, chip) [%]."""
    across = np.repeat(x, dies.shape[1])
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


def _draw_legend(axes: Axes) -> None:
    # Above the axes: data and lines can lie anywhere between 0 and 100 %.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize="small", borderaxespad=0.2)


def _draw_reference_lines(dataset: xr.Dataset, axes: Axes) -> None:
    """Draw the accuracies that bound a result as lines with their names at the right edge."""
    lines = []
    for name, label, colour, style in _REFERENCE_LINES:
        if name in dataset and np.isfinite(dataset[name]).any():
            value = 100 * float(dataset[name].median())
            axes.axhline(value, color=colour, linestyle=style, linewidth=1.3, zorder=1)
            lines.append((value, f"{label} {value:.1f}", colour))
    heights = _below(_spread([value for value, _, _ in lines], _LABEL_GAP), _LABEL_GAP, 100.0)
    for height, (value, label, colour) in zip(heights, lines, strict=True):
        axes.annotate(
            label,
            xy=(1.0, value),
            xytext=(1.03, height),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize="small",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 1.0,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def _spread(values: list[float], gap: float) -> list[float]:
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


def _below(heights: list[float], gap: float, ceiling: float) -> list[float]:
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


def _accuracy_name(dataset: xr.Dataset) -> tuple[str, str]:
    """Return the accuracy to show: of the test split if it was opened, else of the validation split."""
    for split in ("test", "validation"):
        name = f"accuracy_{split}"
        if name in dataset and np.isfinite(dataset[name]).any():
            return name, split
    raise InputError("the dataset has no finite accuracy_test or accuracy_validation to plot.")


def _percent_by_factor(dataset: xr.Dataset, name: str, factor: str) -> xr.DataArray:
    """Return a variable (factor, chip, noise) in percent, refusing any other dimension."""
    _require(dataset, name, factor)
    spare = set(dataset[name].dims) - {factor, *_RUN}
    if spare or factor not in dataset[name].dims:
        raise InputError(
            f"{name} has dimensions {dataset[name].dims}; the figure shows {(factor, *_RUN)}. "
            f"Choose one value first, for example dataset.isel({next(iter(spare), factor)}=0)."
        )
    return 100 * dataset[name]


def _require(dataset: xr.Dataset, *required: str) -> None:
    missing = [name for name in required if name not in dataset.variables]
    if missing:
        raise InputError(f"the dataset lacks {', '.join(missing)}; it holds {', '.join(map(str, dataset.variables))}.")
