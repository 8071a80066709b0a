"""The exceptions of chipemu and the wording they share.

Two branches: `InputError` for what the user can correct in a file or an argument (exit code 2 of the command
line), `RunError` for a run that started and could not finish (exit code 1).
"""

import difflib
from collections.abc import Iterable


class ChipemuError(Exception):
    """Any failure that chipemu reports on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class RunError(ChipemuError):
    """A run began with valid input and failed; the message says which run and why."""


class InputError(ChipemuError):
    """A file, name or argument given by the user is not acceptable."""

    exit_code = 2


class UnitError(InputError):
    """A quantity lacks its unit, has the wrong one, or is not a finite number."""


class DeviceFileError(InputError):
    """A device file breaks the schema; the message has one line for every fault."""


class PointFileError(InputError):
    """An operating-point file breaks the schema or does not fit its device."""


class MappingFileError(InputError):
    """A saved mapping is malformed or belongs to another network or device."""


class StudyFileError(InputError):
    """A study file is malformed or asks for an unknown factor."""


class CapacityError(InputError):
    """A network asks for more neurons, words, cores or tags than the device has."""


class RoutingError(InputError):
    """A routing table would deliver events that nobody asked for, or cannot reach a target."""


class UnknownNameError(InputError):
    """A name that is not in a closed list; the message holds the nearest names.

    Parameters
    ----------
    kind : str
        What is named, e.g. ``"device"``.
    name : str
        The name as given.
    known : iterable of str
        All valid names.
    where : str, optional
        File and key that hold the name.

    Examples
    --------
    >>> print(UnknownNameError("device", "dynaps1", ["dynapse1", "ideal"]))
    unknown device 'dynaps1'; nearest: dynapse1, ideal
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = ""):
        self.kind, self.name, self.known = kind, name, tuple(known)
        suggestion = "nearest: " + ", ".join(nearest(name, self.known)) if self.known else "none is known"
        prefix = f"{where}: " if where else ""
        super().__init__(f"{prefix}unknown {kind} {shorten(name)!r}; {suggestion}")


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Valid names closest in spelling to ``name``, best first.

    Parameters
    ----------
    name : str
        The name as given; upper and lower case are not distinguished.
    known : iterable of str
        All valid names.
    n : int
        Largest number of names returned.

    Returns
    -------
    list of str
        At most ``n`` of ``known``; never empty unless ``known`` is.

    Examples
    --------
    >>> nearest("IF_TAU_N", ["IF_TAU1_N", "IF_TAU2_N", "IF_THR_N", "R2R_P"])
    ['IF_TAU1_N', 'IF_TAU2_N', 'IF_THR_N']
    """
    wanted = str(name)[:80].casefold()
    return sorted(known, key=lambda other: -difflib.SequenceMatcher(None, other.casefold(), wanted).ratio())[:n]


def shorten(value: object, length: int = 60) -> str:
    """One-line text of a user's value, cut so that a message stays readable.

    Examples
    --------
    >>> shorten("a" * 100, 8)
    'aaaaa...'
    """
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."
