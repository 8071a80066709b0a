"""All checks of a device, subject by subject."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from chipemu import library
from chipemu.device import DeviceSpec, load_device
from chipemu.device_file import read_point
from chipemu.errors import UnknownNameError
from chipemu.validation import (
    biases,
    budget,
    calibration,
    defects,
    drift,
    dynapse2,
    mismatch,
    noise,
    power,
    se2,
    soma,
    spectra,
    spread,
    store,
    structure,
    synapse,
    temperature,
    timestep,
    transit,
)
from chipemu.validation.check import Check, Measure, targets
from chipemu.validation.testbench import law_point_name

SUBJECTS: dict[str, Measure] = {
    "soma": soma.run,
    "synapse": synapse.run,
    "timestep": timestep.run,
    "noise": noise.run,
    "spectra": spectra.run,
    "transit": transit.run,
    "mismatch": mismatch.run,
    "biases": biases.run,
    "dynapse2": dynapse2.run,
    "spread": spread.run,
    "structure": structure.run,
    "budget": budget.run,
    "temperature": temperature.run,
    "drift": drift.run,
    "calibration": calibration.run,
    "defects": defects.run,
    "power": power.run,
    "store": store.run,
    "se2": se2.run,
}


# Hold at any operating point, so on any family of chips.
LAWS = ("structure", "spectra", "transit", "temperature", "calibration", "defects")


def run_checks(device: str | Path = "dynapse1", *, subjects: Iterable[str] | None = None) -> list[Check]:
    """Measure an emulated device on the bench and compare it with references.

    About half a minute for a device with mismatch, after compilation.

    Parameters
    ----------
    device
        Name or path of a device on which the operating points of the references can be set.
    subjects
        Names of ``SUBJECTS``; all by default.

    Returns
    -------
    list of Check
        One row a number. Rows about an effect that the device does not have are left out, and subjects whose
        operating points are meant for another family of chips.

    Raises
    ------
    UnknownNameError
        If the device or a subject does not exist.
    PointFileError
        If an operating point of the references is meant for the device and does not fit it.

    Examples
    --------
    >>> rows = run_checks("ideal", subjects=["synapse"])
    >>> all(row.passed for row in rows)
    True
    """
    chosen = list(SUBJECTS if subjects is None else subjects)
    for name in chosen:
        if name not in SUBJECTS:
            raise UnknownNameError("subject of checks", name, SUBJECTS)
    spec = load_device(device)
    return [check for name in chosen for check in _rows(name, spec)]


def _rows(subject: str, device: DeviceSpec) -> list[Check]:
    if subject in LAWS:
        rows, shipped = SUBJECTS[subject](device), library.list_names("devices/points")
        points = {row.operating_point for row in rows} & set(shipped)
        at = {point: law_point_name(point, device) for point in points}
        return [replace(row, operating_point=at.get(row.operating_point, row.operating_point)) for row in rows]
    return SUBJECTS[subject](device) if _is_meant_for(subject, device.lineage) else []


def _is_meant_for(subject: str, lineage: tuple[str, ...]) -> bool:
    """Whether the operating points of a subject's references can be set on a device of this lineage."""
    shipped = library.list_names("devices/points")
    points = {line.operating_point for line in targets(subject)} & set(shipped)  # other rows are about no point
    return all(set(read_point(point)[2].point.device) & set(lineage) for point in points)
