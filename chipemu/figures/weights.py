"""Trained weights: how often each code is used, and what a unit has learned of each source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import pick
from chipemu.figures.marks import quartiles
from chipemu.figures.style import SMALL, TRAINED, new_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_DIMS = ("chip", "noise", "post", "pre")
# More codes than this are counted in bins.
_MOST_CODES = 80
_N_BINS = 40
# More cells than this are drawn as one image: a page would grow by a path a cell.
_MOST_CELLS = 3000


def weight_codes(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot how many synapses hold each weight: median and quartile band over dies.

    Parameters
    ----------
    dataset : xarray.Dataset
        `weight` (chip, noise, post, pre), no study factor: signed CAM words, codes, or floats.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        Share of the synapses of a die, over all its noise seeds.

    Raises
    ------
    InputError
        If the variable is missing, holds no finite weight, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> axes = weight_codes(xr.Dataset({"weight": (("chip", "noise", "post", "pre"), [[[[-1, 0, 0, 2]]]])}))
    >>> axes.patches[0].get_data().values.tolist()  # % of synapses at -1, 0, 1, 2
    [25.0, 50.0, 0.0, 25.0]
    """
    weights = pick(dataset, "weight", *_DIMS).values.astype(float)
    alive = [die[np.isfinite(die)] for die in weights if np.isfinite(die).any()]
    if not alive:
        raise InputError("weight holds no finite value to show; every run failed.")
    edges, unit = _edges(np.concatenate(alive))
    shares = np.stack([100 * np.histogram(die, edges)[0] / die.size for die in alive], axis=-1)
    low, middle, high = quartiles(shares)
    axes = axes or new_axes()
    dies = "die" if len(alive) == 1 else "dies"
    axes.stairs(middle, edges, color=TRAINED.colour, linewidth=1.6, label=f"median of {len(alive)} {dies}")
    axes.stairs(
        high, edges, baseline=low, fill=True, color=TRAINED.colour, alpha=0.25, linewidth=0, label="quartiles of dies"
    )
    axes.set(xlabel=f"trained weight ({unit})", ylabel="synapses of a die (%)")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=SMALL, borderaxespad=0.2)
    return axes


def _edges(weights: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the edges of the histogram and what its axis counts: one bin a code as far as they are whole numbers."""
    low, high = weights.min(), weights.max()
    if (weights == np.round(weights)).all():
        width = max(1.0, np.ceil((high - low + 1) / _MOST_CODES))
        return np.arange(low - 0.5, high + width, width), "code or CAM words, signed"
    return np.linspace(low, high, _N_BINS + 1), "1"


def weight_matrix(dataset: xr.Dataset, axes: Axes | None = None, *, n_per_unit: int = 10) -> Axes:
    """Plot what each output unit weighs of each source: the mean over its neurons, dies and noise seeds.

    Parameters
    ----------
    dataset : xarray.Dataset
        `weight` (chip, noise, post, pre), no study factor; neurons of a unit stand together along `post`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    n_per_unit : int
        Output neurons of a unit.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the variable is missing, does not divide into units, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> weights = xr.Dataset({"weight": (("chip", "noise", "post", "pre"), np.ones((1, 1, 20, 8)))})
    >>> weight_matrix(weights).get_xlabel()
    'source'
    """
    weights = pick(dataset, "weight", *_DIMS)
    n_post = weights.sizes["post"]
    if n_per_unit < 1 or n_post % n_per_unit:
        raise InputError(f"{n_post} output neurons do not divide into units of {n_per_unit}; give another n_per_unit.")
    means = weights.mean(("chip", "noise")).values.reshape(-1, n_per_unit, weights.sizes["pre"]).mean(axis=1)
    if not np.isfinite(means).any():
        raise InputError("weight holds no finite value to show; every run failed.")
    return _draw_matrix(axes or new_axes(5.0, 2.6), means)


def _draw_matrix(axes: Axes, means: np.ndarray) -> Axes:
    from matplotlib.ticker import MaxNLocator

    n_units, n_sources = means.shape
    largest = np.nanmax(np.abs(means)) or 1.0
    drawn = axes.pcolormesh(
        np.arange(n_sources + 1) - 0.5,
        np.arange(n_units + 1) - 0.5,
        means,
        cmap="PuOr",
        vmin=-largest,
        vmax=largest,
        rasterized=means.size > _MOST_CELLS,
    )
    axes.invert_yaxis()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="source", ylabel="output unit (class)")
    axes.figure.colorbar(drawn, ax=axes).set_label("mean weight\n(code or CAM words)")
    return axes
