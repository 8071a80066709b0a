"""Finding the codes: quasi-Newton steps in ln(current), all cores of all dies at once.

The lab knows its chip's design, so the first slopes d ln(rate) / d ln(current) are those of a typical core.  Each trial
then corrects them (Broyden's update), because a core that sits at half its gain has other slopes than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chipemu import bias
from chipemu.chip import Chip
from chipemu.parameters import BiasSetting, generate

MOST_STEPS = 24
_STEP = 0.6  # longest first step in ln(current): about twice the spread between cores
_SHORTEST = 0.05
_RIDGE = 0.15  # keeps steps short where knobs are nearly redundant
_FLOOR = 1.0  # Hz, added to rates before the logarithm: a silent core still says which way to go
_NOISE = 0.01  # sum of z^2 by which two trials of one setting may differ
_FARTHEST = 1.5  # ln(ratio) beyond which a rate only says which way to go
_REACH = np.log(30.0)  # of a current from its nominal value


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
        self._names = tuple(names)
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
                code, current = generate(chip, self._names[knob], float(np.exp(x[c, core, knob])))
                codes[c, core, b], currents[c, core, b] = code, current
                got[c, core, knob] = np.log(current)
        return replace(self._start, codes=codes, currents=currents), got

    def bounded(self, x: np.ndarray) -> np.ndarray:
        """What the bias generators reach within a wide range around the start."""
        low, high = self.start - _REACH, self.start + _REACH
        for c, chip in enumerate(self._chips):
            if not chip.applied.on("bias_quantisation"):
                continue
            for knob, name in enumerate(self._names):
                if name in chip.device.generators:
                    lowest, highest = np.log(bias.span(chip.device.generators[name]))
                    low[c, :, knob] = np.maximum(low[c, :, knob], lowest)
                    high[c, :, knob] = np.minimum(high[c, :, knob], highest)
        return np.where(np.isfinite(self.start), np.clip(x, low, high), self.start)


@dataclass(eq=False)
class Search:
    """State of the search on every core; feed it ``z`` = :func:`log_ratio` at ``x`` and it proposes the next ``x``.

    Parameters
    ----------
    x : (chip, core, knob) ln(current) of the last trial
    slope : (chip, core, quantity, knob) first estimate of dz / dx
    close : |z| of every quantity at which a core is left alone

    Attributes
    ----------
    best : (chip, core, knob) where the sum of z^2 was smallest
    done : (chip, core) close enough
    """

    x: np.ndarray
    slope: np.ndarray
    close: float

    def __post_init__(self):
        shape = self.x.shape[:2]
        self.z, self._first_slope = None, self.slope
        self.base, self.best = self.x.copy(), self.x.copy()  # base: where the next step begins
        self.base_z = np.full((*shape, self.slope.shape[2]), np.inf)
        self._best_size = np.full(shape, np.inf)
        self.radius = np.full(shape, _STEP)
        self.done = np.zeros(shape, bool)

    def learn(self, x: np.ndarray, z: np.ndarray, active: np.ndarray) -> None:
        """Take in the trial at ``x``; only cores in ``active`` (chip, core) are changed."""
        if self.z is not None:
            self._correct_slope(x, z, active)
        size, held = (z**2).sum(-1), (self.base_z**2).sum(-1)
        # a silent core looks the same, but for noise, after a step towards firing; it must not be sent back
        kept = active & (size <= held + _NOISE)
        self.radius = np.where(active & ~kept, self.radius / 2, self.radius)
        self.radius = np.where(kept & (size < held), np.minimum(self.radius * 1.3, _STEP), self.radius)
        self._start_again(active & (self.radius < _SHORTEST))
        self.base = np.where(kept[..., None], x, self.base)
        self.base_z = np.where(kept[..., None], z, self.base_z)
        close = active & (np.abs(z).max(-1) <= self.close)
        best = active & (size < self._best_size) | close
        self.best = np.where(best[..., None], x, self.best)
        self._best_size = np.where(best, size, self._best_size)
        self.x, self.z = x, z
        self.done |= close

    def _start_again(self, stalled: np.ndarray) -> None:
        """Where no step helps any more, the slopes are wrong: take the first ones again."""
        self.slope = np.where(stalled[..., None, None], self._first_slope, self.slope)
        self.radius = np.where(stalled, _STEP / 2, self.radius)

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
        """The next trial of every core: a bounded step from its base; finished cores stay at their best."""
        slope_t = np.swapaxes(self.slope, -1, -2)
        square = self.slope @ slope_t + _RIDGE**2 * np.eye(self.slope.shape[2])
        z = np.where(np.isfinite(self.base_z), self.base_z, 0.0)[..., None]
        step = -(slope_t @ np.linalg.solve(square, z))[..., 0]
        longest = np.abs(step).max(-1, keepdims=True, initial=1e-12)
        step *= np.minimum(1.0, self.radius[..., None] / longest)
        return np.where(self.done[..., None], self.best, self.base + step)
