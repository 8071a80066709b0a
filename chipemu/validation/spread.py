"""The spread from neuron to neuron: against current, against area, over the die, and at process corners.

Statistical rows give the Kolmogorov-Smirnov distance over its critical value at a level of 0.1 %: 1 and below passes.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats

from chipemu.chip import Chip, sample_chip
from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.effects import EFFECTS
from chipemu.frozen_map import FrozenMap
from chipemu.transistor import current_sigma, inversion_coefficient, threshold_sigma
from chipemu.validation.check import Check, target, targets
from chipemu.validation.mismatch import N_NEURONS, median_cv
from chipemu.validation.testbench import bench, cells, holding_current, one_event, parameters, set_dc, silence

_WITHIN = ("mismatch_within_core",)
_AREAS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # um^2
_HIGH, _REST = 200e-12, 30e-12  # A, membrane before a decay, and under an EPSP
_WINDOW, _SETTLE = 8e-3, 0.5  # s
_LEVEL = 1e-3
_WORDS = 48  # enough charge to stay far above the leakage
_KAPPA, _U_T, _A_VT = 0.705, 25.69e-3, 4e-9  # of the published table


def chips_with(
    device: DeviceSpec, point: OperatingPoint, seeds: Sequence[int], effects=_WITHIN, **options
) -> list[Chip]:
    """Dies at the point's temperature with these effects alone; ``options`` as of `sample_chip`."""
    without = [name for name in EFFECTS if name not in effects]
    return [sample_chip(device, seed, without=without, temperature=point.temperature, **options) for seed in seeds]


def leak_of(device: DeviceSpec, point: OperatingPoint, tau: float | np.ndarray) -> float | np.ndarray:
    """Leak current of a membrane time constant by design, C U_T / (kappa tau) [A]."""
    value = parameters(device, point)
    return value["I_tau"] * time_constant(device, point) / tau


def time_constant(device: DeviceSpec, point: OperatingPoint) -> float:
    """Membrane time constant of a point by design [s]."""
    value = parameters(device, point)
    u_t = point.temperature * 1.380649e-23 / 1.602176634e-19
    return value["C_mem"] * u_t / (value["kappa"] * value["I_tau"])


def decay_times(
    device: DeviceSpec, point: OperatingPoint, chips: Sequence[Chip], leak: float | Sequence[float]
) -> np.ndarray:
    """tau_mem (chip, neuron) [s] from the fall of V_mem, where each chip's cores are sent ``leak`` [A].

    Without input d ln I_mem / dt = -1 / tau, but for the leakage, which slows it by a hundredth.
    """
    leak = np.broadcast_to(np.asarray(leak, float), len(chips))
    emulator = bench(cells(device, point, N_NEURONS), point, chips)
    setting = emulator.setting
    currents = setting.currents.copy()
    register = next(name for name, bias in device.biases.items() if bias.parameter == "I_tau")
    currents[:, :, setting.index(register)] = leak[:, None]
    emulator.set_biases(dataclasses.replace(setting, currents=currents))
    gain = parameters(device, point)["I_gain"]
    set_dc(emulator, leak * (1 + _HIGH / gain))
    emulator.advance(silence(emulator, _SETTLE), _SETTLE)
    set_dc(emulator, [0.0] * len(chips))
    recording = emulator.run(silence(emulator, _WINDOW), _WINDOW, ("I_mem",), every=1e-3)
    x, time = np.log(recording.I_mem.values), recording.time.values
    centred = time - time.mean()
    return -(centred @ centred) / (x @ centred)


def cv_against_tau(
    device: DeviceSpec, point: OperatingPoint, taus: Sequence[float], model: str, seeds: Sequence[int]
) -> np.ndarray:
    """CV of tau_mem over 256 neurons at each time constant [s], median over dies, fraction."""
    n = len(seeds)
    chips = chips_with(device, point, seeds, mismatch_model=model) * len(taus)
    leaks = np.repeat([leak_of(device, point, tau) for tau in taus], n)
    found = decay_times(device, point, chips, leaks).reshape(len(taus), n, -1)
    return np.array([median_cv(one) for one in found])


def measured_cvs() -> list[tuple[float, float]]:
    """Time constants [s] and their coefficient of variation on silicon, fraction."""
    return [(1e-3 * line.drive, 1e-2 * line.expected) for line in targets("spread", "tau_mem CV at tau")]


def epsp_cv_ratio(device: DeviceSpec, point: OperatingPoint, heights: tuple[float, float]) -> float:
    """CV of EPSP heights at a low mean height [V] over that at a high one, on a membrane that does not rest at its
    floor; the weight current is interpolated to the heights."""
    weights, seeds = np.geomspace(12e-9, 100e-9, 8), (1, 2, 3)
    mapped = cells(device, point, N_NEURONS, words=1)
    chips = chips_with(device, point, seeds) * len(weights)
    emulator = bench(mapped, point, chips, dc=[holding_current(device, point, _REST)] * len(chips))
    currents = emulator.setting.currents.copy()
    register = next(name for name, bias in device.biases.items() if bias.parameter == "I_w_ampa")
    currents[:, :, emulator.setting.index(register)] = np.repeat(weights, len(seeds))[:, None]
    emulator.set_biases(dataclasses.replace(emulator.setting, currents=currents))
    emulator.advance(silence(emulator, _SETTLE), _SETTLE)
    voltage = emulator.run(one_event(1e-3), 40e-3, ("V_mem",), every=5e-4).V_mem.values
    found = (voltage.max(2) - voltage[:, :, 0]).reshape(len(weights), len(seeds), -1)
    means, cvs = found.mean((1, 2)), [median_cv(one) for one in found]
    low, high = np.interp(heights, means, cvs)
    return float(low / high)


