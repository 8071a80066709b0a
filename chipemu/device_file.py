"""Reading device and point files: inheritance between device files, all faults at once, the content hash."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from chipemu import library
from chipemu.device_schema import DeviceFile, PointFile
from chipemu.errors import DeviceFileError, InputError, PointFileError, UnknownNameError, nearest, shorten

MAX_LINEAGE = 4
_MAX_FAULTS = 40
_OWN_KEYS = ("name", "title", "summary")


def read_device(name_or_path: str | Path) -> tuple[str, dict, DeviceFile, tuple[str, ...]]:
    """Read a device file, resolve what it extends, and check the result.

    Parameters
    ----------
    name_or_path : str or Path
        As for `chipemu.library.find`.

    Returns
    -------
    path : str
        Where it was found.
    tables : dict
        Resolved content.
    checked : DeviceFile
        The same, validated.
    lineage : tuple of str
        Its name and those it extends, nearest first.

    Raises
    ------
    DeviceFileError
        One line for every fault.
    UnknownNameError
        No device of that name.
    """
    path, own = library.load_toml("devices", name_or_path)
    folder = Path(name_or_path).parent if library.is_path(name_or_path) else None
    tables, ancestors = _resolve(path, own, folder, depth=1)
    checked = check(DeviceFile, tables, path, DeviceFileError)
    return path, tables, checked, (checked.name, *ancestors)


def read_point(name_or_path: str | Path) -> tuple[str, dict, PointFile]:
    """Read an operating-point file and check its form; its biases are checked against a device by the caller.

    Parameters
    ----------
    name_or_path : str or Path
        As for `chipemu.library.find`.

    Returns
    -------
    path : str
        Where it was found.
    tables : dict
        Content.
    checked : PointFile
        The same, validated.

    Raises
    ------
    PointFileError
        One line for every fault.
    UnknownNameError
        No operating point of that name.
    """
    path, tables = library.load_toml("devices/points", name_or_path)
    return path, tables, check(PointFile, tables, path, PointFileError)


def _resolve(path: str, own: dict, folder: Path | None, depth: int) -> tuple[dict, tuple[str, ...]]:
    """Lay a file's tables over those of the device it extends."""
    own = dict(own)
    if "extends" not in own:
        return own, ()
    parent_name = own.pop("extends")
    if not isinstance(parent_name, str) or library.is_path(parent_name):
        raise DeviceFileError(
            f"{path}: extends: {shorten(repr(parent_name))} is not usable; allowed the name of a device, "
            "whose file lies in devices/ or next to this one"
        )
    if depth >= MAX_LINEAGE:
        raise DeviceFileError(f"{path}: extends: {parent_name!r} makes the chain too long; allowed {MAX_LINEAGE} files")
    missing = [key for key in _OWN_KEYS if key not in own]
    if missing:
        raise DeviceFileError(f"{path}: {missing[0]}: missing; a file that extends another needs its own {missing[0]}")
    beside = folder / f"{parent_name}.toml" if folder is not None else None
    place = beside if beside is not None and beside.is_file() else parent_name
    if place is parent_name and parent_name not in library.list_names("devices"):
        raise UnknownNameError("device", parent_name, library.list_names("devices"), where=f"{path}: extends")
    parent_path, parent = library.load_toml("devices", place)
    parent, ancestors = _resolve(parent_path, parent, folder if place is beside else None, depth + 1)
    dropped = own.get("without", [])
    kept = {key: parent[key] for key in parent if not (isinstance(dropped, list) and key in dropped)}
    return _overlay(kept, own), (str(parent.get("name", parent_name)), *ancestors)


def _overlay(below: dict, above: dict) -> dict:
    """Merge tables; an entry with a source of its own replaces the whole entry below."""
    merged = dict(below)
    for key, value in above.items():
        both_tables = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _overlay(below[key], value) if both_tables and "source" not in value else value
    return merged


def check(model: type[BaseModel], tables: dict, path: str, error: type[InputError]) -> Any:
    """Validate tables against their form; every fault becomes one line of the error."""
    references = tables.get("references")
    known = tuple(references) if isinstance(references, dict) else ()
    try:
        return model.model_validate(tables, context={"references": known})
    except ValidationError as fault:
        raise error(fault_text(path, _faults(model, fault))) from None


def fault_text(path: str, faults: Iterable[str]) -> str:
    """Message with one line for each fault, every line naming the file.

    Examples
    --------
    >>> print(fault_text("a.toml", ["chip.n_cores: missing", "circuit.kappa: missing"]))
    a.toml: chip.n_cores: missing
    a.toml: circuit.kappa: missing
    """
    lines = [f"{path}: {line}" for fault in faults for line in fault.splitlines()]
    more = len(lines) - _MAX_FAULTS
    return "\n".join(lines[:_MAX_FAULTS] + ([f"{path}: and {more} faults more"] if more > 0 else []))


def _faults(model: type[BaseModel], fault: ValidationError) -> Iterable[str]:
    for item in fault.errors():
        keys = [str(part) for part in item["loc"] if part != "[key]"]
        prefix = ".".join(shorten(key, 40) for key in keys)
        for line in _explain(model, item, keys).splitlines():
            yield f"{prefix}: {line}" if prefix else line


def _explain(model: type[BaseModel], item: dict, keys: list[str]) -> str:
    given = shorten(repr(item["input"]))
    parent = _model_at(model, keys[:-1])
    match item["type"]:
        case "extra_forbidden":
            known = [field.alias or name for name, field in parent.model_fields.items()]
            return f"unknown key; nearest: {', '.join(nearest(keys[-1], known))}"
        case "missing":
            field = next(field for name, field in parent.model_fields.items() if (field.alias or name) == keys[-1])
            return f"missing; write {field.description or 'it'}"
        case "value_error":
            return str(item["ctx"]["error"])
        case "literal_error":
            expected = item["ctx"]["expected"]
            options = re.findall(r"'([^']*)'", expected)
            if len(options) <= 4:
                return f"{given} is not usable; allowed {expected}"
            return f"unknown name {given}; nearest: {', '.join(nearest(str(item['input']), options))}"
    return f"{given} is not usable; allowed: {item['msg'].removeprefix('Input should be ')}"


def _model_at(model: type[BaseModel], keys: list[str]) -> type[BaseModel]:
    """Model of the table at a key path; the last one known where the path leads into a free table."""
    for key in keys:
        field = model.model_fields.get(key)
        options = getattr(field.annotation, "__args__", (field.annotation,)) if field else ()
        inner = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
        model = inner[0] if inner else model
    return model


def content_hash(tables: Any) -> str:
    """SHA-256 of a canonical text of parsed tables: independent of key order, spacing and comments.

    Examples
    --------
    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(tables, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
