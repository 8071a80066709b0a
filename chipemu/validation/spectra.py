"""Spectra of noise against closed forms: flicker of each current, the supply of a core, and the thermal Lorentzian."""

from collections.abc import Sequence

import numpy as np
from scipy import constants, optimize, signal

from chipemu.device import DeviceSpec, OperatingPoint
from chipemu.emulator import Emulator
from chipemu.kernels import layout as at
from chipemu.kernels.die import Probes
from chipemu.kernels.layout import LANES
from chipemu.slow_noise import TICK, flicker_level, flicker_processes
from chipemu.temperature import ROOM
from chipemu.units import PA, thermal_voltage
from chipemu.validation.check import Check, targets
from chipemu.validation.testbench import bench, cells, dies, holding_current, law_point, parameters, silence
from chipemu.wiring import Lanes

_FLICKER_DURATION, _SEGMENT, _PER_DECADE = 400.0, 200.0, 5  # s, s, bands of the fit
_THERMAL_DURATION, _THERMAL_SEGMENT, _EVERY = 8.0, 2.0, 1e-3  # s
_HELD = 200e-12  # A, membrane current of the fixed point


def log_factors(emulator: Emulator, fields: Sequence[int], duration: float) -> np.ndarray:
    """ln of the slow factors that a tick sets, (field, run, neuron, tick)."""
    every = max(1, round(TICK / emulator.dt))
    lanes, n = Lanes(emulator.mapped), emulator.mapped.n_neurons
    index = np.concatenate([lanes.base(np.arange(n)) + field * LANES for field in fields])
    samples = round(duration / emulator.dt) // every
    values = np.zeros((emulator.n_runs, len(index), samples), emulator.state.dtype)
    emulator.advance(silence(emulator, duration), duration, probes=Probes(index, every, values))
    return np.log(values).reshape(emulator.n_runs, len(fields), n, samples).swapaxes(0, 1)


def _slow(device: DeviceSpec, point: OperatingPoint, effect: str, n: int, seeds: int, precision="float32") -> Emulator:
    chips = dies(device, point, (1,), (effect,))
    return bench(cells(device, point, n), point, chips, noise_seeds=range(seeds), precision=precision)


def flicker_fit(device: DeviceSpec, point: OperatingPoint) -> tuple[float, float]:
    """Exponent of the flicker spectrum over the device's, and its density over that of the transistor."""
    noise = device.noise
    emulator = _slow(device, point, "flicker_noise", 32, 1)
    series = log_factors(emulator, (at.SLOW_INPUT, at.SLOW_LEAK), _FLICKER_DURATION).reshape(64, -1)
    f, density = signal.welch(series, 1 / TICK, nperseg=round(_SEGMENT / TICK))
    band = (f >= noise.flicker_low) & (f <= noise.flicker_high)
    f, density = f[band], density.mean(0)[band]
    group = np.floor(np.log10(f / f[0]) * _PER_DECADE).astype(int)
    # the median frequency of a band stands for it: the mean of the logarithms, as the spectrum is a power law
    n = np.maximum(np.bincount(group), 1)
    used = np.bincount(group) > 0
    log_f = (np.bincount(group, np.log(f)) / n)[used]
    log_s = (np.bincount(group, np.log(density)) / n)[used]
    exponent = -np.polyfit(log_f, log_s, 1)[0]
    level = flicker_level(noise, device.circuit["kappa"], ROOM)
    over = np.exp(np.mean(log_s - np.log(level) + noise.flicker_exponent * log_f))
    return float(exponent / noise.flicker_exponent), float(over)


def flicker_variance(device: DeviceSpec, point: OperatingPoint) -> float:
    """Variance of ln(current) over many neurons at the start of a run, over the sum of the processes."""
    emulator = _slow(device, point, "flicker_noise", 256, 32)
    values = log_factors(emulator, (at.SLOW_INPUT, at.SLOW_LEAK), TICK)
    level = flicker_level(device.noise, device.circuit["kappa"], ROOM)
    return float(np.mean(values**2) / flicker_processes(device.noise, level)[1].sum())


