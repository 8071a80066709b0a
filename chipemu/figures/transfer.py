"""Figure of ways of training beside one another: on the die, with weights of a float network or of another die."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chipemu.errors import InputError
from chipemu.figures.choice import RUN, accuracy_name, axis_name, is_finite, is_number, pick, require
from chipemu.figures.marks import draw_legend, draw_quartiles, draw_reference_lines
from chipemu.figures.style import CLONED, GREEN, ORANGE, PURPLE, TRAINED, Look, new_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# Of what bounds a network with a hidden layer, guessing is common to all ways of training.
_BOUNDS = ("accuracy_chance",)
# In the order of the legend; every one with the words of it.
_SERIES = {
    "trained": (TRAINED, "trained on the die, "),
    "target-propagation": (Look(PURPLE, "v", (0, (3, 1, 1, 1, 1, 1))), "by target propagation, "),
    "transferred-injected": (Look(GREEN, "^", (0, (5, 1, 1, 1))), "transferred, injected mismatch, "),
    "transferred": (Look(ORANGE, "D", (0, (1.5, 1))), "transferred, "),
}


def has_trainings(dataset: xr.Dataset) -> bool:
    """Whether a result compares ways of training.

    Examples
    --------
    >>> import xarray as xr
    >>> has_trainings(xr.Dataset(coords={"training": ["trained", "transferred"]})), has_trainings(xr.Dataset())
    (True, False)
    """
    return "training" in dataset.dims and dataset.sizes["training"] > 1


def training_comparison(dataset: xr.Dataset, factor: str = "mismatch_scale", axes: Axes | None = None) -> Axes:
    """Plot accuracy against a number, one band for every way of training, and one for weights of another die.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (training, factor, chip, noise), or `accuracy_validation` where the test split stayed closed.
        `accuracy_cloned` of what was trained on the dies, if there, becomes a band too.
    factor : str
        Dimension with a numeric coordinate of that name.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the dataset lacks a dimension or both accuracies, or varies another factor too.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("training", "mismatch_scale", "chip", "noise")
    >>> study = xr.Dataset({"accuracy_test": (dims, [[[[0.9]], [[0.8]]], [[[0.9]], [[0.5]]]])},
    ...                    {"training": ["trained", "transferred"], "mismatch_scale": [0.0, 1.0]})
    >>> [line.get_label() for line in training_comparison(study).get_lines()]
    ['trained on the die, median of 1 runs', 'transferred, median of 1 runs']
    """
    require(dataset, "training", factor)
    if not is_number(dataset, factor):
        raise InputError(f"{factor} holds names; ways of training are drawn against a number")
    dataset = dataset.sortby(factor)
    name, split = accuracy_name(dataset)
    runs = 100 * pick(dataset, name, "training", factor, *RUN)
    axes, x = axes or new_axes(width=5.6, height=4.4), dataset[factor].values.astype(float)
    axes.set(xlabel=axis_name(dataset, factor), ylabel=f"{split} accuracy (%)\nfeedback off", ylim=(0, 101))
    draw_reference_lines(dataset[[n for n in _BOUNDS if n in dataset]], axes)
    for training, (look, words) in _SERIES.items():
        if training in dataset["training"].values:
            draw_quartiles(axes, x, runs.sel(training=training).values, look=look, prefix=words)
    if is_finite(dataset, "accuracy_cloned") and "trained" in dataset["training"].values:
        cloned = 100 * pick(dataset.sel(training="trained"), "accuracy_cloned", factor, *RUN)
        draw_quartiles(axes, x, cloned.values, look=CLONED, prefix="cloned from another die, ")
    axes.set_xticks(x, [f"{value:g}" for value in x])
    draw_legend(axes, 1)
    return axes
