"""Two leaks to choose from: every neuron takes the register that brings its own firing nearer to the design.

All neurons of a core share every bias but one: each takes its leak from one of two registers.  The second register is
set to several currents around the first; at each, every neuron is asked at little excitation, where firing starts,
which of the two suits it.  The second leak that leaves the smallest spread in a core stays.
"""

from dataclasses import dataclass, replace

import numpy as np

from chipemu.calibration.nominal import Nominal, Trials
from chipemu.calibration.quantities import QUANTITIES
from chipemu.device import DeviceSpec
from chipemu.parameters import BiasSetting, with_currents

REGISTERS = ("IF_TAU1_N", "IF_TAU2_N")
# ln(second / first) that is tried; both generators have their own factor on a core, which the range must span
_RATIOS = np.linspace(-0.8, 0.8, 9)
_WINDOW = 1.2  # s: about 24 spikes at the rate that is looked at


def has_two_leaks(device: DeviceSpec) -> bool:
    """Whether each neuron of a device can take its leak from either of two registers."""
    return all(name in device.modelled_biases for name in REGISTERS)


@dataclass(frozen=True, eq=False)
class LeakChoice:
    """Root mean square over the neurons of a core of rate / nominal rate - 1 where firing starts, (chip, core).

    NaN where a core is not looked at there.
    """

    before: np.ndarray
    after: np.ndarray

    def __str__(self) -> str:
        known = np.isfinite(self.before) & (self.before > 0)
        if not known.any():
            return "  two leaks: firing does not start anywhere on its own drive; no choice"
        before, after = np.median(self.before[known]), np.median(self.after[known])
        return f"  two leaks: spread within a core where firing starts {before:.3f} before, {after:.3f} after (medians)"


class LeakChooser:
    """The choice on every neuron of a bench.

    Parameters
    ----------
    trials : dies on the bench, and their target rates
    nominal : the design
    imperfect : (chip,) bool, dies that take part
    """

    def __init__(self, trials: Trials, nominal: Nominal, imperfect: np.ndarray):
        self._trials, self._imperfect = trials, imperfect
        zero = QUANTITIES.index("zero")
        self._drive, self._target = nominal.drives[zero], trials.target[:, zero]
        self._core, self._neuron = trials.bench.mapped.address.T
        self._before = None

    def result(self, setting: BiasSetting) -> LeakChoice:
        """What the choice changed."""
        return LeakChoice(self._before, self._spread(self._rates(setting)))

    def choose(self, setting: BiasSetting) -> BiasSetting:
        """The setting with the second leak, and who takes it."""
        first = self._rates(setting)
        self._before = self._spread(first)
        best, best_spread = self._nobody(setting), self._before
        for ratio in _RATIOS:
            tried = self._second(setting, ratio)
            second = self._rates(replace(tried, second_leak=np.ones_like(best.second_leak)))
            takes = np.abs(second - 1) < np.abs(first - 1)
            spread = self._spread(np.where(takes, second, first))
            best = self._better(best, tried, takes, spread < best_spread)
            best_spread = np.fmin(spread, best_spread)
        return best

    def _nobody(self, setting: BiasSetting) -> BiasSetting:
        chip = self._trials.bench.mapped.device.chip
        shape = (len(self._imperfect), chip.n_cores, chip.n_neurons_per_core)
        return replace(setting, second_leak=np.zeros(shape, bool))

    def _rates(self, setting: BiasSetting) -> np.ndarray:
        """(chip, neuron) rate / nominal rate where firing starts."""
        self._trials.bench.set_biases(setting)
        self._trials.count += self._imperfect
        count = self._trials.bench.counts([self._drive], window=_WINDOW, active=self._imperfect)
        rates = count / _WINDOW / self._target[self._core]
        return np.where(self._imperfect[:, None], rates, np.nan)

    def _spread(self, rates: np.ndarray) -> np.ndarray:
        spread = np.full((len(rates), len(self._target)), np.nan)
        for core in np.flatnonzero(np.isfinite(self._target)):
            # around the target, so that a choice that moves all neurons off it is no better for being narrow
            spread[:, core] = np.sqrt(np.mean((rates[:, self._core == core] - 1) ** 2, axis=1))
        return spread

    def _second(self, setting: BiasSetting, ratio: float) -> BiasSetting:
        """The second register so much above the first, on every core."""
        wanted = setting.currents[:, :, setting.index(REGISTERS[0])] * np.exp(ratio)
        wanted = np.where(np.isfinite(self._target), wanted, np.nan)
        return with_currents(setting, self._trials.bench.emulator.chips, REGISTERS[1], wanted)

    def _better(self, best: BiasSetting, tried: BiasSetting, takes: np.ndarray, cores: np.ndarray) -> BiasSetting:
        """The best setting so far, with what was tried on the (chip, core) where it is better."""
        second = best.index(REGISTERS[1])
        codes, currents, chosen = best.codes.copy(), best.currents.copy(), best.second_leak.copy()
        codes[cores, second], currents[cores, second] = tried.codes[cores, second], tried.currents[cores, second]
        there = cores[:, self._core]
        chosen[:, self._core, self._neuron] = np.where(there, takes, chosen[:, self._core, self._neuron])
        return replace(best, codes=codes, currents=currents, second_leak=chosen)