def supply(device: DeviceSpec, point: OperatingPoint) -> tuple[float, float, float, float]:
    """Standard deviation over the device's; correlations in a core, of input and leak, and between cores."""
    emulator = _slow(device, point, "supply_noise", device.chip.n_neurons_per_core + 44, 32, "float64")
    on_input, on_leak = log_factors(emulator, (at.SLOW_INPUT, at.SLOW_LEAK), 200 * device.noise.supply_tau)
    core = emulator.mapped.address[:, 0]
    first, last = (np.flatnonzero(core == c) for c in (core[0], core[-1]))
    one = on_input[:, first[0]].ravel()

    def correlation(other: np.ndarray) -> float:
        return float(np.corrcoef(one, other.ravel())[0, 1])

    return (
        float(one.std() / device.noise.supply_std),
        correlation(on_input[:, first[-1]]),
        correlation(on_leak[:, first[0]]),
        correlation(on_input[:, last[0]]),
    )


def thermal_corner(device: DeviceSpec, point: OperatingPoint) -> float:
    """Corner of the Lorentzian of ln I_mem around a fixed point, over 1 / (2 pi tau (1 + I_gain / I_mem))."""
    chips = dies(device, point, (1, 2, 3, 4), ("thermal_noise",))
    dc = [holding_current(device, point, _HELD)] * len(chips)
    emulator = bench(cells(device, point, 64), point, chips, dc=dc, precision="float32")
    emulator.advance(silence(emulator, 0.3), 0.3)
    events = silence(emulator, _THERMAL_DURATION)
    current = emulator.run(events, _THERMAL_DURATION, ("I_mem",), every=_EVERY).I_mem.values
    f, density = signal.welch(np.log(current), 1 / _EVERY, nperseg=round(_THERMAL_SEGMENT / _EVERY))
    density = density.mean((0, 1))
    value = parameters(device, point)
    tau = value["C_mem"] * thermal_voltage(point.temperature) / (value["kappa"] * value["I_tau"])
    expected = 1 / (2 * np.pi * tau * (1 + value["I_gain"] / _HELD))
    # from the third line on (the window smears those before) to well above the corner, below half the sampling rate
    band = (f >= 3 / _THERMAL_SEGMENT) & (f <= 20 * expected)

    def law(f, log_density, log_corner):
        return log_density - np.log1p((f / np.exp(log_corner)) ** 2)

    (_, log_corner), _ = optimize.curve_fit(law, f[band], np.log(density[band]), (np.log(density[1]), np.log(expected)))
    return float(np.exp(log_corner) / expected)


def thermal_charge(device: DeviceSpec, point: OperatingPoint) -> float:
    """Variance of the charge that thermal noise brings in a step, over that of shot noise times eta kappa.

    Leak and the input that balances it each bring 2 q I_tau (one-sided), that is q I_tau dt of variance in a step; the
    emulator's white noise of kT/C brings eta kappa times their sum.
    """
    emulator = bench(cells(device, point, 1), point, dies(device, point, (1,), ("thermal_noise",)))
    lanes = Lanes(emulator.mapped)
    kick, per_charge, leak = (
        float(lanes.fields(emulator.state, field)[0, 0]) for field in (at.MEMBRANE_KICK, at.STEP_PER_CHARGE, at.I_TAU)
    )
    current = kick / per_charge / PA  # A, mean over the step
    shot = 2 * constants.e * leak / PA / emulator.dt  # A^2, of both currents
    return current**2 / (shot * device.noise.thermal_eta * parameters(device, point)["kappa"])


def _measured(device: DeviceSpec, point: OperatingPoint) -> dict[str, float]:
    """What was measured, by row, for the effects that the device has."""
    got, noise = {}, device.noise
    if noise.flicker_K > 0:
        exponent, density = flicker_fit(device, point)
        got["flicker, exponent of the spectrum over the device's"] = exponent
        got["flicker, density over K / (C_gate f)"] = density
        got["flicker, variance over that of its processes"] = flicker_variance(device, point)
    if noise.supply_std > 0:
        std, in_core, in_neuron, between = supply(device, point)
        got["supply noise, standard deviation over the device's"] = std
        got["supply noise, correlation in a core"] = in_core
        got["supply noise, correlation of input and leak"] = in_neuron
        got["supply noise, correlation between cores"] = between
    if noise.thermal_eta > 0:
        got["thermal noise, corner of the spectrum over closed form"] = thermal_corner(device, point)
        got["thermal noise, charge over shot noise"] = thermal_charge(device, point)
    return got


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module that the device has noise for."""
    lines = {line.check: line for line in targets("spectra")}
    if not (device.noise.flicker_K or device.noise.supply_std or device.noise.thermal_eta):
        return []
    (name,) = {line.operating_point for line in lines.values()}
    return [lines[check].compare(got) for check, got in _measured(device, law_point(name, device)).items()]
