"""Noise in time against closed forms: thermal noise of the membrane, and the slow noise of the input current."""

import numpy as np
from scipy import constants

from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.emulator import Emulator
from chipemu.kernels import layout as at
from chipemu.units import thermal_voltage
from chipemu.validation.check import Check, target
from chipemu.validation.testbench import bench, cells, dies, holding_current, parameters, silence
from chipemu.wiring import Lanes

_N_NEURONS, _DIES = 256, (1, 2, 3, 4)
_SETTLE, _DURATION = 0.3, 1.0  # s
HELD = 200e-12  # A, membrane current of the fixed point


def closed_form_variance(device: DeviceSpec, point: OperatingPoint, i_mem: float) -> float:
    """Stationary variance of ln I_mem around a fixed point.

    On the capacitor sigma_V^2 = eta k T / C relaxes with tau = C U_T / (kappa I_tau). In x = ln I_mem the white noise
    is 2 (kappa sigma_V / U_T)^2 / tau, and the linearised soma relaxes with tau (1 + I_gain / I_mem), so

        var x = (kappa / U_T)^2 (eta k T / C) (1 + I_gain / I_mem).
    """
    value = parameters(device, point)
    sigma_v = np.sqrt(device.noise.thermal_eta * constants.k * point.temperature / value["C_mem"])
    per_volt = value["kappa"] / thermal_voltage(point.temperature)
    return float((per_volt * sigma_v) ** 2 * (1 + value["I_gain"] / i_mem))


def _held(device: DeviceSpec, point: OperatingPoint, effect: str) -> Emulator:
    """Neurons held at a fixed point by a constant current, with one kind of noise, after settling."""
    dc = [holding_current(device, point, HELD)] * len(_DIES)
    chips = dies(device, point, _DIES, (effect,))
    emulator = bench(cells(device, point, _N_NEURONS), point, chips, dc=dc, precision="float32")
    emulator.advance(silence(emulator, _SETTLE), _SETTLE)
    return emulator


def thermal_variance(device: DeviceSpec, point: OperatingPoint) -> float:
    """Variance of ln I_mem over time and neurons around the fixed point."""
    emulator = _held(device, point, "thermal_noise")
    recording = emulator.run(silence(emulator, _DURATION), _DURATION, ("I_mem",), every=20e-3)
    return float(np.log(recording.I_mem.values).var())


def input_noise(device: DeviceSpec, point: OperatingPoint) -> tuple[float, float]:
    """Standard deviation of the factor on the input current, and its correlation time [s]."""
    emulator = _held(device, point, "input_noise")
    lanes, lag = Lanes(emulator.mapped), 2e-3
    samples = []
    for _ in range(round(_DURATION / lag)):
        emulator.advance(silence(emulator, lag), lag)
        samples.append(lanes.fields(emulator.state, at.INPUT_NOISE).astype(float))
    factor = np.stack(samples)
    correlation = np.mean(factor[1:] * factor[:-1]) / np.mean(factor**2)
    return float(factor.std()), float(-lag / np.log(correlation))


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module that the device has noise for."""
    checks = []
    if device.noise.thermal_eta > 0:
        line = target("noise", "variance of ln I_mem over closed form")
        point = load_point(line.operating_point, device)
        checks.append(line.compare(thermal_variance(device, point) / closed_form_variance(device, point, HELD)))
    if device.noise.input_std > 0:
        std, time = target("noise", "input noise, standard deviation"), target("noise", "input noise, correlation time")
        got_std, got_time = input_noise(device, load_point(std.operating_point, device))
        checks += [std.compare(got_std), time.compare(1e3 * got_time)]
    return checks
