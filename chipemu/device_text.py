"""Devices and operating points as tables that fit a terminal of 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from chipemu.device_latches import LATCHES, Latch
from chipemu.quantity import Quantity

if TYPE_CHECKING:
    from chipemu.device import DeviceSpec
    from chipemu.operating_point import OperatingPoint

WIDTH = 100
_HEADINGS = {
    "chip": "capacities",
    "routing": "routing",
    "bias_generator": "bias generator",
    "circuit": "circuit constants",
    "mismatch": "mismatch, standard deviation of ln(current)",
    "transistors": "transistors that copy biases, and process corners",
    "noise": "noise",
    "temperature": "temperature: leakage, and what biases do",
    "drift": "drift of biases with age",
    "trim": "trimming cells of every neuron",
    "plastic": "plastic synapses",
    "traces": "spike traces of every neuron that plastic synapses read",
    "defects": "dead and stuck elements, fraction of all",
    "store": "what plastic synapses keep their weight in",
    "energy": "energy of an event's operations",
    "homeostasis": "homeostasis (equation not published: modelling choice)",
    "depression": "short-term depression (equation not published: modelling choice)",
    "delays": "delays (curve not published: modelling choice)",
    "power": "power without events, and the time an event takes",
}


def device_text(device: DeviceSpec) -> str:
    """Table of a device: every number with unit and source, and the registers.

    Parameters
    ----------
    device : DeviceSpec
        What is shown.

    Returns
    -------
    str
        Lines of at most 100 columns.
    """
    lines = [device.title, f"  {device.name}, {device.path}, {device.hash[:12]}", *_wrap(device.summary)]
    for section, heading in _HEADINGS.items():
        rows = [(key, value) for key, value in device.quantities.items() if key.split(".")[0] == section]
        if rows:
            lines += ["", heading, *_rows((key.split(".", 1)[1], value) for key, value in rows)]
    lines += ["", "biases", *_bias_rows(device)]
    if device.latches:
        lines += ["", "latches (names published, circuits not: what they do is a modelling choice)"]
        lines += [line for latch in device.latches.values() for line in _latch_rows(latch)]
    signals = _wrap(f"local signals: {', '.join(device.signals) or 'none'}", f"weights: {device.weights};  ")
    lines += ["", *signals]
    lines += ["not modelled:", *(line for item in device.not_modelled for line in _wrap(item, "  - "))]
    lines += ["sources:", *(line for key, text in device.references.items() for line in _wrap(f"{key}: {text}"))]
    return "\n".join(lines)


def point_text(point: OperatingPoint) -> str:
    """Table of an operating point: every current with its source.

    Parameters
    ----------
    point : OperatingPoint
        What is shown.

    Returns
    -------
    str
        Lines of at most 100 columns.
    """
    lines = [point.title, f"  {point.name}, {point.path}, {point.hash[:12]}", *_wrap(point.summary)]
    rows = _rows((key.removeprefix("biases."), value) for key, value in point.quantities.items())
    return "\n".join([*lines, "", *rows])


def _rows(rows: Iterable[tuple[str, Quantity]]) -> Iterator[str]:
    """Name, value, source, note; a long value takes lines of its own."""
    rows = list(rows)
    wide = max(len(name) for name, _ in rows)
    for name, quantity in rows:
        value = str(quantity)
        if len(value) > 14:
            yield from _wrap(value, f"  {name:<{wide}}  ")
            name, value = "", ""
        yield from _wrap(quantity.note, f"  {name:<{wide}}  {value:<14}  {quantity.source:<18}  ")


def _bias_rows(device: DeviceSpec) -> Iterator[str]:
    for name, entry in device.biases.items():
        yield from _wrap(entry.summary, f"  {name:<18}  {entry.parameter or '(no effect)':<14}  ")


def _latch_rows(latch: Latch) -> Iterator[str]:
    state = "set" if latch.default else "not set"
    note = f"; {latch.note}" if latch.note else ""
    text = f"{LATCHES[latch.name]} ({latch.register}, {latch.source}{note})"
    return iter(_wrap(text, f"  {latch.name:<18}  {state:<14}  "))


def _wrap(text: str, first: str = "  ") -> list[str]:
    """Lines of at most WIDTH columns; the ones after the first are indented to where the text began."""
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first)) or [first.rstrip()]
