"""The result of one unit as a file, and all of them as one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from chipemu import storage, variables
from chipemu.errors import InputError
from chipemu.study.plan import Unit, has_ideal, ideal_key, ideal_units, point_units, points
from chipemu.study.schema import Study

# What stands for "no value" in the rows of a failed run. Numbers that may be missing are NaN.
_FILL = {"text": "", "flag": False, "index": -1}
# Attributes of a shard that say nothing about the whole.
_OWN = ("shard",)


def write(dataset: xr.Dataset, unit: Unit, study_name: str, study_hash: str, folder: Path) -> Path:
    """Write the shard of one unit, whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results and status over (chip, noise).
    unit : Unit
    study_name, study_hash : str
        Identity of the study.
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
    placed = dataset.expand_dims({name: [value] for name, value in unit.point.factors.items()})
    marked = variables.label(placed).assign_attrs(study=study_name, study_hash=study_hash, shard=unit.shard)
    return storage.save(marked, folder / unit.shard)


def read(unit: Unit, study_hash: str, folder: Path) -> xr.Dataset | None:
    """Return the shard of one unit if it is there, whole, and of this study.

    Parameters
    ----------
    unit : Unit
    study_hash : str
        Identity of the study.
    folder : Path
        Folder of the shards.

    Returns
    -------
    xarray.Dataset or None
    """
    try:
        dataset = storage.load(folder / unit.shard)
    except InputError:
        return None
    ours = dataset.attrs.get("study_hash") == study_hash and dataset.attrs.get("shard") == unit.shard
    return dataset if ours else None


def reasons(unit: Unit, study_hash: str, folder: Path) -> list[str | None] | None:
    """Return why each run of a unit failed, if its shard is there and of this study; far faster than `read`.

    Parameters
    ----------
    unit : Unit
    study_hash : str
        Identity of the study.
    folder : Path
        Folder of the shards.

    Returns
    -------
    list of (str or None), or None
        One entry a run, die after die; no reason where it did not fail.
    """
    try:
        with h5py.File(folder / unit.shard, "r") as file:
            if file.attrs.get("study_hash") != study_hash or file.attrs.get("shard") != unit.shard:
                return None
            if any(file[name].size != unit.point.n_runs for name in ("status", "reason")):
                return None
            status, reason = (file[name].asstr()[()].flat for name in ("status", "reason"))
            return [str(r) if s == "failed" else None for s, r in zip(status, reason, strict=True)]
    except (OSError, KeyError, ValueError, TypeError, AttributeError):
        return None


def join(parts: Sequence[xr.Dataset], dim: str) -> xr.Dataset:
    """Return runs of one point that were made apart as if they had been made together.

    Parameters
    ----------
    parts : sequence of xarray.Dataset
        In order; those that failed hold no numbers.
    dim : {"chip", "noise"}
        What they differ in.

    Returns
    -------
    xarray.Dataset
        Failed runs hold NaN (-1 where only integers are allowed). What has not the dimension `dim` is of the point, and
        the same in all parts.
    """
    if len(parts) == 1:
        return parts[0]
    template = max(parts, key=lambda part: len(part.variables))
    whole = [_filled(part, template, dim) for part in parts]
    joined = xr.concat(
        whole, dim=dim, data_vars="minimal", coords="minimal", compat="override", join="exact", combine_attrs="drop"
    )
    return joined.assign_attrs(template.attrs)


def _filled(part: xr.Dataset, template: xr.Dataset, dim: str) -> xr.Dataset:
    """Add the variables that a failed part lacks."""
    missing = {}
    for name, variable in template.variables.items():
        if name in part.variables:
            continue
        if dim not in variable.dims:
            missing[name] = variable
            continue
        kind = variables.find(str(name)).kind
        shape = [part.sizes.get(axis, size) for axis, size in variable.sizes.items()]
        dtype = {"real": variable.dtype, "index": variable.dtype, "text": object}.get(kind)
        missing[name] = (variable.dims, np.full(shape, _FILL.get(kind, np.nan), dtype=dtype))
    return part.assign_coords({n: v for n, v in missing.items() if n in template.coords}).assign(
        {n: v for n, v in missing.items() if n not in template.coords}
    )


def consolidate(study: Study, shards: dict[str, xr.Dataset]) -> xr.Dataset:
    """Return all points as one dataset with one dimension a factor.

    Parameters
    ----------
    study : Study
    shards : dict of name to xarray.Dataset
        The shard of every unit.

    Returns
    -------
    xarray.Dataset
        Failed runs hold NaN (-1 where only integers are allowed) and their reason. What has not the same shape at every
        point, such as the weights of different tasks, is left out; the attribute `left_out` names it.
    """
    ideal = {ideal_key(unit.point): shards[unit.shard] for unit in ideal_units(study)}
    level = []
    for point in points(study):
        whole = join([shards[unit.shard] for unit in point_units(point)], "chip")
        accuracy = _ideal_accuracy(ideal[ideal_key(point)], study.split) if has_ideal(point) else np.nan
        axes = tuple(study.factors)
        level.append(whole.assign(accuracy_ideal=(axes, np.full((1,) * len(axes), accuracy))))
    attributes = _attributes(level)
    left_out = _left_out(level)
    if left_out:
        attributes["left_out"] = f"{', '.join(left_out)}: not of one shape at every point; see the shards"
    failure = [str(reason) for shard in ideal.values() for reason in shard["reason"].values.flat if reason]
    if failure:
        attributes["ideal_failed"] = failure[0]
    dataset = _grid(study, [part.drop_vars(left_out, errors="ignore") for part in level])
    return variables.label(dataset.drop_attrs(deep=False).assign_attrs(attributes, study_toml=study.text))


def _ideal_accuracy(shard: xr.Dataset, split: str) -> float:
    return float(shard.get(f"accuracy_{split}", xr.DataArray(np.nan)).median())


def _attributes(level: list[xr.Dataset]) -> dict[str, object]:
    """Origin of the whole; points that failed before they knew theirs speak only if all did."""
    known = [part.attrs for part in level if part.attrs.get("device_hash")] or [part.attrs for part in level]
    return storage.merge_provenance({n: v for n, v in attrs.items() if n not in _OWN} for attrs in known)


def _left_out(level: list[xr.Dataset]) -> list[str]:
    """Names of variables along a dimension whose length or coordinate is not the same at every point."""
    first: dict[str, xr.DataArray] = {}
    unequal = set()
    for part in level:
        for dim in set(part.sizes) - set(variables.FACTORS):
            if not part[dim].equals(first.setdefault(dim, part[dim])):
                unequal.add(dim)
    found = {str(name) for part in level for name, variable in part.variables.items() if unequal & set(variable.dims)}
    return sorted(found)


def _grid(study: Study, level: list[xr.Dataset]) -> xr.Dataset:
    """Stack points, the last factor changing fastest, along the dimensions of the factors."""
    names = {str(name) for part in level for name in part.variables}
    kinds = {name: variables.find(name).kind for name in names}
    fill = {name: _FILL.get(kind, np.nan) for name, kind in kinds.items()}
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
    return level[0]
