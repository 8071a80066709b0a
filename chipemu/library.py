"""Finding the files that come with chipemu, and reading any user's file within bounds.

A path given by the user wins. A bare name is looked up in the installed package (`chipemu.devices`, ...) and, in a
checkout that was never installed, in the folder beside the package.
"""

import re
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import chipemu
from chipemu.errors import DeviceFileError, InputError, MappingFileError, PointFileError, UnknownNameError, shorten

MAX_TOML_BYTES = 1_000_000
MAX_DATA_BYTES = 50_000_000

_SINGULAR = {"devices": "device", "devices/points": "operating point", "mappings": "mapping"}
_ERROR = {"devices": DeviceFileError, "devices/points": PointFileError, "mappings": MappingFileError}


def list_names(folder: str) -> list[str]:
    """Names that `find` accepts without a path.

    Parameters
    ----------
    folder : {"devices", "devices/points", "mappings"}
        What is looked for.

    Returns
    -------
    list of str
        Sorted; without the ``.toml`` ending.

    Examples
    --------
    >>> "dynapse1" in list_names("devices")
    True
    """
    names = (PurePosixPath(entry.name) for entry in _folder(folder).iterdir())
    return sorted(name.stem for name in names if name.suffix == ".toml")


def find(folder: str, name_or_path: str | Path) -> tuple[str, str]:
    """Text of a named file or of the user's own.

    Parameters
    ----------
    folder : {"devices", "devices/points", "mappings"}
        What is looked for.
    name_or_path : str or Path
        A name from `list_names`, or a path: anything with a slash or ending in ``.toml``.

    Returns
    -------
    path : str
        Where it was found, as a message should print it.
    text : str
        Content.

    Raises
    ------
    UnknownNameError
        No such name.
    DeviceFileError, PointFileError, MappingFileError
        The path is no readable text file of at most 1 MB.

    Examples
    --------
    >>> find("devices", "dynapse1")[0]
    'devices/dynapse1.toml'
    """
    error = _ERROR[folder]
    if is_path(name_or_path):
        return str(name_or_path), read_text(Path(name_or_path), str(name_or_path), MAX_TOML_BYTES, error)
    name = str(name_or_path)
    if name not in list_names(folder):
        raise UnknownNameError(_SINGULAR[folder], name, list_names(folder))
    path = f"{folder}/{name}.toml"
    return path, read_text(_folder(folder) / f"{name}.toml", path, MAX_TOML_BYTES, error)


def is_path(name_or_path: str | Path) -> bool:
    """Whether the user means a file rather than a name: a slash, or the ending ``.toml``.

    Examples
    --------
    >>> is_path("dynapse1"), is_path("mine.toml"), is_path("chips/mine")
    (False, True, True)
    """
    text = str(name_or_path)
    return isinstance(name_or_path, Path) or "/" in text or "\\" in text or text.endswith(".toml")


def load_toml(folder: str, name_or_path: str | Path) -> tuple[str, dict]:
    """Tables of a named file or of the user's own.

    Parameters
    ----------
    folder : {"devices", "devices/points", "mappings"}
        What is looked for.
    name_or_path : str or Path
        As for `find`.

    Returns
    -------
    path : str
        Where it was found, as a message should print it.
    tables : dict
        Parsed, not validated.

    Raises
    ------
    DeviceFileError, PointFileError, MappingFileError
        Not TOML; the message names the line and shows it.

    Examples
    --------
    >>> load_toml("devices", "dynapse1")[1]["name"]
    'dynapse1'
    """
    path, text = find(folder, name_or_path)
    return path, parse_toml(text, path, _ERROR[folder])


def parse_toml(text: str, path: str, error: type[InputError]) -> dict:
    """Parse TOML; a fault (also a key given twice) becomes ``error`` with the line it stands on.

    Examples
    --------
    >>> parse_toml('n_cores = 4', "chip.toml", DeviceFileError)
    {'n_cores': 4}
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise error(f"{path}: not valid TOML: nested too deeply (limit: the few levels of the schema)") from None
    except ValueError as fault:
        raise error(f"{path}: not valid TOML: {shorten(fault, 120)}{_quoted_line(text, str(fault))}") from None


def _quoted_line(text: str, message: str) -> str:
    found = re.search(r"at line (\d+)", message)
    lines = text.splitlines()
    number = int(found[1]) if found else len(lines)
    if not lines:
        return ""
    # A fault at the end of a line is often reported on the next, empty one.
    shown = next((line for line in reversed(lines[:number]) if line.strip()), lines[0])
    return f"; the line reads {shorten(shown, 100)!r}. Allowed: TOML 1.0, every key once"


def find_data(name: str) -> str:
    """Text of a file in ``data/``, such as a reference table.

    Parameters
    ----------
    name : str
        Path inside ``data/``, e.g. ``"reference/baselines.csv"``.

    Returns
    -------
    str
        Content.

    Raises
    ------
    UnknownNameError
        No such file.
    """
    folder, _, leaf = name.rpartition("/")
    place = _folder(f"data/{folder}" if folder else "data")
    known = sorted(entry.name for entry in place.iterdir() if PurePosixPath(entry.name).suffix == ".csv")
    if leaf not in known:
        raise UnknownNameError(f"table of data/{folder}", leaf, known)
    return read_text(place / leaf, f"data/{name}", MAX_DATA_BYTES, InputError)


def _folder(folder: str) -> Traversable:
    try:
        return resources.files(f"chipemu.{folder.replace('/', '.')}")
    except ModuleNotFoundError:
        return Path(chipemu.__file__).parents[1] / folder


def read_text(place: Traversable, path: str, limit: int, error: type[InputError]) -> str:
    """Text of a file that may come from a stranger: UTF-8, and no larger than it has reason to be.

    Parameters
    ----------
    place : Path or Traversable
        The file.
    path : str
        What messages call it.
    limit : int
        Largest size [bytes].
    error : type of InputError
        What is raised.

    Returns
    -------
    str
        Content.

    Raises
    ------
    InputError
        ``error``, if the file is absent, cannot be read, is larger than ``limit``, or is not UTF-8.

    Examples
    --------
    >>> read_text(_folder("devices") / "ideal.toml", "devices/ideal.toml", MAX_TOML_BYTES, DeviceFileError)[:6]
    'schema'
    """
    if not place.is_file():
        raise error(f"{path}: cannot be read: no such file. Give an existing file, or a name without slash and ending")
    try:
        with place.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as fault:
        raise error(f"{path}: cannot be read: {fault.strerror}") from None
    if len(content) > limit:
        shown = f"{limit / 1e6:g} MB" if limit >= 1e6 else f"{limit / 1e3:g} kB"
        raise error(f"{path}: larger than {shown}, the limit for this kind of file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise error(f"{path}: not text: byte {fault.start} is not UTF-8, the only encoding allowed") from None
