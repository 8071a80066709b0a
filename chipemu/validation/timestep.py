"""Error of the time step: firing rates at the default step against a converged solution of the same equations.

The converged rates stand in ``data/reference/timestep.csv``; ``python -m chipemu.validation.timestep --write`` computes
them anew with ``converged.py`` (SciPy, stiff solver), which gets the same input events on the same time grid.
"""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chipemu.device import DeviceSpec, load_device, load_point
from chipemu.emulator import DEFAULT_DT
from chipemu.kernels.die import Events
from chipemu.stimulus import poisson
from chipemu.validation.check import COLUMNS, Check, Target, targets
from chipemu.validation.converged import neuron, spike_times
from chipemu.validation.testbench import bench, cells, dies, parameters, silence

CSV_NAME = "reference/timestep.csv"
DC, POISSON = "rate under DC", "rate under Poisson input"
WORDS = 12
CASES = (
    *((DC, "ds-fi", current, "pA") for current in (217, 220, 245, 395, 1000)),
    *((DC, "ds-fi-no-feedback", current, "pA") for current in (506, 530, 780, 2000)),
    *((POISSON, "mismatch-fit", rate, "Hz") for rate in (42, 80, 150, 250, 400, 800)),
)
RELATIVE_TOLERANCE = 0.01
_DC_DURATION = 2.0  # s; periodic after the first spike
_N_EVENTS = 6000  # of Poisson input: hundreds of spikes, so that one more or less is below the tolerance
_SEED = 1


def _drive(check: str, drive: float) -> tuple[float, float, Events | None]:
    """Constant current [A], duration [s] and input events of a case."""
    if check == DC:
        return drive * 1e-12, _DC_DURATION, None
    duration = round(_N_EVENTS / drive, 3)
    return 0.0, duration, poisson([[drive]], duration, DEFAULT_DT, _SEED)


def mean_rate(times: np.ndarray) -> float:
    """Inverse of the mean inter-spike interval [Hz]; 0 below two spikes."""
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else 0.0


def emulated_rate(device: DeviceSpec, check: str, point_name: str, drive: float, precision: str = "float32") -> float:
    """Firing rate of the emulator at its default time step [Hz]."""
    point = load_point(point_name, device)
    dc, duration, events = _drive(check, drive)
    mapped = cells(device, point, 1, words=WORDS if events is not None else 0)
    emulator = bench(mapped, point, dies(device, point, [0]), dc=[dc], precision=precision)
    recording = emulator.run(events if events is not None else silence(emulator, duration), duration)
    return mean_rate(recording.spike_time.values)


def converged_rate(device: DeviceSpec, check: str, point_name: str, drive: float) -> float:
    """Firing rate of the converged solution under the same drive [Hz]."""
    point = load_point(point_name, device)
    dc, duration, events = _drive(check, drive)
    arrivals = [] if events is None else events.step * DEFAULT_DT * 1e3
    cell = neuron(parameters(device, point), point.temperature)
    return mean_rate(spike_times(cell, dc * 1e12, arrivals, WORDS, duration * 1e3) * 1e-3)


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module."""
    return [
        line.compare(emulated_rate(device, line.check, line.operating_point, line.drive))
        for line in targets("timestep")
    ]


def _line(device: DeviceSpec, check: str, point: str, drive: float, unit: str) -> Target:
    rate = converged_rate(device, check, point, drive)
    source = "computed by python -m chipemu.validation.timestep: SciPy LSODA at 1e-9, same events and charge map"
    if check == POISSON:
        source += f"; {_N_EVENTS} events on average through {WORDS} words, seed {_SEED}"
    return Target(check, point, drive, unit, round(rate, 4), round(RELATIVE_TOLERANCE * rate, 4), "Hz", source)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the converged rates, print them beside the stored ones, and write them if asked."""
    parser = argparse.ArgumentParser(prog="python -m chipemu.validation.timestep", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help=f"rewrite data/{CSV_NAME} of this checkout")
    options = parser.parse_args(arguments)
    device = load_device("dynapse1")
    lines = []
    for case in CASES:
        lines.append(_line(device, *case))
        print(f"{lines[-1].name} at {lines[-1].operating_point}: {lines[-1].expected:g} Hz", flush=True)
    if options.write:
        path = Path(__file__).resolve().parents[2] / "data" / CSV_NAME
        if not path.parent.is_dir():
            parser.error(f"{path.parent} is not a folder; run this in a checkout of chipemu")
        temporary = path.with_suffix(".csv.tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows([getattr(line, column) for column in COLUMNS] for line in lines)
        os.replace(temporary, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
