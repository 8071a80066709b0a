"""Results on disk: HDF5 files that xarray, h5dump and MATLAB open, complete or absent, with their origin inside.

A file is written beside its final name, flushed to the disk and renamed, so a reader never sees half of it. What is
read may come from a stranger: sizes are bounded and nothing in a file can name another file or a Python object.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import chipemu
from chipemu import variables
from chipemu.errors import InputError

if TYPE_CHECKING:
    import h5py
    import xarray as xr

SCHEMA_VERSION = 1
MAX_BYTES = 4 * 1024**3

PROVENANCE = (
    "schema_version",
    "package_version",
    "kernel_hash",
    "device",
    "device_hash",
    "operating_points",
    "mapping_hash",
    "seeds",
    "temperature_K",
    "age_s",
    "references",
)

# Arrays from this many elements on are compressed; smaller ones would grow.
_COMPRESS_FROM = 10_000
_READ_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError)


def provenance(
    *,
    device: str,
    device_hash: str,
    operating_points: Iterable[str],
    mapping_hash: str,
    seeds: Mapping[str, int],
    temperature: float,
    age: float = 0.0,
    references: Iterable[str] = (),
) -> dict[str, str | int | float]:
    """Return the attributes that say where a result comes from.

    Parameters
    ----------
    device, device_hash : str
        Name and hash of the device file.
    operating_points : iterable of str
        Names of the operating points in use.
    mapping_hash : str
        Hash of the placement; empty if nothing was mapped.
    seeds : mapping of str to int
        What each seed is for, and the seed.
    temperature : float
        Temperature of the die [K].
    age : float
        Time that the dies lay idle between training and test [s].
    references : iterable of str
        Works to cite.

    Returns
    -------
    dict
        Attributes for `xarray.Dataset.attrs`; lists are joined by "; ", seeds are JSON.

    Examples
    --------
    >>> attributes = provenance(device="ideal", device_hash="1f", operating_points=["output"], mapping_hash="",
    ...                         seeds={"study": 0}, temperature=298.15)
    >>> attributes["seeds"], attributes["temperature_K"]
    ('{"study": 0}', 298.15)
    """
    from chipemu.kernels.jit import kernel_hash  # compiles nothing, but imports Numba

    return {
        "schema_version": SCHEMA_VERSION,
        "package_version": chipemu.__version__,
        "kernel_hash": kernel_hash(),
        "device": device,
        "device_hash": device_hash,
        "operating_points": "; ".join(operating_points),
        "mapping_hash": mapping_hash,
        "seeds": json.dumps({name: int(seed) for name, seed in seeds.items()}),
        "temperature_K": float(temperature),
        "age_s": float(age),
        "references": "; ".join(references),
    }


def merge_provenance(attributes: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return the attributes of a file made of several: equal ones once, others as all their values.

    Parameters
    ----------
    attributes : iterable of mapping
        Attributes of each part.

    Returns
    -------
    dict

    Examples
    --------
    >>> merge_provenance([{"device": "ideal", "age_s": 0.0}, {"device": "dynapse1", "age_s": 0.0}])
    {'device': 'dynapse1; ideal', 'age_s': 0.0}
    """
    values: dict[str, dict[str, object]] = {}
    for part in attributes:
        for name, value in part.items():
            values.setdefault(name, {})[str(value)] = value
    merged = {}
    for name, found in values.items():
        # A part that failed before it knew its origin leaves no value; the others speak for it.
        known = [text for text in found if text not in ("", "nan")] or list(found)[:1]
        merged[name] = found[known[0]] if len(known) == 1 else "; ".join(sorted(known))
    return merged


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a dataset to an HDF5 file, whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Declared variables only, with the attributes of `provenance`.
    path : str or Path
        File to write or to replace.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If a variable is not as declared, or the origin of the result is not stated, or the folder does not exist.
    """
    path = Path(path)
    labelled = variables.label(dataset)
    variables.check(labelled, where=str(path))
    _check_attributes(labelled, path)
    encoding = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in labelled.variables.items()
        if variable.size >= _COMPRESS_FROM and variable.dtype.kind in "fiub"
    }
    with replacing(path) as temporary:
        # The encoding of a file it was read from would turn NaN back into an integer.
        labelled.drop_encoding().to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file that takes the place of `path` once it is complete and on the disk.

    Parameters
    ----------
    path : Path
        File to write or to replace; untouched if the body raises.

    Yields
    ------
    Path
        Temporary file in the same folder, for the body to write.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.parent}. Create it first.")
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        # The rename itself survives a power loss only when the folder is on the disk too.
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path, *, max_bytes: int = MAX_BYTES) -> xr.Dataset:
    """Read a dataset that `save` wrote, into memory.

    Parameters
    ----------
    path : str or Path
        HDF5 file.
    max_bytes : int
        Largest size accepted, of the file and of its arrays when unpacked [bytes].

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InputError
        If the file is absent, damaged, too large, of another schema, or holds anything undeclared.
    """
    import xarray as xr

    path = Path(path)
    _check_container(path, max_bytes)
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    except _READ_ERRORS as error:
        raise InputError(f"{path} cannot be read as a chipemu result: {error}") from error
    found = dataset.attrs.get("schema_version")
    if found != SCHEMA_VERSION:
        raise InputError(f"{path} has schema version {found}; this chipemu reads version {SCHEMA_VERSION}.")
    variables.check(dataset, where=str(path))
    _check_attributes(dataset, path)
    return dataset


def _check_attributes(dataset: xr.Dataset, path: Path) -> None:
    missing = [name for name in PROVENANCE if name not in dataset.attrs]
    if missing:
        raise InputError(f"{path}: attributes missing: {', '.join(missing)}. Take them from storage.provenance.")
    for name, value in dataset.attrs.items():
        # h5netcdf hands numbers back as NumPy scalars, which are not all Python numbers.
        if not isinstance(value, str | int | float) and getattr(value, "ndim", 1) != 0:
            raise InputError(f"{path}: attribute {name!r} is {type(value).__name__}; only text and numbers are kept.")


def _check_container(path: Path, max_bytes: int) -> None:
    """Look at sizes, links and types before anything is read into memory."""
    import h5py

    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file.")
    if path.stat().st_size > max_bytes:
        raise InputError(f"{path} has {path.stat().st_size} bytes; the limit is {max_bytes}.")
    if not h5py.is_hdf5(path):
        raise InputError(f"{path} is not an HDF5 file, or it is cut short.")
    try:
        with h5py.File(path, "r") as file:
            unpacked = sum(_checked_size(file, name, path) for name in file)
    except _READ_ERRORS as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if unpacked > max_bytes:
        raise InputError(f"{path} unpacks to {unpacked} bytes; the limit is {max_bytes}.")


def _checked_size(file: h5py.File, name: str, path: Path) -> int:
    """Return the unpacked size of one dataset [bytes], refusing what reaches outside the file or is no plain array."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise InputError(f"{path}: {name!r} is a link; only data inside the file is read.")
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        raise InputError(f"{path}: {name!r} is a group; a chipemu result has none.")
    if item.external or item.is_virtual:
        raise InputError(f"{path}: {name!r} keeps its data in another file; only data inside the file is read.")
    is_text = h5py.check_string_dtype(item.dtype) is not None
    if not is_text and item.dtype.kind not in "fiub":
        raise InputError(f"{path}: {name!r} holds {item.dtype}; only numbers and text are read.")
    return item.size * item.dtype.itemsize


def _flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
