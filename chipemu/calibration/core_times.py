"""Membrane time constants and dead times of whole cores, from the membranes of their neurons.

From spikes alone calibration may trade one current for another: cores fire alike with unlike time constants.  A
laboratory with a monitor on the membrane reads them, neuron after neuron, and sets the leak and the dead time of a core
before its rates are tuned with what is left.
"""

import numpy as np

from chipemu.calibration.bench import Bench
from chipemu.calibration.membrane import READINGS, Deviations
from chipemu.device import DeviceSpec
from chipemu.errors import InputError
from chipemu.parameters import BiasSetting, with_currents

READ = ("tau_mem", "dead time")
_GAINS = (1.0, 1.0, 0.7)  # steps in ln(current) over the deviation of the mean
_LONGEST = 0.6  # step in ln(current), about twice the spread between cores


def held_biases(device: DeviceSpec) -> tuple[str, ...]:
    """Biases that are set by the readings, so that no rate may move them."""
    return tuple(device.register(READINGS[name]) for name in READ)


def check_cores_are_read(device: DeviceSpec) -> None:
    """Refuse a device whose neurons are trimmed one by one, which leaves nothing to be read of a core."""
    if device.trim is not None:
        raise InputError(
            f"neurons of {device.name} ({device.path}) trim their time constants one by one; leave out core_times"
        )


class CoreTimes:
    """Sets leak and dead time of every core of some dies.

    Parameters
    ----------
    dies : bench with the dies
    deviations : their readings beside the nominal ones
    imperfect : (chip,) bool, dies that are set
    """

    def __init__(self, dies: Bench, deviations: Deviations, imperfect: np.ndarray):
        self._chips, self._mapped = dies.emulator.chips, dies.mapped
        self._deviations, self._imperfect = deviations, imperfect

    def tune(self, setting: BiasSetting) -> BiasSetting:
        """The setting at which the mean neuron of every core reads as the nominal one."""
        for name in READ:
            bias = self._mapped.device.register(READINGS[name])
            for gain in _GAINS:
                off = self._core_means(self._deviations(name, setting))
                setting = self._turned(setting, bias, np.clip(-gain * off, -_LONGEST, _LONGEST))
        return setting

    def _core_means(self, values: np.ndarray) -> np.ndarray:
        """(chip, core) mean over the neurons with a reading; 0 where there is none."""
        core, n_cores = self._mapped.address[:, 0], self._mapped.device.chip.n_cores
        read = np.isfinite(values)
        total = [np.bincount(core, np.where(one, row, 0.0), n_cores) for row, one in zip(values, read, strict=True)]
        count = [np.bincount(core, one, n_cores) for one in read]
        return np.array(total) / np.maximum(count, 1)

    def _turned(self, setting: BiasSetting, bias: str, step: np.ndarray) -> BiasSetting:
        """The setting with a bias moved by ``step`` (chip, core) in ln(current), on the nearest codes."""
        wanted = setting.currents[:, :, setting.index(bias)] * np.exp(step)
        moved = (step != 0) & self._imperfect[:, None]
        return with_currents(setting, self._chips, bias, np.where(moved, wanted, np.nan))
