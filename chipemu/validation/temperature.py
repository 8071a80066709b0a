"""What temperature does to a die: leakage, time constants under each kind of bias generator, and day against night."""

from dataclasses import replace

import numpy as np

from chipemu.device import DeviceSpec, OperatingPoint
from chipemu.temperature import bias_ratio
from chipemu.validation.check import Check, target
from chipemu.validation.mismatch import EFFECTS, membrane_time_constants
from chipemu.validation.testbench import bench, cells, dies, law_point, one_event, silence

_SPAN = 20.0  # K
_WORDS = 48  # enough charge to stay far above the leakage
_DIES = (1, 2, 3, 4, 5)


def resting_doubling(device: DeviceSpec, point: OperatingPoint) -> float:
    """Warming at which the current of a membrane at rest, which is the leakage, has doubled [K]."""
    at_rest = []
    for warmer in (0.0, _SPAN):
        emulator = bench(
            cells(device, point, 1), point, dies(device, point, [0], ["temperature"], warmer=warmer), dc=[0.0]
        )
        recording = emulator.run(silence(emulator, 0.1), 0.1, ("I_mem",), every=0.1)
        at_rest.append(float(recording.I_mem.values[0, 0, -1]))
    return _SPAN * np.log(2) / np.log(at_rest[1] / at_rest[0])


def decay_change(device: DeviceSpec, point: OperatingPoint, bias_kind: str) -> float:
    """Relative change of the time constant of AMPA per kelvin where generators are of a kind [1/K].

    A device that says nothing of generators holds its currents.
    """
    law = device.temperature and replace(device.temperature, bias_kind=bias_kind)
    spec = replace(device, temperature=law)
    rates = []
    for warmer in (0.0, _SPAN):
        mapped = cells(spec, point, 1, words=_WORDS)
        emulator = bench(mapped, point, dies(spec, point, [0], ["temperature"], warmer=warmer))
        recording = emulator.run(one_event(0.0), 10e-3, ("I_ampa",), every=1e-3)
        rates.append(-np.polyfit(recording.time.values, np.log(recording.I_ampa.values[0, 0]), 1)[0])
    return float(np.log(rates[0] / rates[1]) / _SPAN)


def gate_voltage_change(device: DeviceSpec, point: OperatingPoint, current: float, warmer: float) -> float:
    """Relative change of a bias whose gate voltage is fixed."""
    law = replace(device.temperature, bias_kind="fixed_voltage", per_kelvin={})
    kelvin = point.temperature
    kappa = device.circuit["kappa"]
    return float(bias_ratio(law, kappa, "", np.array(current), kelvin + warmer, kelvin)) - 1


def day_shift(device: DeviceSpec, point: OperatingPoint) -> tuple[float, float]:
    """Shift of the median of tau_mem over 10 K, relative, and the same in standard deviations of one core."""
    effects = (*EFFECTS, "temperature")
    night = membrane_time_constants(device, point, _DIES, effects)
    day = membrane_time_constants(device, point, _DIES, effects, warmer=10.0)
    moved = np.median(day, 1) - np.median(night, 1)
    return float(np.mean(moved / np.median(night, 1))), float(np.mean(moved / night.std(1)))


def _decay(device: DeviceSpec, point: OperatingPoint, kind: str) -> Check:
    row = target("temperature", f"tau_syn per kelvin, {kind} biases")
    return row.compare(100 * decay_change(device, point, kind))


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module; where the device does not say what temperature does to currents, of the circuits."""
    point = law_point("mismatch-fit", device)
    checks = [_decay(device, point, "constant")]
    if device.temperature is None:
        return checks
    checks.append(_decay(device, point, "ptat"))
    checks.append(target("temperature", "warming that doubles the leakage").compare(resting_doubling(device, point)))
    row = target("temperature", "bias at fixed gate voltage over 5 K")
    checks.append(row.compare(100 * gate_voltage_change(device, point, row.drive * 1e-12, 5.0)))
    # measured on DYNAP-SE1: no row where the device file gives the leak no change of its own
    if device.mismatch.within_core["I_tau"] > 0 and device.register("I_tau") in device.temperature.per_kelvin:
        relative, sigmas = day_shift(device, point)
        checks.append(target("temperature", "tau_mem over 10 K").compare(100 * relative))
        checks.append(target("temperature", "tau_mem over 10 K, in sigmas").compare(sigmas))
    return checks
