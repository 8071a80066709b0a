"""Spread from neuron to neuron: against the time constant, and split by the transistors that cause it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.style import BLACK, SERIES, SMALL, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HATCHES = (None, "////", "....", "xxxx")
_SHOWN = 0.005  # least share of a class that is drawn


def cv_against_tau(
    tau: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    measured: Sequence[float] | None = None,
    n_neurons: int = 256,
    axes: Axes | None = None,
) -> Axes:
    """Plot the coefficient of variation of the membrane time constant against its mean.

    Parameters
    ----------
    tau : (point,) sequence
        Mean time constants [s].
    curves : mapping
        Name of a model to its CV at each of them, fraction.
    measured : (point,) sequence, optional
        Measured CV, fraction.
    n_neurons : int
        Neurons of the measurement, for its standard error CV / sqrt(2 n).
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a curve has another number of points than ``tau``.

    Examples
    --------
    >>> axes = cv_against_tau([0.01, 0.02], {"measured sizes": [0.2, 0.18]}, [0.2, 0.18])
    >>> axes.get_xlabel()
    'mean membrane time constant (ms)'
    """
    axes = axes or new_axes(4.8, 3.2)
    given = {**curves, **({"silicon": measured} if measured is not None else {})}
    for name, values in given.items():
        if len(values) != len(tau):
            raise InputError(
                f"{name} has {len(values)} values; expected one for each of the {len(tau)} time constants."
            )
    ms = 1e3 * np.asarray(tau, float)
    for (name, values), look in zip(curves.items(), SERIES, strict=False):
        shown = 100 * np.asarray(values, float)
        style = {"color": look.colour, "marker": look.marker, "markersize": 4, "linestyle": look.line}
        axes.plot(ms, shown, label=plain(name), **style)
    if measured is not None:
        shown = 100 * np.asarray(measured, float)
        error = shown / np.sqrt(2 * n_neurons)
        style = {"color": BLACK, "marker": "D", "markersize": 4, "linestyle": "none", "capsize": 2, "zorder": 3}
        axes.errorbar(ms, shown, error, label=f"silicon, {n_neurons} neurons", **style)
    axes.set_xscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 30, 50, 100, 200) if ms.min() / 1.3 < tick < 1.3 * ms.max()]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="mean membrane time constant (ms)", ylabel="CV from neuron to neuron (%)")
    axes.set_ylim(0, 1.3 * max(100 * np.max(values) for values in given.values()))
    axes.legend(frameon=False, fontsize=SMALL)
    return axes


def variance_shares(shares: Mapping[str, Mapping[str, float]], axes: Axes | None = None) -> Axes:
    """Plot how much of the variance of each output each class of transistors costs.

    Parameters
    ----------
    shares : mapping
        Output to class to share, fraction. Classes below half a percent of every output are left out.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        The class that costs most of the first output on top.

    Raises
    ------
    InputError
        If there is no output.

    Examples
    --------
    >>> axes = variance_shares({"rate": {"gain": 0.7, "leak": 0.3}, "tau_mem": {"leak": 1.0}})
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['gain', 'leak']
    """
    if not shares:
        raise InputError("there is no output whose variance could be shared; expected at least one.")
    first = next(iter(shares.values()))
    ranked = sorted(first, key=lambda name: -first[name])
    names = dict.fromkeys([*ranked, *(name for one in shares.values() for name in one)])
    names = [name for name in names if max(one.get(name, 0.0) for one in shares.values()) >= _SHOWN]
    axes = axes or new_axes(4.8, 0.9 + 0.42 * len(names))
    place, height = np.arange(len(names)), 0.8 / len(shares)
    for k, ((output, one), look) in enumerate(zip(shares.items(), SERIES, strict=False)):
        values = [100 * one.get(name, 0.0) for name in names]
        at = place + (k - (len(shares) - 1) / 2) * height
        style = {"color": look.colour, "hatch": _HATCHES[k % len(_HATCHES)], "edgecolor": "white", "linewidth": 0.5}
        axes.barh(at, values, 0.92 * height, label=plain(output), **style)
        for y, value in zip(at, values, strict=True):
            if value >= 1:
                axes.text(value + 1, y, f"{value:.0f}", va="center", fontsize=0.85 * SMALL)
    axes.set_yticks(place, [plain(name) for name in names])
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance (%)", xlim=(0, 109))
    axes.legend(frameon=False, fontsize=SMALL, loc="lower right")
    return axes
