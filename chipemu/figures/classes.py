"""Which class is taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import RUN, pick
from chipemu.figures.style import SMALL, new_axes, plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_MOST_NUMBERED = 10


def confusion_percent(dataset: xr.Dataset) -> xr.DataArray:
    """Return how often each class is decided when each is true, over all dies and noise seeds.

    Parameters
    ----------
    dataset : xarray.Dataset
        `confusion` (chip, noise, true_class, decided_class), counts, no study factor.

    Returns
    -------
    xarray.DataArray
        Dims (true_class, decided_class), percent of the row. Classes that were never asked, as those of other tasks
        of a study, are left out.

    Raises
    ------
    InputError
        If the variable is missing, holds no count, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("chip", "noise", "true_class", "decided_class")
    >>> confusion_percent(xr.Dataset({"confusion": (dims, [[[[3, 1], [0, 4]]]])})).values.tolist()
    [[75.0, 25.0], [0.0, 100.0]]
    """
    counts = pick(dataset, "confusion", *RUN, "true_class", "decided_class").sum(RUN)
    asked = (counts.sum("decided_class") > 0).values
    if not asked.any():
        raise InputError("confusion holds no decision to show; every count is zero or missing.")
    counts = counts.isel(true_class=asked)
    used = asked if len(asked) == counts.sizes["decided_class"] else slice(None)
    counts = counts.isel(decided_class=used)
    return 100 * counts / counts.sum("decided_class")


def confusion(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Plot the confusion matrix over all dies and noise seeds, in percent of each row.

    Parameters
    ----------
    dataset : xarray.Dataset
        `confusion` (chip, noise, true_class, decided_class), counts, no study factor; names from the coordinates
        `true_class` and `decided_class`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        Numbers stand in the cells of up to ten classes.

    Raises
    ------
    InputError
        If the variable is missing, holds no count, or a study factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("chip", "noise", "true_class", "decided_class")
    >>> axes = confusion(xr.Dataset({"confusion": (dims, [[[[3, 1], [0, 4]]]])}))
    >>> [text.get_text() for text in axes.texts]
    ['75', '25', '0', '100']
    """
    shares = confusion_percent(dataset)
    axes = axes or new_axes(5.0, 3.8, fixed_aspect=True)
    drawn = axes.pcolormesh(shares.values, cmap="Blues", vmin=0, vmax=100, edgecolor="white", linewidth=1)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.85)
    bar.set_label("share of the true class (%)")
    bar.outline.set_visible(False)
    n_true, n_decided = shares.shape
    for side, dim, n in (("x", "decided_class", n_decided), ("y", "true_class", n_true)):
        _name_classes(axes, side, shares[dim].values, n)
    if max(shares.shape) <= _MOST_NUMBERED:
        _write_numbers(axes, shares.values)
    axes.set(xlabel="decided class", ylabel="true class")
    return axes


def _name_classes(axes: Axes, side: str, classes: np.ndarray, n: int) -> None:
    step = -(-n // 20)
    names = [plain(name, 14) for name in classes[::step]]
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    is_crowded = side == "x" and sum(map(len, names)) > 40
    getattr(axes, f"set_{side}ticks")(
        np.arange(n)[::step] + 0.5, names, fontsize=SMALL, **(turned if is_crowded else {})
    )
    axes.tick_params(axis=side, length=0)


def _write_numbers(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{share:.0f}",
            ha="center",
            va="center",
            fontsize=SMALL if len(shares) > 4 else 10,
            color="white" if share > 55 else "black",
        )