def pelgrom_exponent(device: DeviceSpec) -> float:
    """Slope of ln sigma against ln area over sampled dies whose leak transistor is drawn anew; other dies each."""
    sigmas = []
    for number, area in enumerate(_AREAS):
        drawn = with_area(device, "I_tau", area * 1e-12)
        point = load_point("mismatch-fit", device)
        chips = chips_with(drawn, point, range(8 * number, 8 * number + 8), mismatch_model="geometry")
        sigmas.append(np.log([chip.neuron_factor["I_tau"] for chip in chips]).std())
    return float(np.polyfit(np.log(_AREAS), np.log(sigmas), 1)[0])


def corner_ratios(device: DeviceSpec, point: OperatingPoint, corner: str) -> tuple[float, float]:
    """Time constant of AMPA, and membrane current at rest, which is the leakage, over those of a typical process."""
    chips = [chip for which in (corner, "TT") for chip in chips_with(device, point, [1], (), corner=which)]
    emulator = bench(cells(device, point, 1, words=_WORDS), point, chips)
    rest = emulator.run(silence(emulator, 0.1), 0.1, ("I_mem",), every=0.1).I_mem.values[:, 0, -1]
    recording = emulator.run(one_event(0.0), 10e-3, ("I_ampa",), every=1e-3)
    slopes = [np.polyfit(recording.time.values, np.log(current), 1)[0] for current in recording.I_ampa.values[:, 0]]
    return float(slopes[1] / slopes[0]), float(rest[0] / rest[1])


def with_area(device: DeviceSpec, parameter: str, area: float) -> DeviceSpec:
    """The device with the transistors that copy a bias drawn square, of an area [m^2]."""
    transistors = device.transistors
    found = transistors.copying(parameter)
    redrawn = dataclasses.replace(found, W=area**0.5, L=area**0.5)
    classes = FrozenMap({**transistors.classes, found.name: redrawn})
    return dataclasses.replace(device, transistors=dataclasses.replace(transistors, classes=classes))


def distance(values: np.ndarray, cdf) -> float:
    """Kolmogorov-Smirnov distance of a sample from a distribution over its critical value at 0.1 %."""
    values = np.ravel(values)
    return float(stats.kstest(values, cdf).statistic / stats.kstwo.ppf(1 - _LEVEL, values.size))


def _published_sigmas() -> list[Check]:
    """The table of spreads for a few areas, pair and single transistor."""
    checks = []
    for which, pair in (("pair", True), ("single", False)):
        for line in targets("spread", f"weak inversion sigma(ln I), {which}"):
            side = 1e-6 * line.drive**0.5
            got = current_sigma(threshold_sigma(_A_VT, side, side, pair=pair), _KAPPA, _U_T)
            checks.append(line.compare(100 * got))
    return checks


def _inversion(device: DeviceSpec, point: OperatingPoint) -> list[Check]:
    """Spread of sampled weight currents at an inversion coefficient over that in weak inversion."""
    (chip,) = chips_with(device, point, [1], mismatch_model="geometry")
    found = device.transistors.copying("I_w_ampa")
    per_ic = 1 / inversion_coefficient(1.0, device.transistors.I_spec(found.channel), found.W, found.L)
    address = np.stack(np.divmod(np.arange(1024), 256), axis=1)

    def spread(ic: float) -> float:
        current = np.full(1024, ic * per_ic)
        return float(np.log(chip.flowing("I_w_ampa", current, address) / current).std())

    return [line.compare(spread(line.drive) / spread(1e-6)) for line in targets("spread", "sigma(ln I) over weak")]


def _against_current(device: DeviceSpec, point: OperatingPoint) -> list[Check]:
    lines = targets("spread", "tau_mem CV at tau")
    got = cv_against_tau(device, point, [1e-3 * line.drive for line in lines], "measured", (1, 2, 3))
    checks = [line.compare(100 * cv) for line, cv in zip(lines, got, strict=True)]
    heights = target("spread", "EPSP CV at 3.3 mV over 29 mV")
    return [*checks, heights.compare(epsp_cv_ratio(device, point, (3.34e-3, 29.2e-3)))]


def _geometry(device: DeviceSpec, point: OperatingPoint) -> list[Check]:
    """Rows that need the sizes of transistors."""
    slow, long = cv_against_tau(device, point, (10e-3, 50e-3), "geometry", (1, 2, 3))
    lines = {line.check: line for line in targets("spread")}
    got = {"Pelgrom exponent": pelgrom_exponent(device), "geometry, tau_mem CV at 50 ms over 10 ms": long / slow}
    for corner in ("SS", "FF"):
        tau, rest = corner_ratios(device, point, corner)
        got |= {f"tau_ampa at corner {corner} over TT": tau, f"membrane at rest at corner {corner} over TT": rest}
    return [lines[name].compare(value) for name, value in got.items()] + _inversion(device, point)


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module that the device has mismatch or transistors for."""
    checks = _published_sigmas()
    point = load_point("mismatch-fit", device) if any(device.mismatch.within_core.values()) else None
    if point is None:
        return checks
    if "I_tau" in device.mismatch.against_current:
        checks += _against_current(device, point)
    return checks + (_geometry(device, point) if device.transistors else [])
