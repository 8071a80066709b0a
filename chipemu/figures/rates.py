"""Firing rates of the neurons of a core against direct current: what mismatch does to one curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import pick, require
from chipemu.figures.marks import quartiles
from chipemu.figures.style import BLUE, GREY, SMALL, VERMILION, new_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_PREFIXES = ((1e-6, "µA"), (1e-9, "nA"), (1e-12, "pA"))


def f_i_fan(dataset: xr.Dataset, axes: Axes | None = None, *, chip: int = 0) -> Axes:
    """Plot the firing rate of every neuron of a core against its direct current, beside the nominal neuron.

    Parameters
    ----------
    dataset : xarray.Dataset
        `fi_rate` (chip, fi_current, fi_neuron) [Hz] with the coordinate `fi_current` [A]; optionally
        `fi_rate_nominal` (fi_current) [Hz].
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    chip : int
        Die to show.

    Returns
    -------
    matplotlib.axes.Axes
        A thin line a neuron, the median, the band between quartiles, and the nominal neuron.

    Raises
    ------
    InputError
        If a variable is missing, a study factor is left, or there is no such die.

    Examples
    --------
    >>> import xarray as xr
    >>> fan = xr.Dataset({"fi_rate": (("chip", "fi_current", "fi_neuron"), [[[0.0, 0.0], [30.0, 50.0]]])},
    ...                  {"fi_current": [0.0, 2e-12]})
    >>> f_i_fan(fan).get_xlabel(), f_i_fan(fan).get_ylabel()
    ('direct current (pA)', 'firing rate (Hz)')
    """
    from matplotlib.collections import LineCollection

    rate = pick(dataset, "fi_rate", "chip", "fi_current", "fi_neuron")
    require(dataset, "fi_current")
    if not 0 <= chip < rate.sizes["chip"]:
        raise InputError(f"die {chip} is out of range; fi_rate holds {rate.sizes['chip']}, counted from 0.")
    rates = rate.values[chip]
    scale, unit = _prefix(dataset["fi_current"].values)
    current = dataset["fi_current"].values / scale
    axes = axes or new_axes()
    lines = [np.column_stack([current, neuron]) for neuron in rates.T]
    axes.add_collection(
        LineCollection(lines, colors=GREY, linewidths=0.4, alpha=0.45, label=f"each of {len(lines)} neurons")
    )
    low, middle, high = quartiles(rates)
    axes.fill_between(current, low, high, color=BLUE, alpha=0.3, linewidth=0, label="quartiles", zorder=3)
    axes.plot(current, middle, color=BLUE, linewidth=2, label="median", zorder=4)
    if "fi_rate_nominal" in dataset:
        nominal = pick(dataset, "fi_rate_nominal", "fi_current").values
        axes.plot(current, nominal, color=VERMILION, linestyle=(0, (4, 1.5)), linewidth=2, label="nominal", zorder=5)
    axes.set(xlabel=f"direct current ({unit})", ylabel="firing rate (Hz)")
    axes.autoscale_view()
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False, fontsize=SMALL)
    return axes


def _prefix(current: np.ndarray) -> tuple[float, str]:
    largest = np.nanmax(np.abs(current))
    return next((prefix for prefix in _PREFIXES if largest >= prefix[0]), _PREFIXES[-1])
