"""What a weight is kept in: the laws of memristive conductances and of a bistable capacitor.

A plastic synapse holds a signed code as its intent. On a device without a store the code itself acts. With a memristive
store it is written into a pair of conductances, and what acts is their difference in code steps,

    w = (G+ - G-) / G_step,    G_step = (G_max - G_min) / code_max,

with targets G_min + |code| G_step on the side of the code's sign and G_min on the other. The order of effects is fixed:
the code is whole (quantise), each conductance is written with an error (programme), which it keeps while it drifts with
the time since (age), and every event reads it with noise (read).

Formulas only, in SI, with g = G_target / G_max; a device file gives their coefficients. Time counts from t_0 after the
write: t = t_0 + time since the write, so that a law holds from the write on.

Not modelled: pulse-by-pulse programming with verification, its time and energy, wear, stuck cells, wire resistance, and
the slow part of 1/f noise (every event draws its read noise anew).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

G_SMALLEST = 1e-7  # of G_max: below it a logarithm of g is taken here
T_LAST = 1e9  # s, about 30 years: where a law that is a line in ln(t) ends


class Laws(NamedTuple):
    """What a memristive store does to each size of code, conductances in code steps.

    Attributes
    ----------
    target : (code,) conductance asked for
    error : (code,) standard deviation of the programming error
    exponent : (code, 2) mean and standard deviation of the drift exponent
    knot : (knot,) ln(t / t_0) at which ``shift`` is given; between knots it is a line
    shift : (code, knot, 2) mean and standard deviation of the additive drift
    read : (code, 2) standard deviation of the read noise: a fixed part, and one relative to the conductance
    t_0 : time of the first reading [s]
    t_read : shortest time of the 1/f noise [s]; 0 where read noise does not grow with time
    """

    target: np.ndarray
    error: np.ndarray
    exponent: np.ndarray
    knot: np.ndarray
    shift: np.ndarray
    read: np.ndarray
    t_0: float
    t_read: float


def noise_growth(t: np.ndarray, t_read: float) -> np.ndarray:
    """Growth of accumulated 1/f noise, sqrt(ln((t + t_read) / (2 t_read))) (Nandakumar et al. 2019); 1 without t_read.

    Examples
    --------
    >>> round(float(noise_growth(20.0, 250e-9)), 3)
    4.183
    """
    if t_read == 0:
        return np.ones_like(np.asarray(t, float))
    return np.sqrt(np.log((np.asarray(t) + t_read) / (2 * t_read)))


class _Pair:
    """What the memristive stores share: the conductances that stand for codes."""

    G_min: float
    G_max: float

    def step(self, code_max: int) -> float:
        """Conductance of one code step [S]."""
        return (self.G_max - self.G_min) / code_max

    def target(self, code_max: int) -> np.ndarray:
        """Conductance of every code on the side of its sign, (code,) [S]; that of code 0 is asked of the other side."""
        return self.G_min + self.step(code_max) * np.arange(code_max + 1)


@dataclass(frozen=True)
class Pcm(_Pair):
    """Phase-change memory after Nandakumar et al. 2019, with the coefficients of aihwkit's PCMLikeNoiseModel.

    Attributes
    ----------
    G_min, G_max : range of conductances [S]
    t_0 : time of the first reading [s]
    programming : c_0, c_1, c_2 of the programming error [S]
    nu_mean, nu_sigma : slope and offset of a line in ln g
    nu_mean_limits, nu_sigma_limits : between which they stay
    read : factor and power of the read noise
    read_limit : largest relative read noise before its growth
    t_read : shortest time of the 1/f noise [s]
    """

    G_min: float
    G_max: float
    t_0: float
    programming: tuple[float, ...]
    nu_mean: tuple[float, ...]
    nu_mean_limits: tuple[float, ...]
    nu_sigma: tuple[float, ...]
    nu_sigma_limits: tuple[float, ...]
    read: tuple[float, ...]
    read_limit: float
    t_read: float

    def programming_sigma(self, g: np.ndarray) -> np.ndarray:
        """Standard deviation of a written conductance, sum of c_k g^k [S].

        Examples
        --------
        >>> from chipemu.device import load_device
        >>> round(1e6 * float(load_device("memristive").store.programming_sigma(0.5)), 4)  # uS
        0.9527
        """
        return np.polynomial.polynomial.polyval(g, self.programming)

    def drift_exponent(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of nu in G(t) = G_prog (t / t_0)^-nu; a drawn nu enters by its size."""
        log_g = np.log(np.maximum(g, G_SMALLEST))
        mean = np.clip(self.nu_mean[0] * log_g + self.nu_mean[1], *self.nu_mean_limits)
        sigma = np.clip(self.nu_sigma[0] * log_g + self.nu_sigma[1], *self.nu_sigma_limits)
        return mean, sigma

    def read_sigma(self, g: np.ndarray) -> np.ndarray:
        """Q_s = min(factor / g^power, limit): relative read noise before its growth with time.

        g is of the target, not of what programming made of it.
        """
        return np.minimum(self.read[0] / np.maximum(g, G_SMALLEST) ** self.read[1], self.read_limit)

    def laws(self, code_max: int) -> Laws:
        """The laws for codes 0 to ``code_max``."""
        step, target = self.step(code_max), self.target(code_max)
        g = target / self.G_max
        read = np.stack([np.zeros_like(g), self.read_sigma(g)], axis=1)
        exponent = np.stack(self.drift_exponent(g), axis=1)
        no_knots = np.zeros((len(g), 0, 2))
        error = self.programming_sigma(g) / step
        return Laws(target / step, error, exponent, np.zeros(0), no_knots, read, self.t_0, self.t_read)


