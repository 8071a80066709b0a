"""The points of a study inside its dataset: their names, and the ones that a page looks at closely."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.figures.choice import factors_of, is_number, value_name

if TYPE_CHECKING:
    import xarray as xr

# Where the device file and an ordinary laboratory stand.
_NOMINAL = {"mismatch_scale": 1.0, "noise_scale": 1.0, "temperature": 298.15, "age": 0.0}
# Preferred across a figure, if a study varies it.
_MAIN = "mismatch_scale"
Choice = dict[str, int]


def main_factor(dataset: xr.Dataset) -> str | None:
    """Return the factor that figures have across: mismatch, else the numeric one of most values, else that of names.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("device", "eta", "chip", "noise")
    >>> study = xr.Dataset({"accuracy_test": (dims, np.ones((2, 3, 1, 1)))},
    ...                    {"device": ["ideal", "dynapse1"], "eta": [0.1, 0.2, 0.4]})
    >>> main_factor(study)
    'eta'
    """
    factors = factors_of(dataset)
    if _MAIN in factors:
        return _MAIN
    return max(factors, key=lambda name: (is_number(dataset, name), dataset.sizes[name]), default=None)


def combinations(dataset: xr.Dataset, *, across: str | None = None) -> list[Choice]:
    """Return the places of all points, or of all combinations of the factors other than `across`.

    Parameters
    ----------
    dataset : xarray.Dataset
    across : str, optional
        Factor that is left whole.

    Returns
    -------
    list of dict of str to int
        For `dataset.isel`; one empty dictionary where nothing is varied.

    Examples
    --------
    >>> import xarray as xr
    >>> study = xr.Dataset({"accuracy_test": (("device", "chip"), [[0.5], [0.6]])}, {"device": ["ideal", "dynapse1"]})
    >>> combinations(study), combinations(study, across="device")
    ([{'device': 0}, {'device': 1}], [{}])
    """
    factors = [name for name in factors_of(dataset) if name != across]
    places = itertools.product(*(range(dataset.sizes[name]) for name in factors))
    return [dict(zip(factors, place, strict=True)) for place in places]


def point_name(dataset: xr.Dataset, choice: Choice) -> str:
    """Return the values of the factors of a choice as one line of text.

    Examples
    --------
    >>> import xarray as xr
    >>> study = xr.Dataset({"accuracy_test": ("temperature", [0.5])}, {"temperature": [298.15]})
    >>> point_name(study, {"temperature": 0})
    'temperature 25 °C'
    """
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in point_values(dataset, choice).items())


def point_values(dataset: xr.Dataset, choice: Choice) -> dict[str, str]:
    """Return the value of each factor of a choice as text."""
    return {name: value_name(name, dataset[name].values[index]) for name, index in choice.items()}


def nominal_points(dataset: xr.Dataset) -> list[Choice]:
    """Return the points to look at closely: numbers as nominal as the study has them, with every name.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("device", "mismatch_scale")
    >>> study = xr.Dataset({"accuracy_test": (dims, np.ones((2, 3)))},
    ...                    {"device": ["ideal", "dynapse1"], "mismatch_scale": [0.0, 1.0, 4.0]})
    >>> nominal_points(study)
    [{'device': 0, 'mismatch_scale': 1}, {'device': 1, 'mismatch_scale': 1}]
    """
    fixed = {}
    for name in factors_of(dataset):
        if is_number(dataset, name):
            values: Sequence[float] = dataset[name].values
            # Without a nominal value, the middle of what was tried.
            aim = _NOMINAL.get(name, float(np.sort(values)[len(values) // 2]))
            fixed[name] = int(np.argmin(np.abs(np.asarray(values) - aim)))
    return [choice for choice in combinations(dataset) if all(choice[name] == place for name, place in fixed.items())]
