"""Doing one run of a finished study again, and comparing it bit for bit with what is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from chipemu import storage
from chipemu.errors import InputError
from chipemu.study.attempt import RunPoint, attempt
from chipemu.study.folder import open_study
from chipemu.study.plan import PointSettings, points
from chipemu.study.schema import Study, parse_study

_RUN = ("chip", "noise")
# What must agree for the numbers to agree.
_IDENTITY = ("package_version", "kernel_hash")
# Needs a second die beside the one that is run again.
_NOT_ALONE = ("accuracy_cloned",)


@dataclass(frozen=True)
class Compared:
    """One variable of a run: as stored, as found again, and whether the two are the same to the last bit."""

    name: str
    unit: str
    stored: np.ndarray
    again: np.ndarray
    equal: bool


@dataclass(frozen=True)
class Rerun:
    """One run done again.

    Parameters
    ----------
    row : int
        Its index in the table of runs.
    point : PointSettings
        What was run: one die, one noise seed.
    place : (int, int, int)
        Index of point, die and noise seed.
    variables : tuple of Compared
        Every variable of the run.
    changed : tuple of str
        What differs between the program that made the file and this one; the numbers may then differ.
    """

    row: int
    point: PointSettings
    place: tuple[int, int, int]
    variables: tuple[Compared, ...]
    changed: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every variable is the same to the last bit."""
        return all(variable.equal for variable in self.variables)


def rerun(path: str | Path, row: int, run_point: RunPoint) -> Rerun:
    """Do one run of a finished study again.

    Parameters
    ----------
    path : str or Path
        Consolidated file, or the folder that holds it.
    row : int
        Index of the run: point, then die, then noise seed, the last changing fastest.
    run_point : callable
        As for `run_study`.

    Returns
    -------
    Rerun

    Raises
    ------
    InputError
        If there is no consolidated file, or no such row in it.
    """
    path = Path(path)
    if path.is_dir():
        path = path / f"{open_study(path).name}.h5"
    if not path.is_file():
        raise InputError(f"{path}: no such file. Finish the study first, with study run --resume")
    dataset = storage.load(path)
    study = _study(dataset, path)
    if not 0 <= row < study.n_runs:
        raise InputError(f"{path} has no row {row}; allowed 0 to {study.n_runs - 1}")
    place = tuple(int(i) for i in np.unravel_index(row, (study.n_points, study.chips, study.noise_seeds)))
    whole = points(study)[place[0]]
    point = replace(
        whole, chip_seeds=whole.chip_seeds[place[1] : place[1] + 1], noise_seeds=(whole.noise_seeds[place[2]],)
    )
    fresh = attempt(point, run_point)
    stored = _row(dataset, study, place)
    changed = tuple(
        f"{name} {dataset.attrs[name]} then, {fresh.attrs[name]} now"
        for name in _IDENTITY
        if dataset.attrs[name] != fresh.attrs.get(name)
    )
    return Rerun(row, point, place, _compare(stored, fresh), changed)


def _study(dataset: xr.Dataset, path: Path) -> Study:
    text = dataset.attrs.get("study_toml")
    if not isinstance(text, str):
        raise InputError(f"{path} is no consolidated study: it has no attribute study_toml")
    return parse_study(text, f"{path}: study_toml")


def _row(dataset: xr.Dataset, study: Study, place: tuple[int, int, int]) -> xr.Dataset:
    """The stored variables of one run."""
    at = dict(zip(study.factors, np.unravel_index(place[0], study.shape), strict=True)) if study.factors else {}
    kept = [
        name
        for name, variable in dataset.data_vars.items()
        if set(_RUN) & set(variable.dims) and name not in _NOT_ALONE
    ]
    return dataset[kept].isel({**at, "chip": [place[1]], "noise": [place[2]]}, missing_dims="ignore")


def _compare(stored: xr.Dataset, fresh: xr.Dataset) -> tuple[Compared, ...]:
    compared = []
    for name, variable in stored.data_vars.items():
        before = variable.values
        again = fresh[name].values if name in fresh else np.full(before.shape, _nothing(before.dtype))
        compared.append(Compared(str(name), variable.attrs.get("units", ""), before, again, _same(before, again)))
    return tuple(compared)


def _nothing(dtype: np.dtype) -> object:
    """What stands in the rows of a failed run."""
    return {"f": np.nan, "b": False, "O": "", "U": ""}.get(dtype.kind, -1)


def _same(before: np.ndarray, again: np.ndarray) -> bool:
    """Equal to the last bit, in the type of the file: counts are stored as floats where a run failed."""
    if before.shape != again.shape:
        return False
    if before.dtype.kind not in "fiub":
        return bool((before.astype(str) == again.astype(str)).all())
    return before.tobytes() == again.astype(before.dtype).tobytes()
