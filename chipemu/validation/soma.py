"""The soma against closed forms and published curves: firing against input current, rheobase, decay of the membrane."""

import numpy as np

from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.validation.check import Check, target, targets
from chipemu.validation.testbench import bench, cells, counted_rates, dies, set_dc, silence

SETTLE, COUNT = 1.0, 2.0  # s; the reference table counts spikes from 1 s to 3 s
_LONG_RUN = 5.0  # s; just above the rheobase a spike takes a fraction of a second
_CANDIDATES = 8


def firing_rates(device: DeviceSpec, point: OperatingPoint, currents) -> np.ndarray:
    """Firing rate of one neuron under each constant input current.

    Parameters
    ----------
    device, point
        Where.
    currents : (n,) array
        Input current [A], added by the DC bias.

    Returns
    -------
    (n,) array
        Spikes counted from 1 s to 3 s [Hz].
    """
    currents = np.asarray(currents, float)
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0] * len(currents)), dc=currents)
    emulator.advance(silence(emulator, SETTLE), SETTLE)
    return counted_rates(emulator, silence(emulator, COUNT), COUNT)[:, 0]


def rheobase(device: DeviceSpec, point: OperatingPoint, low: float, high: float, precision: float = 1e-3) -> float:
    """Smallest constant input current that makes a neuron fire.

    The bracket is divided by several currents at once, until its relative width is below ``precision``.

    Parameters
    ----------
    device, point
        Where.
    low, high
        Bracket: silent and firing [A].

    Returns
    -------
    float
        Middle of the last bracket [A]; NaN if the first holds no onset.
    """
    mapped = cells(device, point, 1)
    while high - low > precision * low:
        currents = np.linspace(low, high, _CANDIDATES)
        emulator = bench(mapped, point, dies(device, point, [0] * _CANDIDATES), dc=currents)
        fires = emulator.advance(silence(emulator, _LONG_RUN), _LONG_RUN).count[:, 0] > 0
        if fires[0] or not fires[-1]:
            return np.nan
        onset = int(np.argmax(fires))
        low, high = currents[onset - 1], currents[onset]
    return (low + high) / 2


def decay_slope(device: DeviceSpec, point: OperatingPoint, dc: float = 450e-12) -> float:
    """Slope of the membrane voltage after a constant current is switched off [V/s].

    The current holds the membrane far above the soma gain; there the voltage falls as a straight line,
    C dV/dt = -I_tau.
    """
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0]), dc=[dc])
    emulator.advance(silence(emulator, 1.0), 1.0)
    set_dc(emulator, [0.0])
    recording = emulator.run(silence(emulator, 8e-3), 8e-3, ("V_mem",))
    return float(np.polyfit(recording.time.values, recording.V_mem.values[0, 0], 1)[0])


def _curve(device: DeviceSpec) -> list[Check]:
    lines = targets("soma", "f-I")
    checks = []
    for name in dict.fromkeys(line.operating_point for line in lines):
        mine = [line for line in lines if line.operating_point == name]
        rates = firing_rates(device, load_point(name, device), [line.drive * 1e-12 for line in mine])
        checks += [line.compare(rate) for line, rate in zip(mine, rates, strict=True)]
    return checks


def _onsets(device: DeviceSpec) -> list[Check]:
    checks = []
    for line in targets("soma", "rheobase"):
        expected = line.expected * 1e-12
        found = rheobase(device, load_point(line.operating_point, device), 0.7 * expected, 1.3 * expected)
        checks.append(line.compare(found * 1e12))
    return checks


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module."""
    slope = target("soma", "membrane decay slope after DC")
    return [
        *_curve(device),
        *_onsets(device),
        slope.compare(decay_slope(device, load_point(slope.operating_point, device))),
    ]
