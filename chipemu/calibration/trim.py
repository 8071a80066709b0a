"""Trimming every neuron by itself, where a device has a cell for it: successive approximation that tolerates noise.

Each cell is searched from its highest bit down, all neurons at once: a bit stays where the reading does not exceed that
of the nominal chip.  A decision that noise has turned around costs one bit and not those below it; a few short steps
towards the target then make up for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chipemu.calibration.bench import Bench
from chipemu.calibration.membrane import READINGS, WEIGHTED, Membrane
from chipemu.parameters import BiasSetting

_LAST_STEPS = (2, 1, 1)  # codes, after the last bit
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


class Trimmer:
    """The search for the trimming codes of all neurons on a bench.

    Parameters
    ----------
    dies, nominal : benches with the dies, and with one nominal chip of one neuron an operating point
    used : receptors of each operating point
    imperfect : (chip,) bool, dies that are trimmed
    """

    def __init__(self, dies: Bench, nominal: Bench, used: Mapping[str, Sequence[str]], imperfect: np.ndarray):
        self._dies, self._membrane, self._imperfect = dies, Membrane(dies, used), imperfect
        self._cells = dies.mapped.device.trim.parameters
        self.names = tuple(name for name, parameter in READINGS.items() if parameter in self._cells)
        self.trials = np.zeros(len(imperfect), np.int64)
        one, everyone = Membrane(nominal, used), np.ones(1, bool)
        neuron = [nominal.mapped.core_point.index(dies.mapped.core_point[c]) for c in dies.mapped.address[:, 0]]
        neuron = [list(nominal.mapped.address[:, 0]).index(core) for core in neuron]
        exact = nominal.emulator.setting
        self._target = {name: one.read(name, exact, everyone)[0, neuron] for name in self.names}

    def observe(self, setting: BiasSetting) -> np.ndarray:
        """(chip, neuron, reading) ln(observed / nominal)."""
        return np.stack([self._deviation(name, setting) for name in self.names], axis=2)

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Readings that are trimmed before the weights of the cores are calibrated, and those that need the weights."""
        later = tuple(name for name in self.names if name in WEIGHTED)
        return tuple(stage for stage in (tuple(n for n in self.names if n not in later), later) if stage)

    def trim(self, setting: BiasSetting, names: Sequence[str]) -> BiasSetting:
        """The setting with the codes at which every neuron reads as the nominal one."""
        for name in names:
            setting = self._search(name, setting)
        return setting

    def _deviation(self, name: str, setting: BiasSetting) -> np.ndarray:
        self.trials += self._imperfect
        return self._membrane.read(name, setting, self._imperfect) - self._target[name]

    def _search(self, name: str, setting: BiasSetting) -> BiasSetting:
        trim = self._dies.mapped.device.trim
        code = np.zeros((len(self._imperfect), self._dies.mapped.n_neurons), np.int16)
        for bit in reversed(range(trim.bits)):
            tried = np.maximum(code | (1 << bit), trim.least)
            above = self._deviation(name, self._with(setting, name, tried)) > 0
            code = np.where(above, code, code | (1 << bit)).astype(np.int16)
        for step in _LAST_STEPS:
            code = np.clip(code, trim.least, trim.most)
            off = self._deviation(name, self._with(setting, name, code))
            code = code - step * np.nan_to_num(np.sign(off)).astype(np.int16)
        return self._with(setting, name, np.clip(code, trim.least, trim.most))

    def _with(self, setting: BiasSetting, name: str, code: np.ndarray) -> BiasSetting:
        """Codes of one cell where there is something to read; the others stay at their unit code."""
        mapped, trim = self._dies.mapped, self._dies.mapped.device.trim
        core, neuron = mapped.address.T
        shape = (len(code), mapped.device.chip.n_cores, mapped.device.chip.n_neurons_per_core, len(self._cells))
        codes = np.full(shape, trim.unit_code, np.int16) if setting.trim is None else setting.trim.copy()
        read = np.isfinite(self._target[name]) & self._imperfect[:, None]
        codes[:, core, neuron, self._cells.index(READINGS[name])] = np.where(read, code, trim.unit_code)
        return replace(setting, trim=codes)
