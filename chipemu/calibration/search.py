"""Finding the codes: quasi-Newton steps in ln(current), all cores of all dies at once.

The lab knows its chip's design, so the first slopes d ln(rate) / d ln(current) are those of a typical core.  Each trial
then corrects them (Broyden's update), because a core that sits at half its gain has other slopes than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chipemu import bias
from chipemu.chip import Chip
from chipemu.parameters import BiasSetting

MOST_STEPS = 24
_STEP = 0.6  # longest first step in ln(current): about twice the spread between cores
_SHORTEST = 0.05
_RIDGE = 0.15  # keeps steps short where knobs are nearly redundant
_FLOOR = 1.0  # Hz, added to rates before the logarithm: a silent core still says which way to go
_FARTHEST = 1.5  # ln(ratio) beyond which a rate only says which way to go
_REACH = np.log(30.0)  # of an exact current from its nominal value


def log_ratio(observed: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    """ln(observed / nominal) of rates [Hz], bounded; 0 where there is no nominal rate (NaN)."""
    z = np.log((observed + _FLOOR) / (nominal + _FLOOR))
    return np.nan_to_num(np.clip(z, -_FARTHEST, _FARTHEST), nan=0.0)


class Knobs:
    """The biases that are turned, as ln(current): (chip, core, knob).

    Parameters
    ----------
    chips : dies
    start : setting to begin with
    names : biases that are turned
    """

    def __init__(self, chips: Sequence[Chip], start: BiasSetting, names: Sequence[str]):
        self._chips, self._start = chips, start
        self._index = [start.index(name) for name in names]
        with np.errstate(divide="ignore"):
            self.start = np.log(start.currents[:, :, self._index])

    def setting(self, x: np.ndarray) -> tuple[BiasSetting, np.ndarray]:
        """The setting nearest to what is wanted, and what it gives; knobs at -inf (unused cores) stay."""
        codes, currents = self._start.codes.copy(), self._start.currents.copy()
        got = x.copy()
        for c, chip in enumerate(self._chips):
            for core, knob in zip(*np.nonzero(x[c] != self.start[c]), strict=True):
                b = self._index[knob]
                code, current = _generate(chip, float(np.exp(x[c, core, knob])))
                codes[c, core, b], currents[c, core, b] = code, current
                got[c, core, knob] = np.log(current)
        return replace(self._start, codes=codes, currents=currents), got

    def bounded(self, x: np.ndarray) -> np.ndarray:
        """What the bias generators reach, or a wide range around the start where currents are exact."""
        low, high = self.start - _REACH, self.start + _REACH
        for c, chip in enumerate(self._chips):
            generator = _generator(chip)
            if generator is not None:
                low[c], high[c] = np.log(generator.floor), np.log(max(generator.I_max))
        return np.where(np.isfinite(self.start), np.clip(x, low, high), self.start)


def _generator(chip: Chip):
    return chip.device.bias_generator if chip.applied.on("bias_quantisation") else None


def _generate(chip: Chip, wanted: float) -> tuple[tuple[int, int], float]:
    generator = _generator(chip)
    if generator is None:
        return (-1, -1), wanted
    code = bias.nearest_code(generator, wanted)
    return code, bias.current(generator, *code)


@dataclass(eq=False)
class Search:
    """State of the search on every core; feed it ``z`` = :func:`log_ratio` at ``x`` and it proposes the next ``x``.

    Attributes
    ----------
    x : (chip, core, knob) ln(current) of the last trial
    slope : (chip, core, quantity, knob) estimate of dz / dx
    best, best_z : the trial with the smallest worst |z|
    done : (chip, core) close enough
    """

    x: np.ndarray
    slope: np.ndarray
    close: float

    def __post_init__(self):
        shape = self.x.shape[:2]
        self.z = None
        self.best, self.best_z = self.x.copy(), np.full((*shape, self.slope.shape[2]), np.inf)
        self.best_slope = self.slope.copy()
        self.radius = np.full(shape, _STEP)
        self.done = np.zeros(shape, bool)

    def learn(self, x: np.ndarray, z: np.ndarray, active: np.ndarray) -> None:
        """Take in the trial at ``x``; only cores in ``active`` (chip, core) are changed."""
        if self.z is not None:
            self._correct_slope(x, z, active)
        worst, held = np.abs(z).max(-1), np.abs(self.best_z).max(-1)
        # a silent core looks the same after a step towards firing; it must not be sent back
        better = active & (_size(z) <= _size(self.best_z) + 1e-6)
        self.radius = np.where(active & ~better, np.maximum(self.radius / 2, _SHORTEST), self.radius)
        self.radius = np.where(better & (worst < held), np.minimum(self.radius * 1.3, _STEP), self.radius)
        self.best = np.where(better[..., None], x, self.best)
        self.best_z = np.where(better[..., None], z, self.best_z)
        self.x, self.z = x, z
        self.done |= active & (worst <= self.close)

    def _correct_slope(self, x, z, active):
        with np.errstate(invalid="ignore"):  # knobs of unused cores stand at -inf
            dx, dz = x - self.x, z - self.z
        # a rate at the bound says nothing about the slope
        told = (np.abs(z) < _FARTHEST) & (np.abs(self.z) < _FARTHEST) & active[..., None]
        dx = np.nan_to_num(dx, nan=0.0)
        length = (dx**2).sum(-1)
        surprise = np.where(told, dz - (self.slope * dx[..., None, :]).sum(-1), 0.0)
        weight = np.where(length > 1e-4, 1 / np.maximum(length, 1e-4), 0.0)
        self.slope = self.slope + surprise[..., None] * dx[..., None, :] * weight[..., None, None]

    def propose(self) -> np.ndarray:
        """The next trial of every core: a bounded step from its best one; finished cores stay at theirs."""
        slope_t = np.swapaxes(self.slope, -1, -2)
        square = self.slope @ slope_t + _RIDGE**2 * np.eye(self.slope.shape[2])
        step = -(slope_t @ np.linalg.solve(square, np.where(np.isfinite(self.best_z), self.best_z, 0.0)[..., None]))[
            ..., 0
        ]
        longest = np.abs(step).max(-1, keepdims=True, initial=1e-12)
        step *= np.minimum(1.0, self.radius[..., None] / longest)
        return np.where(self.done[..., None], self.best, self.best + step)


def _size(z: np.ndarray) -> np.ndarray:
    return (z**2).sum(-1)