@dataclass(frozen=True)
class Rram(_Pair):
    """Filamentary RRAM after Wan et al. 2022: a spread around the target that is known at three times.

    The spread at t_0 is the programming error. What is added later is one more normal deviate of each write, whose size
    makes the variance right at the two later times and is a line in ln(t) between them (assumed); after the last it
    stays. There is no mean drift.

    Attributes
    ----------
    G_min, G_max : range of conductances [S]
    t_0 : time of the first reading [s]
    programming, spread_early, spread_late : c_0 to c_4 of the spread at t_0 and at the two later times [S]
    times : the two later times [s]
    read_sigma : read noise as a fraction of G_max
    """

    G_min: float
    G_max: float
    t_0: float
    programming: tuple[float, ...]
    times: tuple[float, ...]
    spread_early: tuple[float, ...]
    spread_late: tuple[float, ...]
    read_sigma: float

    def spread(self, g: np.ndarray) -> np.ndarray:
        """Standard deviation of the conductance at the three times, sum of c_k g^k, (3, ...) [S]."""
        polynomials = (self.programming, self.spread_early, self.spread_late)
        return np.stack([np.polynomial.polynomial.polyval(g, c) for c in polynomials])

    def laws(self, code_max: int) -> Laws:
        """The laws for codes 0 to ``code_max``."""
        step, target = self.step(code_max), self.target(code_max)
        spread = self.spread(target / self.G_max) / step
        added = np.sqrt(np.maximum(spread**2 - spread[0] ** 2, 0.0)).T
        shift = np.stack([np.zeros_like(added), added], axis=2)
        knot = np.log(1 + np.array([0.0, *self.times]) / self.t_0)
        read = np.tile([self.read_sigma * self.G_max / step, 0.0], (len(target), 1))
        return Laws(target / step, spread[0], np.zeros((len(target), 2)), knot, shift, read, self.t_0, 0.0)


@dataclass(frozen=True)
class Cmo(_Pair):
    """Filamentary RRAM with a conductive metal oxide (CMO/HfOx), after aihwkit's ReRamCMONoiseModel.

    Attributes
    ----------
    G_min, G_max : range of conductances [S]
    t_0 : time of the first reading [s]
    programming_offset, programming_slope : of the programming error over G [S], and without unit
    drift_mean : mean drift for each unit of ln(t / t_0) [S]
    drift_sigma : its standard deviation for each unit of ln(t / t_0), and at t_0 [S]
    read : K of the read noise [S]
    t_read : shortest time of the 1/f noise [s]
    """

    G_min: float
    G_max: float
    t_0: float
    programming_offset: float
    programming_slope: float
    drift_mean: float
    drift_sigma: tuple[float, ...]
    read: float
    t_read: float

    def programming_sigma(self, G: np.ndarray) -> np.ndarray:
        """Standard deviation of a written conductance, offset + slope G [S]; G in S, not relative."""
        return self.programming_offset + self.programming_slope * np.asarray(G)

    def read_sigma(self, G: np.ndarray) -> np.ndarray:
        """K log10(G / 1 uS) [S], before its growth with time; 0 below 1 uS."""
        return self.read * np.maximum(np.log10(np.maximum(G, 1e-6) / 1e-6), 0.0)

    def laws(self, code_max: int) -> Laws:
        """The laws for codes 0 to ``code_max``."""
        step, target = self.step(code_max), self.target(code_max)
        knot = np.array([0.0, np.log(1 + T_LAST / self.t_0)])
        mean = self.drift_mean * knot / step
        sigma = (self.drift_sigma[0] * knot + self.drift_sigma[1]) / step
        shift = np.tile(np.stack([mean, sigma], axis=1), (len(target), 1, 1))
        read = np.stack([self.read_sigma(target) / step, np.zeros_like(target)], axis=1)
        error = self.programming_sigma(target) / step
        return Laws(target / step, error, np.zeros((len(target), 2)), knot, shift, read, self.t_0, self.t_read)


@dataclass(frozen=True)
class Capacitor:
    """A weight as the voltage of a capacitor that leaks, and that a bistable circuit pulls to one of two levels.

        C dV/dt = -I_leak + I_refresh   above V_threshold,
        C dV/dt = -I_leak - I_refresh   below it,        V_low <= V <= V_high.

    V_low and V_high stand for the codes -code_max and code_max. A learning step moves V by one code step.

    Attributes
    ----------
    C : capacitor [F]
    V_low, V_high : the two levels [V]
    V_threshold : of the bistable circuit [V]
    I_leak, I_refresh : currents [A]
    """

    C: float
    V_low: float
    V_high: float
    V_threshold: float
    I_leak: float
    I_refresh: float

    def codes_per_volt(self, code_max: int) -> float:
        """Code steps of one volt [1/V]."""
        return 2 * code_max / (self.V_high - self.V_low)

    def droop(self, current: float, code_max: int) -> float:
        """Code steps a second that a current takes from the capacitor, I / C [1/s]."""
        return current / self.C * self.codes_per_volt(code_max)

    def threshold(self, code_max: int) -> float:
        """Threshold of the bistable circuit as a code."""
        return (self.V_threshold - (self.V_low + self.V_high) / 2) * self.codes_per_volt(code_max)


WeightStore = Pcm | Rram | Cmo | Capacitor
