"""Rows of ``chipemu check``: what a measurement gave beside what a reference says it should give.

Expected values, tolerances and sources stand in ``data/reference/*.csv``, never in the code that measures.
"""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass

from chipemu import library
from chipemu.device import DeviceSpec
from chipemu.errors import InputError, UnknownNameError

COLUMNS = ("check", "operating_point", "drive", "drive_unit", "expected", "tolerance", "unit", "source")


@dataclass(frozen=True)
class Check:
    """One row: a measured value and its reference.

    Attributes
    ----------
    name, operating_point : str
        What was measured, and where.
    expected, got, tolerance : float
        In ``unit``; the row passes where ``got`` is within ``tolerance`` of ``expected``.
    unit, source : str
        Unit of the three, and where the expected value comes from.
    passed : bool
    """

    name: str
    operating_point: str
    expected: float
    got: float
    tolerance: float
    unit: str
    source: str
    passed: bool


@dataclass(frozen=True)
class Target:
    """One line of a reference table.

    ``drive`` is what the operating point was driven with, in ``drive_unit``, e.g. 300 pA or 4 words; NaN where the
    measurement has none.
    """

    check: str
    operating_point: str
    drive: float
    drive_unit: str
    expected: float
    tolerance: float
    unit: str
    source: str

    @property
    def name(self) -> str:
        """Name of the row: the measurement and its drive."""
        return self.check if math.isnan(self.drive) else f"{self.check}, {self.drive:g} {self.drive_unit}"

    def compare(self, got: float) -> Check:
        """The row for a measured value; NaN never passes."""
        # the last digit decides nothing: 35.7 is within 0.7 of 35
        passed = bool(abs(got - self.expected) <= self.tolerance * (1 + 1e-9))
        return Check(
            self.name, self.operating_point, self.expected, float(got), self.tolerance, self.unit, self.source, passed
        )


Measure = Callable[[DeviceSpec], list[Check]]


def targets(table: str, check: str | None = None) -> list[Target]:
    """Lines of a reference table, or those of one measurement.

    Parameters
    ----------
    table
        Name of a file in data/reference without its ending.
    check
        Only lines of this measurement.

    Returns
    -------
    list of Target
        In the order of the file.

    Raises
    ------
    UnknownNameError
        If the table or the measurement does not exist.
    InputError
        If a line is not of the form of ``COLUMNS``.

    Examples
    --------
    >>> [target.expected for target in targets("soma", "rheobase")]
    [216.0, 505.0]
    """
    name = f"reference/{table}.csv"
    reader = csv.DictReader(io.StringIO(library.find_data(name)))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(f"data/{name} has columns {reader.fieldnames}; expected {', '.join(COLUMNS)}")
    lines = [_target(row, f"data/{name}, line {number}") for number, row in enumerate(reader, start=2)]
    known = list(dict.fromkeys(line.check for line in lines))
    if check is not None and check not in known:
        raise UnknownNameError("measurement", check, known, where=f"data/{name}")
    return [line for line in lines if check is None or line.check == check]


def target(table: str, check: str) -> Target:
    """The only line of a measurement.

    Examples
    --------
    >>> target("synapse", "EPSP peak against words, RMS").tolerance
    15.0
    """
    (only,) = targets(table, check)
    return only


def _target(row: dict[str, str], where: str) -> Target:
    try:
        drive = float(row["drive"]) if row["drive"] else math.nan
        expected, tolerance = float(row["expected"]), float(row["tolerance"])
    except (TypeError, ValueError) as fault:
        raise InputError(f"{where}: {fault}; expected numbers for drive, expected and tolerance") from None
    return Target(
        row["check"], row["operating_point"], drive, row["drive_unit"], expected, tolerance, row["unit"], row["source"]
    )
