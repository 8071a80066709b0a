"""Bias generators against the published features of their tables: ranges, slopes, drops, overlap, floors, factors."""

from collections.abc import Callable

import numpy as np

from chipemu import bias
from chipemu.bias_table import TableGenerator, factors, table_currents
from chipemu.device import DeviceSpec
from chipemu.validation.check import Check, Target, targets

_PUBLISHED = {32: (0.4, 3.4), 64: (1.5, 5.0), 96: (0.1, 1.2), 128: (0.3, 5.5), 160: (0.0, 0.7), 192: (0.5, 1.8),
              224: (0.0, 0.7)}  # fmt: skip
"""Smallest and largest drop over the ranges of the n-type table at multiples of 32 [%] (rockpool)."""


def plain_table(device: DeviceSpec, polarity: str) -> np.ndarray:
    """Table of the n or p type before the factor of a bias, (coarse, fine) [A]."""
    name = next(n for n, g in device.generators.items() if n.endswith(polarity.upper()))
    generator = device.generators[name]
    return table_currents(TableGenerator(generator.I_max, generator.floor, generator.drops, ((1e-12, 1.0),)))


def slope(row: np.ndarray) -> float:
    """Least-squares slope of one range [A per fine code]."""
    return float(np.polyfit(np.arange(len(row)), row, 1)[0])


def outside_published(table: np.ndarray, fine: int) -> float:
    """How far the drops at a fine code lie outside the published range, worst range of codes [%]."""
    drop = 100 * (1 - table[:, fine] / table[:, fine - 1])
    low, high = _PUBLISHED[fine]
    return float(np.maximum(low - drop, drop - high).clip(0).max())


def overlap(table: np.ndarray, coarse: int) -> int:
    """First fine code of the next range that is not below the largest current of this one."""
    return int(np.argmax(table[coarse + 1] >= table[coarse].max()))


def _of_table(device: DeviceSpec, line: Target) -> float:
    what, _, which = line.check.rpartition(", ")
    coded = {"largest current": lambda row: row.max(), "slope of the fine code": slope}
    if what in coded:
        return coded[what](plain_table(device, which)[int(line.drive)])
    table = plain_table(device, "n" if line.check.startswith(("drop", "overlap")) else which)
    others: dict[str, Callable[[], float]] = {
        "floor": lambda: table.min(),
        "drop": lambda: outside_published(table, int(line.drive)),
        "overlap": lambda: overlap(table, int(line.drive)),
    }
    return others[what or line.check]()


def _of_register(device: DeviceSpec, line: Target) -> float:
    name = line.check.rpartition(" ")[2]
    generator = device.generators[name]
    if line.check.startswith("factor"):
        return float(factors(generator, np.array([line.drive * 1e-12]))[0])
    coarse = int(line.drive_unit.rpartition(" ")[2])
    return bias.current(generator, coarse, int(line.drive))


def _scaled(value: float, unit: str) -> float:
    return value * {"pA": 1e12, "nA": 1e9}.get(unit, 1.0)


def run(device: DeviceSpec) -> list[Check]:
    """Rows of this module for the kind of generator that the device has; none for exact currents."""
    if not device.generators:
        return []
    checks = []
    if device.bias_generator is not None:
        table = bias.currents(device.bias_generator)
        lines = targets("biases", "largest current of a range")
        return [line.compare(_scaled(table[int(line.drive)].max(), line.unit)) for line in lines]
    for line in targets("biases"):
        if line.operating_point == "table":
            got = (_of_register if "_" in line.check else _of_table)(device, line)
            checks.append(line.compare(_scaled(got, line.unit)))
    return checks
