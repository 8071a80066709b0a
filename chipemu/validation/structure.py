"""How mismatch lies on a die: within and between cores, among neighbours, in outliers, along a gradient, over words.

Laws of the draws, so that they hold on any family of chips. Statistical rows give the Kolmogorov-Smirnov distance over
its critical value at a level of 0.1 %: 1 and below passes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from chipemu.chip import Chip
from chipemu.device import DeviceSpec, OperatingPoint
from chipemu.effects import switches
from chipemu.mismatch import core_factors
from chipemu.pattern import correlated, slope
from chipemu.validation.check import Check, Target, targets
from chipemu.validation.spread import chips_with, distance
from chipemu.validation.testbench import law_point

_WITHIN = ("mismatch_within_core",)


def _logs(chips: Sequence[Chip], device: DeviceSpec) -> np.ndarray:
    """ln(factor) of every neuron in units of the within-core spread, of every parameter that has one."""
    sigmas = {name: sigma for name, sigma in device.mismatch.within_core.items() if sigma > 0}
    return np.array([np.log(chip.neuron_factor[name]) / sigma for chip in chips for name, sigma in sigmas.items()])


def _tail(device: DeviceSpec):
    """Distribution of a within-core deviation with outliers: a contaminated normal."""
    structure = device.mismatch.structure
    share, wide = structure.outlier_share, np.hypot(1, structure.outlier_width)
    return lambda x: (1 - share) * stats.norm.cdf(x) + share * stats.norm.cdf(x / wide)


def _cores(device: DeviceSpec) -> np.ndarray:
    """ln(factor) of biases between cores and dies, in units of their standard deviation."""
    factors, spread = [core_factors(device, seed, switches()) for seed in range(300)], device.mismatch
    rows = []
    for name in device.modelled_biases:
        total = np.hypot(spread.between_cores[name], spread.between_dies[name])
        if total > 0:
            # one core a die: the cores of a die share its part
            rows.append([np.log(factor[name][0]) / total for factor in factors])
    return np.array(rows)


def _neighbours(distance_apart: int, length: float) -> float:
    """Correlation of two neurons of a core at a distance along a row, over many patterns."""
    pattern = np.stack([correlated(seed, 4, 256, 0, length).reshape(4, 16, 16) for seed in range(200)])
    return float(np.mean(pattern[..., distance_apart:] * pattern[..., :-distance_apart]) / np.mean(pattern**2))


def _direction(n_dies: int) -> np.ndarray:
    """Direction of the slope of some dies, as a fraction of a turn."""
    angles = []
    for seed in range(n_dies):
        square = slope(seed, 4, 256)
        angles.append(np.arctan2(square[2, 0] - square[0, 0], square[1, 0] - square[0, 0]))
    return np.array(angles) / (2 * np.pi) + 0.5


def _measured(device: DeviceSpec, point: OperatingPoint) -> list[Check]:
    within = chips_with(device, point, range(6))
    common = chips_with(device, point, range(6), (*_WITHIN, "mismatch_correlated"))
    tail = chips_with(device, point, range(6), (*_WITHIN, "mismatch_outliers"))
    got: dict[str, float] = {
        "within cores, distance from a lognormal": distance(_logs(within, device), "norm"),
        "with neighbours in common, spread over measured": float(_logs(common, device).std()),
        "with outliers, distance from a contaminated lognormal": distance(_logs(tail, device), _tail(device)),
        "between cores and dies, distance from a lognormal": distance(_cores(device), "norm"),
        "direction of the gradient, distance from uniform": distance(_direction(2000), "uniform"),
    }
    if device.mismatch.slot > 0:
        words = _per_neuron(device, point, "mismatch_slot", Chip.slot_factor, every=16)
        got["words, distance from a lognormal"] = distance(words / device.mismatch.slot, "norm")
    if device.traces and device.traces.mismatch > 0:
        traces = _per_neuron(device, point, "mismatch_trace", Chip.trace_factor)
        got["traces, distance from a lognormal"] = distance(traces / device.traces.mismatch, "norm")
    lines: dict[str, Target] = {line.check: line for line in targets("structure")}
    near = [
        line.compare(_neighbours(int(line.drive), device.mismatch.structure.correlation_length))
        for line in targets("structure", "correlation of neighbours")
    ]
    return [lines[name].compare(value) for name, value in got.items()] + near


def _per_neuron(device: DeviceSpec, point: OperatingPoint, effect: str, factor: Callable, every: int = 1) -> np.ndarray:
    """ln of a factor of each neuron of a core, or of every so many, on dies where one effect acts."""
    n = device.chip.n_neurons_per_core
    neurons = np.stack(np.divmod(np.arange(0, n, every), n), 1)
    return np.log([factor(chip, neurons) for chip in chips_with(device, point, range(40), (effect,))]).ravel()


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module, where dies differ."""
    if device.mismatch.structure.outlier_share == 0:
        return []
    return _measured(device, law_point("mismatch-fit", device))
