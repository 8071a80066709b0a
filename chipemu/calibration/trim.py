"""Trimming every neuron by itself, where a device has a cell for it: stochastic approximation, all neurons at once.

    ln(code) <- ln(code) - a_k ln(observed / nominal)        (Robbins and Monro 1951)

A reading rises about in proportion to its current, so that the first steps reach the target, and the shrinking ones
after them average the noise of single readings.  A search by bits would visit codes far off, at which some readings
cannot be trusted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from chipemu.calibration.bench import Bench
from chipemu.calibration.membrane import READINGS, WEIGHTED, Deviations
from chipemu.device import DeviceSpec
from chipemu.parameters import BiasSetting

_GAINS = (1.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.2, 0.15)
_LONGEST = 0.5  # step in ln(code)
_OUTER = 0.025  # part of the neurons at either end that a spread leaves out


@dataclass(frozen=True, eq=False)
class Trimming:
    """How near to nominal the neurons of some dies were brought, one by one.

    Attributes
    ----------
    names : readings, see ``chipemu.calibration.membrane``
    before, after : (chip, neuron, reading) ln(observed / nominal); NaN where a neuron has no such reading
    """

    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray

    @property
    def spread(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation over the neurons of a die before and after, (chip, reading), without outliers."""
        return _spread(self.before), _spread(self.after)

    def __str__(self) -> str:
        lines = ["  reading       spread of ln before, after; after over before (largest of all dies)"]
        for name, before, after in zip(self.names, *(values.T for values in self.spread), strict=True):
            known = np.isfinite(before) & (before > 0)
            if known.any():
                ratio = np.max(after[known] / before[known])
                lines.append(f"  {name:<12}  {np.mean(before[known]):.3f}, {np.mean(after[known]):.3f}; {ratio:.2f}")
        return "\n".join(lines)


def _spread(values: np.ndarray) -> np.ndarray:
    """Standard deviation over neurons between their outer quantiles, as calix takes it."""
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(values, [_OUTER, 1 - _OUTER], axis=1, keepdims=True)
        inner = np.where((values >= low) & (values <= high), values, np.nan)
    return np.nanstd(inner, axis=1)


def trimmed_readings(device: DeviceSpec) -> tuple[str, ...]:
    """Readings to which neurons of a device are trimmed."""
    return tuple(name for name, parameter in READINGS.items() if device.trim and parameter in device.trim.parameters)


class Trimmer:
    """The search for the trimming codes of all neurons on a bench.

    Parameters
    ----------
    dies : bench with the dies
    deviations : their readings beside the nominal ones
    imperfect : (chip,) bool, dies that are trimmed
    """

    def __init__(self, dies: Bench, deviations: Deviations, imperfect: np.ndarray):
        self._dies, self._deviations, self._imperfect = dies, deviations, imperfect
        self._cells = dies.mapped.device.trim.parameters
        self.names = trimmed_readings(dies.mapped.device)
        self._before = self._observe(dies.emulator.setting)

    def result(self, setting: BiasSetting) -> Trimming:
        """What trimming changed."""
        return Trimming(self.names, self._before, self._observe(setting))

    def _observe(self, setting: BiasSetting) -> np.ndarray:
        """(chip, neuron, reading) ln(observed / nominal)."""
        return np.stack([self._deviations(name, setting) for name in self.names], axis=2)

    @property
    def stages(self) -> list[Callable[[BiasSetting], BiasSetting]]:
        """Trimming before the weights of the cores are calibrated, and that which needs the weights."""
        later = [name for name in self.names if name in WEIGHTED]
        earlier = [name for name in self.names if name not in WEIGHTED]
        return [partial(self.trim, names=names) for names in (earlier, later) if names]

    def trim(self, setting: BiasSetting, names: Sequence[str]) -> BiasSetting:
        """The setting with the codes at which every neuron reads as the nominal one."""
        for name in names:
            setting = self._search(name, setting)
        return setting

    def _search(self, name: str, setting: BiasSetting) -> BiasSetting:
        trim = self._dies.mapped.device.trim
        low, high = np.log(trim.least / trim.unit_code), np.log(trim.most / trim.unit_code)
        x = np.zeros((len(self._imperfect), self._dies.mapped.n_neurons))
        for gain in _GAINS:
            off = self._deviations(name, self._with(setting, name, x))
            # nothing to be read means that the current is too small to do anything
            step = np.clip(-gain * np.nan_to_num(off, nan=-_LONGEST), -_LONGEST, _LONGEST)
            x = np.clip(x + step, low, high)
        return self._with(setting, name, x)

    def _with(self, setting: BiasSetting, name: str, x: np.ndarray) -> BiasSetting:
        """Codes of one cell nearest to ln(factor) ``x`` where there is something to read, else the unit code."""
        mapped, trim = self._dies.mapped, self._dies.mapped.device.trim
        core, neuron = mapped.address.T
        shape = (len(x), mapped.device.chip.n_cores, mapped.device.chip.n_neurons_per_core, len(self._cells))
        codes = np.full(shape, trim.unit_code, np.int16) if setting.trim is None else setting.trim.copy()
        read = np.isfinite(self._deviations.target[name]) & self._imperfect[:, None]
        code = np.clip(np.rint(trim.unit_code * np.exp(x)), trim.least, trim.most)
        codes[:, core, neuron, self._cells.index(READINGS[name])] = np.where(read, code, trim.unit_code)
        return replace(setting, trim=codes)
