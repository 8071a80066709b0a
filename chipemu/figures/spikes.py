"""Spikes of one run: time across, neuron up; under feedback control with the groups of neurons named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import require
from chipemu.figures.style import BLACK, BLUE, GREY, ORANGE, SMALL, new_axes, plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# In turn, so that neighbours differ; which group it is stands beside it.
_GROUP_COLOURS = (BLUE, BLACK)
# Empty rows between two groups.
_GROUP_GAP = 2


def control_groups(n_classes: int, n_per_unit: int = 10) -> dict[str, range]:
    """Return the groups of the feedback-control circuit, by number of the neuron in the network.

    Parameters
    ----------
    n_classes : int
        Output units.
    n_per_unit : int
        Output neurons of a unit; each has a positive and a negative controller.

    Returns
    -------
    dict of str to range
        For the argument `groups` of `raster`.

    Examples
    --------
    >>> control_groups(2)
    {'class 0': range(0, 10), 'class 1': range(10, 20), 'positive\\ncontrollers': range(20, 40), \
'negative\\ncontrollers': range(40, 60)}
    """
    n = n_classes * n_per_unit
    outputs = {f"class {k}": range(k * n_per_unit, (k + 1) * n_per_unit) for k in range(n_classes)}
    return outputs | {"positive\ncontrollers": range(n, 2 * n), "negative\ncontrollers": range(2 * n, 3 * n)}


def raster(
    recording: xr.Dataset,
    axes: Axes | None = None,
    *,
    run: int = 0,
    groups: Mapping[str, Sequence[int]] | None = None,
    feedback: Iterable[tuple[float, float]] = (),
) -> Axes:
    """Plot the spikes of one run: time across, neuron up.

    Parameters
    ----------
    recording : xarray.Dataset
        `spike_time`, `spike_neuron` and, where several dies or trials ran, `spike_run`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    run : int
        Run to show.
    groups : mapping of str to sequence of int, optional
        Neurons that belong together, drawn as named bands from the bottom up; neurons in no group are left out.
        See `control_groups`.
    feedback : iterable of (float, float)
        Spans in which the feedback is on [s], shaded.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset holds no spikes, or a neuron stands in two groups.

    Examples
    --------
    >>> import xarray as xr
    >>> spikes = xr.Dataset({"spike_time": ("spike", [0.1, 0.2]), "spike_neuron": ("spike", [0, 15])})
    >>> axes = raster(spikes, groups={"class 0": range(10), "class 1": range(10, 20)}, feedback=[(0.1, 0.2)])
    >>> axes.get_xlabel()
    'time (s)'
    """
    require(recording, "spike_time", "spike_neuron")
    shown = recording["spike_run"].values == run if "spike_run" in recording else slice(None)
    time, neuron = (recording[name].values[shown] for name in ("spike_time", "spike_neuron"))
    spans = list(feedback)
    axes = axes or (new_axes(height=4.2) if groups else new_axes())
    for index, (start, end) in enumerate(spans):
        label = "feedback on" if index == 0 else None
        axes.axvspan(start, end, facecolor=ORANGE, alpha=0.22, linewidth=0, label=label, zorder=0)
    if groups:
        _draw_groups(axes, time, neuron, groups)
    else:
        _draw_spikes(axes, time, neuron, BLACK)
        _number_rows(axes)
    axes.set_xlabel("time (s)")
    if spans:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False, fontsize=SMALL, borderaxespad=0.2)
    return axes


def _number_rows(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel("neuron")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_groups(axes: Axes, time: np.ndarray, neuron: np.ndarray, groups: Mapping[str, Sequence[int]]) -> None:
    """Draw the groups as bands, one above the other, with a line and a gap between them."""
    members = np.concatenate([np.asarray(list(group), int) for group in groups.values()])
    found, times = np.unique(members, return_counts=True)
    if (times > 1).any():
        raise InputError(f"neuron {found[times > 1][0]} stands in two groups of the raster; allowed one.")
    bottom, centres = 0, []
    for index, group in enumerate(groups.values()):
        row = {int(member): bottom + place for place, member in enumerate(group)}
        inside = np.isin(neuron, list(row))
        rows = np.array([row[int(member)] for member in neuron[inside]])
        _draw_spikes(axes, time[inside], rows, _GROUP_COLOURS[index % len(_GROUP_COLOURS)])
        centres.append(bottom + (len(row) - 1) / 2)
        bottom += len(row) + _GROUP_GAP
        axes.axhline(bottom - (_GROUP_GAP + 1) / 2, color=GREY, linewidth=0.5)
    axes.set_yticks(centres, [plain(name) if "\n" not in name else name for name in groups], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.set(ylabel="neurons, a row each", ylim=(-(_GROUP_GAP + 1) / 2, bottom - (_GROUP_GAP + 1) / 2))


def _draw_spikes(axes: Axes, time: np.ndarray, rows: np.ndarray, colour: str) -> None:
    axes.plot(time, rows, linestyle="none", marker="|", markersize=4, markeredgewidth=0.8, color=colour)
