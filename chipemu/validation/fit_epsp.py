"""Fit of three biases to measured EPSP heights: ``python -m chipemu.validation.fit_epsp``.

Fitted: gain of the soma, current of one AMPA word, gain of the AMPA synapse. The soma gain sets where the voltage
turns from linear to logarithmic, the word sets the step, and the synapse gain sets how far the first words fall
behind: the DPI starts exponentially from the leakage floor up to its gain current. The data show no such foot, so the
synapse gain goes to its lower bound, the leakage floor I0. Everything else stays as
``devices/points/epsp-fit.toml`` says.
"""

import dataclasses
import sys

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from chipemu.device import DeviceSpec, OperatingPoint, load_device, load_point
from chipemu.units import show
from chipemu.validation.check import target, targets
from chipemu.validation.synapse import epsp_peaks

POINT = "epsp-fit"
START = {"IF_THR_N": 1e-9, "PS_WEIGHT_EXC_F_N": 20e-9, "NPDPIE_THR_F_P": 30e-12}  # A
_UPPER = {"IF_THR_N": 20e-9, "PS_WEIGHT_EXC_F_N": 1e-6, "NPDPIE_THR_F_P": 1e-9}  # A; where one word saturates the cell
_SPIKE = 0.5  # V; what a spike counts as, so that the fit leaves the region where the cell fires
_RANGE = 1e-3  # smallest current tried, as a fraction of START, where the leakage floor is not higher


def with_biases(point: OperatingPoint, biases: dict[str, float]) -> OperatingPoint:
    """The point with some currents [A] replaced."""
    return dataclasses.replace(point, biases={**point.biases, **biases})


def fit(device: DeviceSpec, point: OperatingPoint) -> tuple[dict[str, float], float]:
    """Biases [A] that bring the EPSP peaks closest to the measured ones, and the RMS deviation left [V]."""
    lines = targets("epsp_words")
    words = [int(line.drive) for line in lines]
    measured = np.array([line.expected for line in lines]) * 1e-3
    names = list(START)

    def deviation(log_current: np.ndarray) -> np.ndarray:
        biases = dict(zip(names, np.exp(log_current), strict=True))
        peaks = epsp_peaks(device, with_biases(point, biases), words)
        return (np.minimum(peaks, _SPIKE) - measured) * 1e3

    floor = device.circuit["I0"]
    lower = np.log([max(START[name] * _RANGE, floor) for name in names])
    upper = np.log([_UPPER[name] for name in names])
    start = np.log(list(START.values()))
    found: OptimizeResult = least_squares(deviation, start, bounds=(lower, upper), diff_step=1e-3)
    return dict(zip(names, np.exp(found.x), strict=True)), float(np.sqrt(np.mean(found.fun**2))) * 1e-3


def main() -> int:
    """Print the fitted biases and the curve; return the exit code."""
    device = load_device("dynapse1")
    point = load_point(POINT, device)
    biases, rms = fit(device, point)
    for name, current in biases.items():
        print(f"{name:<18} {show(current, 'A'):>10}   in {point.path}: {show(point.biases[name], 'A')}")
    print("words  measured  fitted")
    lines = targets("epsp_words")
    peaks = epsp_peaks(device, with_biases(point, biases), [int(line.drive) for line in lines])
    for line, peak in zip(lines, peaks, strict=True):
        print(f"{line.drive:>5g} {line.expected:>6g} mV {peak * 1e3:>5.1f} mV")
    allowed = target("synapse", "EPSP peak against words, RMS").tolerance
    print(f"RMS deviation {show(rms, 'V')} (allowed {allowed:g} mV)")
    return 0 if rms * 1e3 <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
