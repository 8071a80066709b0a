"""The result of one point as a file, and all of them as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from chipemu import storage, variables
from chipemu.errors import ChipemuError, InputError, RunError, shorten
from chipemu.study.plan import PointSettings, shard_name
from chipemu.study.schema import Study

_RUN = ("chip", "noise")
_REASON_LENGTH = 300

# What stands for "no value" in the rows of a failed point. Numbers that may be missing are NaN.
_FILL = {"text": "", "flag": False, "index": -1}


def complete(dataset: xr.Dataset, settings: PointSettings) -> xr.Dataset:
    """Return what `run_point` gave with seeds, status and factor values added.

    Parameters
    ----------
    dataset : xarray.Dataset
        Result with the dimensions chip and noise.
    settings : PointSettings
        What it is the result of.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    RunError
        If the number of dies or noise seeds is not what was asked for.
    """
    asked = {"chip": len(settings.chip_seeds), "noise": len(settings.noise_seeds)}
    for dim, size in asked.items():
        if dataset.sizes.get(dim, size) != size:
            raise RunError(f"the result has {dataset.sizes[dim]} entries along {dim!r}; {size} were asked for.")
    shape = tuple(asked.values())
    texts = {name: (_RUN, np.full(shape, text)) for name, text in (("status", "done"), ("reason", ""))}
    dataset = dataset.assign({name: values for name, values in texts.items() if name not in dataset})
    return _place(dataset, settings)


def failed(error: Exception, settings: PointSettings) -> xr.Dataset:
    """Return the rows of a point that could not be run: a status and the reason, and no numbers.

    Parameters
    ----------
    error : Exception
        What happened.
    settings : PointSettings
        The point.

    Returns
    -------
    xarray.Dataset
    """
    kind = "" if isinstance(error, ChipemuError) else f"{type(error).__name__}: "
    reason = shorten(f"{kind}{error}", _REASON_LENGTH)
    shape = (len(settings.chip_seeds), len(settings.noise_seeds))
    origin = storage.provenance(
        device=settings.device,
        device_hash="",
        operating_points=(),
        mapping_hash="",
        seeds={"study": settings.seed},
        temperature=settings.factors.get("temperature", np.nan),
        age=settings.factors.get("age", 0.0),
    )
    rows = {"status": (_RUN, np.full(shape, "failed")), "reason": (_RUN, np.full(shape, reason))}
    return _place(xr.Dataset(rows, attrs=origin), settings)


def _place(dataset: xr.Dataset, settings: PointSettings) -> xr.Dataset:
    """Add the seeds, and the factor values as leading dimensions of length 1."""
    dataset = dataset.assign_coords(
        chip_seed=("chip", np.array(settings.chip_seeds, dtype=np.int64)),
        noise_seed=("noise", np.array(settings.noise_seeds, dtype=np.int64)),
    )
    return variables.label(dataset.expand_dims({name: [value] for name, value in settings.factors.items()}))


def write(dataset: xr.Dataset, study: Study, settings: PointSettings, folder: Path) -> Path:
    """Write the shard of one point, whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `complete` or `failed`.
    study : Study
    settings : PointSettings
    folder : Path
        Folder of the shards.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the dataset holds anything undeclared or does not state its origin.
    """
    marked = dataset.assign_attrs(study=study.name, study_hash=study.hash, point=settings.index)
    return storage.save(marked, folder / shard_name(settings.index))


def read(study: Study, index: int, folder: Path) -> xr.Dataset | None:
    """Return the shard of one point if it is there, whole, and of this study.

    Parameters
    ----------
    study : Study
    index : int
        Place of the point in the study.
    folder : Path
        Folder of the shards.

    Returns
    -------
    xarray.Dataset or None
    """
    try:
        dataset = storage.load(folder / shard_name(index))
    except InputError:
        return None
    ours = dataset.attrs.get("study_hash") == study.hash and dataset.attrs.get("point") == index
    return dataset if ours else None


def consolidate(study: Study, shards: list[xr.Dataset]) -> xr.Dataset:
    """Return all points as one dataset with one dimension a factor.

    Parameters
    ----------
    study : Study
    shards : list of xarray.Dataset
        One for each point, in order.

    Returns
    -------
    xarray.Dataset
        Failed points hold NaN (-1 where only integers are allowed) and their reason.
    """
    names = {str(name) for shard in shards for name in shard.variables}
    kinds = {name: variables.find(name).kind for name in names}
    fill = {name: _FILL[kind] for name, kind in kinds.items() if kind in _FILL}
    fill |= {name: np.nan for name in names - set(fill)}
    level = shards
    for factor in reversed(list(study.factors)):
        size = len(study.factors[factor])
        level = [
            xr.concat(
                level[first : first + size],
                dim=factor,
                data_vars="all",
                coords="minimal",
                compat="equals",
                join="outer",
                fill_value=fill,
                combine_attrs="drop",
            )
            for first in range(0, len(level), size)
        ]
    attributes = storage.merge_provenance(
        {name: value for name, value in shard.attrs.items() if name != "point"} for shard in shards
    )
    dataset = level[0].drop_attrs(deep=False).assign_attrs(attributes, study_toml=study.text)
    return variables.label(dataset)
