"""Running a unit so that a die that cannot be run costs its own rows and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from chipemu import storage
from chipemu.errors import ChipemuError, InputError, RunError, shorten
from chipemu.study import shards
from chipemu.study.plan import PointSettings, Unit
from chipemu.study.schema import Study

RunPoint = Callable[[PointSettings], xr.Dataset]

_RUN = ("chip", "noise")
_REASON_LENGTH = 300


@dataclass(frozen=True)
class Job:
    """What is the same for all units of a study, and travels to every worker.

    Parameters
    ----------
    study_name, study_hash : str
        Identity of the study.
    run_point : callable
        PointSettings -> xarray.Dataset; a function of a module, so that another process can import it.
    folder : Path
        Folder of the shards.
    """

    study_name: str
    study_hash: str
    run_point: RunPoint
    folder: Path

    @classmethod
    def of(cls, study: Study, run_point: RunPoint, folder: Path) -> Job:
        """Job of a study."""
        return cls(study.name, study.hash, run_point, folder)


def run_unit(unit: Unit, job: Job) -> int:
    """Run one unit and write its shard; whatever goes wrong with it becomes rows that say so.

    Parameters
    ----------
    unit : Unit
    job : Job

    Returns
    -------
    int
        Number of runs that failed.

    Raises
    ------
    OSError
        If the shard cannot be written: a full disk is no property of a run.
    """
    return _write(attempt(unit.point, job.run_point), unit, job)


def give_up(unit: Unit, job: Job, reason: str) -> int:
    """Write the shard of a unit that took its process down; return the number of its runs."""
    return _write(_failed(RunError(reason), unit.point), unit, job)


def _write(dataset: xr.Dataset, unit: Unit, job: Job) -> int:
    try:
        shards.write(dataset, unit, job.study_name, job.study_hash, job.folder)
    except InputError as error:
        dataset = _failed(error, unit.point)
        shards.write(dataset, unit, job.study_name, job.study_hash, job.folder)
    return int((dataset["status"] == "failed").sum())


def attempt(point: PointSettings, run_point: RunPoint) -> xr.Dataset:
    """Run a point together, else die by die, else noise seed by noise seed: runs are independent, so numbers are equal.

    Parameters
    ----------
    point : PointSettings
    run_point : callable

    Returns
    -------
    xarray.Dataset
        Results with seeds, status and reason of every run.
    """
    try:
        result = run_point(point)
    except Exception as error:
        # Hours of other runs must not be lost to a fault in one, whatever its kind.
        dim, parts = _parts(point)
        if not parts:
            return _failed(error, point)
        return shards.join([attempt(part, run_point) for part in parts], dim)
    try:
        return _complete(result, point)
    except RunError as error:
        return _failed(error, point)


def _parts(point: PointSettings) -> tuple[str, list[PointSettings]]:
    if len(point.chip_seeds) > 1:
        return "chip", [replace(point, chip_seeds=(seed,)) for seed in point.chip_seeds]
    if len(point.noise_seeds) > 1:
        return "noise", [replace(point, noise_seeds=(seed,)) for seed in point.noise_seeds]
    return "", []


def _complete(dataset: xr.Dataset, point: PointSettings) -> xr.Dataset:
    """Return what `run_point` gave with seeds and status added."""
    asked = {"chip": len(point.chip_seeds), "noise": len(point.noise_seeds)}
    for dim, size in asked.items():
        if dataset.sizes.get(dim, size) != size:
            raise RunError(f"the result has {dataset.sizes[dim]} entries along {dim!r}; {size} were asked for.")
    return _with_rows(dataset, point, "done", "")


def _failed(error: Exception, point: PointSettings) -> xr.Dataset:
    """Return the rows of runs that could not be made: a status and the reason, and no numbers."""
    kind = "" if isinstance(error, ChipemuError) else f"{type(error).__name__}: "
    origin = storage.provenance(
        device=point.device,
        device_hash="",
        operating_points=(),
        mapping_hash="",
        seeds={"seed": point.seed},
        temperature=point.values.get("temperature", np.nan),
        age=point.values.get("age", 0.0),
    )
    return _with_rows(xr.Dataset(attrs=origin), point, "failed", shorten(f"{kind}{error}", _REASON_LENGTH))


def _with_rows(dataset: xr.Dataset, point: PointSettings, status: str, reason: str) -> xr.Dataset:
    shape = (len(point.chip_seeds), len(point.noise_seeds))
    rows = {name: (_RUN, np.full(shape, text)) for name, text in (("status", status), ("reason", reason))}
    return dataset.assign({name: row for name, row in rows.items() if name not in dataset}).assign_coords(
        chip_seed=("chip", np.array(point.chip_seeds, dtype=np.int64)),
        noise_seed=("noise", np.array(point.noise_seeds, dtype=np.int64)),
    )
