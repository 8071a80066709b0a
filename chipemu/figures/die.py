"""A die seen from above: one parameter's mismatch at the place of every neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import pick
from chipemu.figures.style import SMALL, new_axes, plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# Empty rows and columns between two cores.
_GAP = 1.5
_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 2.0, 3.0, 5.0, 10.0, 20.0)
# The widest factors would leave the others one colour; this share of neurons keeps its own.
_SHOWN = 0.99


def die_map(
    factor: np.ndarray | xr.Dataset, axes: Axes | None = None, *, chip: int = 0, parameter: str = "parameter"
) -> Axes:
    """Plot a parameter's mismatch factor at every neuron of a die, core by core.

    Parameters
    ----------
    factor : (core, neuron) array, or xarray.Dataset
        Factor on the nominal value, 1 for none, for example `Chip.neuron_factor["I_tau"]` times the factor of each
        core; or a dataset with `neuron_factor` (chip, core, neuron). The neurons of a core fill a square row by row.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    chip : int
        Die to show, of a dataset.
    parameter : str
        What the factor is on, for the label.

    Returns
    -------
    matplotlib.axes.Axes
        Colours are logarithmic, so that twice and half the nominal value look equally far from it.

    Raises
    ------
    InputError
        If the neurons of a core do not fill a square, a factor is not above 0, or there is no such die.

    Examples
    --------
    >>> axes = die_map(np.ones((4, 256)), parameter="I_tau")
    >>> [text.get_text() for text in axes.texts]
    ['core 0', 'core 1', 'core 2', 'core 3']
    """
    values = _factors(factor, chip)
    n_cores, n_neurons = values.shape
    side = round(np.sqrt(n_neurons))
    if side * side != n_neurons:
        raise InputError(f"a core of {n_neurons} neurons is no square; the map shows square cores, such as 16 x 16.")
    n_across = int(np.ceil(np.sqrt(n_cores)))
    axes = axes or new_axes(4.8, 4.0, fixed_aspect=True)
    norm = _norm(values)
    for core in range(n_cores):
        row, column = divmod(core, n_across)
        corner = column * (side + _GAP), row * (side + 2 * _GAP)
        drawn = _draw_core(axes, values[core].reshape(side, side), corner, norm)
        axes.text(corner[0] + side / 2, corner[1] - 0.4, f"core {core}", ha="center", va="bottom", fontsize=SMALL)
    _finish(axes, side, n_across, -(-n_cores // n_across))
    _draw_bar(axes, drawn, parameter)
    return axes


def _factors(factor: np.ndarray | xr.Dataset, chip: int) -> np.ndarray:
    """Return the factors as (core, neuron), checked."""
    if isinstance(factor, np.ndarray):
        values = factor
        if values.ndim != 2:
            raise InputError(f"the factors have shape {values.shape}; expected (core, neuron).")
    else:
        every = pick(factor, "neuron_factor", "chip", "core", "neuron")
        if not 0 <= chip < every.sizes["chip"]:
            raise InputError(f"die {chip} is out of range; neuron_factor holds {every.sizes['chip']}, counted from 0.")
        values = every.values[chip]
    if not (values > 0).all():
        raise InputError(f"a mismatch factor is {values.min()}; allowed above 0, 1 for no mismatch.")
    return values


def _norm(values: np.ndarray):
    """Return a logarithmic scale with 1 in the middle of the colours."""
    from matplotlib.colors import LogNorm

    widest = max(np.exp(np.quantile(np.abs(np.log(values)), _SHOWN)), 1.05)
    return LogNorm(1 / widest, widest)


def _draw_core(axes: Axes, square: np.ndarray, corner: tuple[float, float], norm):
    side = len(square)
    edges = [np.arange(side + 1) + offset for offset in corner]
    return axes.pcolormesh(*edges, square, cmap="PuOr", norm=norm, linewidth=0, rasterized=True)


def _finish(axes: Axes, side: int, n_across: int, n_down: int) -> None:
    """Number the columns and rows of each core instead of the places on the drawing."""
    shown = (0, side // 2, side - 1)
    for axis, n, pitch in ((axes.xaxis, n_across, side + _GAP), (axes.yaxis, n_down, side + 2 * _GAP)):
        places = [core * pitch + index + 0.5 for core in range(n) for index in shown]
        axis.set_ticks(places, [str(index) for _ in range(n) for index in shown], fontsize=SMALL)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.set(xlabel="column of a core (neurons)", ylabel="row of a core (neurons)")


def _draw_bar(axes: Axes, drawn, parameter: str) -> None:
    low, high = drawn.norm.vmin, drawn.norm.vmax
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.85, extend="both")
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label(f"mismatch factor of {plain(parameter)} (1)")
