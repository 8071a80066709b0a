"""What a figure takes out of a dataset, and the refusal of a dataset that it cannot show."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.variables import DECLARED, FACTORS

if TYPE_CHECKING:
    import xarray as xr

RUN = ("chip", "noise")
CELSIUS = 273.15
# A factor as an axis names it, where its own name says too little.
_AXIS = {
    "mismatch_scale": "mismatch scale (1 = device file)",
    "noise_scale": "noise scale (1 = device file)",
    "mismatch_model": "size of the spread",
    "corner": "process corner",
    "temperature": "temperature (°C)",
    "age": "time between training and test (s)",
    "eta": "learning rate (1)",
    "where": "where learning happens",
    "without": "effect switched off",
}


def require(dataset: xr.Dataset, *required: str) -> None:
    """Refuse a dataset that lacks a variable, naming what is missing and what is there.

    Raises
    ------
    InputError
        If a variable is missing.
    """
    missing = [name for name in required if name not in dataset.variables]
    if missing:
        raise InputError(f"the dataset lacks {', '.join(missing)}; it holds {', '.join(map(str, dataset.variables))}.")


def pick(dataset: xr.Dataset, name: str, *dims: str) -> xr.DataArray:
    """Return a variable with exactly some dimensions, in this order, refusing any other.

    Raises
    ------
    InputError
        If the variable is missing, or a study factor is left.
    """
    require(dataset, name)
    variable = dataset[name]
    spare = [dim for dim in variable.dims if dim not in dims]
    lacking = [dim for dim in dims if dim not in variable.dims]
    if spare:
        raise InputError(
            f"{name} has dimensions {variable.dims}; the figure shows {dims}. "
            f"Choose one value first, for example dataset.isel({spare[0]}=0)."
        )
    if lacking:
        raise InputError(f"{name} has dimensions {variable.dims}; the figure needs {', '.join(lacking)} too.")
    return variable.transpose(*dims)


def percent_by_factor(dataset: xr.Dataset, name: str, factor: str) -> xr.DataArray:
    """Return a variable (factor, chip, noise) in percent, refusing any other dimension."""
    require(dataset, name, factor)
    return 100 * pick(dataset, name, factor, *RUN)


def accuracy_name(dataset: xr.Dataset) -> tuple[str, str]:
    """Return variable and split of the accuracy to show: test if that split was opened, else validation.

    Raises
    ------
    InputError
        If neither is there with a finite number.
    """
    for split in ("test", "validation"):
        name = f"accuracy_{split}"
        if is_finite(dataset, name):
            return name, split
    raise InputError("the dataset has no finite accuracy_test or accuracy_validation to plot.")


def has_accuracy(dataset: xr.Dataset) -> bool:
    """Whether a result has a finite accuracy of the test or the validation split, so that it can be drawn."""
    return is_finite(dataset, "accuracy_test") or is_finite(dataset, "accuracy_validation")


def is_finite(dataset: xr.Dataset, name: str) -> bool:
    """Whether a variable is there and holds a finite number."""
    return name in dataset.variables and bool(np.isfinite(dataset[name].astype(float)).any())


def factors_of(dataset: xr.Dataset) -> list[str]:
    """Return the study factors that a result still varies, outermost first.

    Examples
    --------
    >>> import xarray as xr
    >>> study = xr.Dataset({"accuracy_test": (("device", "chip", "noise"), [[[0.5]]])}, {"device": ["ideal"]})
    >>> factors_of(study)
    ['device']
    """
    varied = [dim for name in dataset.data_vars for dim in dataset[name].dims]
    own = {dim for name, variable in DECLARED.items() if name not in FACTORS for dim in variable.dims}
    return [str(dim) for dim in dict.fromkeys(varied) if dim in dataset.coords and dim not in own]


def is_number(dataset: xr.Dataset, factor: str) -> bool:
    """Whether the values of a factor are numbers, so that they have places on an axis."""
    return dataset[factor].dtype.kind in "fiu"


def axis_name(dataset: xr.Dataset, factor: str) -> str:
    """Return the name of a factor with its unit."""
    unit = dataset[factor].attrs.get("units") or getattr(FACTORS.get(factor), "unit", "")
    words = factor.replace("_", " ")
    return _AXIS.get(factor, f"{words} ({unit})" if is_number(dataset, factor) and unit else words)


def on_axis(factor: str, values: np.ndarray) -> np.ndarray:
    """Return factor values in the unit of `axis_name`."""
    return values - CELSIUS if factor == "temperature" else values


def value_name(factor: str, value: object) -> str:
    """Return one value of a factor as a short text.

    Examples
    --------
    >>> value_name("device", "chips/mine.toml"), value_name("mismatch_scale", 0.5), value_name("temperature", 298.15)
    ('mine', '0.5', '25 °C')
    """
    if factor == "temperature":
        return f"{float(value) - CELSIUS:g} °C"
    if isinstance(value, float | int | np.floating | np.integer):
        return f"{value:g}"
    return (PurePath(str(value)).stem if factor == "device" else str(value)) or "nothing"
