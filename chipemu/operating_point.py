"""Operating points: which currents are asked of a core's bias generator, at which temperature.

A point knows no die: what a die's generator makes of these currents is the die's affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipemu import bias
from chipemu.device_fields import Limit, number, provenance, unknown
from chipemu.device_file import content_hash, fault_text, read_point
from chipemu.device_schema import PointFile, check_current_order
from chipemu.device_text import point_text
from chipemu.errors import InputError, PointFileError, UnitError, shorten
from chipemu.frozen_map import FrozenMap
from chipemu.quantity import Quantity, look_up

if TYPE_CHECKING:
    from chipemu.device import DeviceSpec

TEMPERATURE = Limit("K", 218.15, 398.15)
LARGEST_CURRENT = 1e-4  # A; bound on a device without bias generator
_FORM = '{ current = "5 pA", source = ... } or { coarse = 0, fine = 85, source = ... }'


@dataclass(frozen=True)
class OperatingPoint:
    """Currents asked of the bias generator of a core, and the temperature. Numbers in SI.

    Parameters
    ----------
    name, title, summary, path, hash : str
        What it is, where it was read, and the SHA-256 of its content.
    devices : tuple of str
        Devices it is meant for, with all that extend them.
    temperature : float
        [K].
    biases : mapping
        Bias name to current as asked, before the generator rounds it [A].
    codes : mapping
        Bias name to (coarse, fine), for the biases given so.
    circuit : mapping
        Circuit constants that differ at this point.
    """

    name: str
    title: str
    summary: str
    path: str
    hash: str
    devices: tuple[str, ...]
    temperature: float
    biases: Mapping[str, float]
    codes: Mapping[str, bias.Code]
    circuit: Mapping[str, float]
    quantities: Mapping[str, Quantity] = field(repr=False)

    def __hash__(self) -> int:
        return hash(self.hash)

    def quantity(self, key: str) -> Quantity:
        """Value, unit and source of a number of the file.

        Parameters
        ----------
        key : str
            Key path, e.g. ``"biases.IF_TAU1_N"`` or ``"circuit.I_spkthr"``.

        Returns
        -------
        Quantity
            As written in the file, in SI.

        Raises
        ------
        UnknownNameError
            No such number.
        """
        return look_up(self.quantities, key, self.path)

    def __str__(self) -> str:
        return point_text(self)


def load_point(name_or_path: str | Path, device: DeviceSpec) -> OperatingPoint:
    """Read an operating point and check it against a device.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped name (``chipemu.library.list_names("devices/points")``) or a path to a TOML file.
    device : DeviceSpec
        Device whose registers, generator range and circuit constants apply.

    Returns
    -------
    OperatingPoint
        Every modelled bias of the device has its current.

    Raises
    ------
    PointFileError
        The file breaks the schema or does not fit the device; one line for every fault.
    UnknownNameError
        No operating point of that name.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> point = load_point("ds-fi", load_device("dynapse1"))
    >>> print(point.quantity("biases.IF_TAU1_N"), point.quantity("temperature"))
    5 pA 290.11 K
    """
    path, tables, checked = read_point(name_or_path)
    faults: list[str] = []
    quantities = dict(_quantities(checked, device, faults))
    overrides = {name: value for name, value in checked.circuit if value is not None}
    circuit = {name: value.value for name, value in overrides.items()}
    quantities |= {f"circuit.{name}": value for name, value in overrides.items()}
    faults += _misfits(checked, device, circuit, quantities)
    if faults:
        raise PointFileError(fault_text(path, faults))
    return OperatingPoint(
        name=checked.point.name,
        title=checked.point.title,
        summary=checked.point.summary,
        path=path,
        hash=content_hash(tables),
        devices=tuple(checked.point.device),
        temperature=quantities["temperature"].value,
        biases=FrozenMap({name: quantities[f"biases.{name}"].value for name in checked.biases}),
        codes=FrozenMap({n: (e["coarse"], e["fine"]) for n, e in checked.biases.items() if "coarse" in e}),
        circuit=FrozenMap(circuit),
        quantities=FrozenMap(quantities),
    )


def _quantities(checked: PointFile, device: DeviceSpec, faults: list[str]) -> Iterator[tuple[str, Quantity]]:
    """Every number of the file; one that is not usable goes to ``faults`` instead."""
    readers = [("point.temperature", "temperature", lambda: _temperature(checked.point.temperature))]
    for name, entry in checked.biases.items():
        readers.append((f"biases.{name}", f"biases.{name}", lambda n=name, e=entry: _asked(n, e, device, checked)))
    for shown, key, read in readers:
        try:
            yield key, read()
        except (ValueError, InputError) as fault:
            faults.append(f"{shorten(shown)}: {fault}")


def _temperature(text: str) -> Quantity:
    return Quantity(_in_range(text, TEMPERATURE), "K", "assumed")


def _asked(name: str, entry: Any, device: DeviceSpec, checked: PointFile) -> Quantity:
    """Current asked of one bias."""
    if name not in device.biases:
        raise ValueError(unknown("bias", name, device.biases))
    table = provenance(entry, checked.references, ("current", "coarse", "fine"), _FORM)
    given = {"current", "coarse", "fine"} & table.keys()
    if given == {"current"}:
        generator = device.generators.get(name)
        largest = bias.span(generator)[1] if generator else LARGEST_CURRENT
        value = _in_range(table["current"], Limit("A", 0.0, largest))
    elif given == {"coarse", "fine"}:
        value = _coded(table["coarse"], table["fine"], device, name)
    else:
        raise ValueError(f"gives {', '.join(sorted(given)) or 'no current'}; write {_FORM}")
    return Quantity(value, "A", table["source"], table.get("note", ""))


def _coded(coarse: Any, fine: Any, device: DeviceSpec, name: str) -> float:
    if name not in device.generators:
        raise ValueError(f"a code has no meaning on {device.name}, which has no generator for it; write a current")
    if type(coarse) is not int or type(fine) is not int:
        raise ValueError(f"coarse = {shorten(repr(coarse))}, fine = {shorten(repr(fine))}: allowed whole numbers")
    return bias.current(device.generators[name], coarse, fine)


def _in_range(text: Any, limit: Limit) -> float:
    try:
        return number(text, limit)
    except UnitError as fault:
        raise ValueError(f"{fault}, {limit}") from None


def _misfits(
    checked: PointFile, device: DeviceSpec, circuit: Mapping[str, float], quantities: Mapping[str, Quantity]
) -> Iterator[str]:
    """Faults of the point as a whole on this device."""
    if not set(checked.point.device) & set(device.lineage):
        meant = ", ".join(checked.point.device)
        yield f"point.device: meant for {meant}; {device.name} is none of them and extends none of them"
    for name in device.modelled_biases:
        if name not in checked.biases:
            yield f"biases.{name}: missing; write {_FORM}"
    for name in circuit:
        if name not in device.circuit:
            yield f"circuit.{name}: {device.name} sets it by a bias, {device.register(name)}"
    try:
        check_current_order({**device.circuit, **_threshold(device, quantities), **circuit})
    except ValueError as fault:
        yield f"circuit: {fault}"


def _threshold(device: DeviceSpec, quantities: Mapping[str, Quantity]) -> dict[str, float]:
    """The spike threshold asked for by a bias, on devices where one sets it."""
    for name, entry in device.biases.items():
        if entry.parameter == "I_spkthr" and f"biases.{name}" in quantities:
            return {"I_spkthr": quantities[f"biases.{name}"].value}
    return {}
