"""Which transistors cost how much of the spread of what a neuron does, and the area that buys a yield.

Every current of a neuron is moved by itself on an otherwise nominal die; the slopes d ln(output) / d ln(I) times the
spreads of the currents give the shares of the variance. Left out: products of two deviations, so that the sum is
checked against dies on which all of them act (`Budget.drawn`).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from chipemu.chip import Chip
from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.errors import InputError
from chipemu.parameters import design_currents
from chipemu.spread import reference_sigma, relative_sigma
from chipemu.stimulus import regular
from chipemu.validation.check import Check, target, targets
from chipemu.validation.mismatch import N_NEURONS
from chipemu.validation.spread import chips_with, decay_times
from chipemu.validation.testbench import bench, cells, one_event

OUTPUTS = ("rate", "tau_mem", "epsp")
_STEP = 0.1  # of ln(I), about half a standard deviation
_INPUT, _WANTED_RATE, _WANTED_EPSP = 500.0, 50.0, 40e-3  # Hz, Hz, V
_MOST_WORDS = 64
_SETTLE, _WINDOW = 0.5, 2.0  # s
_DIES = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class Budget:
    """Spread of a neuron's outputs at an operating point, split by current.

    Attributes
    ----------
    device, point, model : str
        Of what, where, and whence the spreads come (``"measured"`` or ``"geometry"``).
    words : dict
        AMPA words that give the rate (under regular input of 500 Hz) and the EPSP.
    nominal : dict
        Value of each output without mismatch [Hz, s, V].
    parameters, classes : tuple of str
        Currents, and the class of transistors that copies each; ``"-"`` without one.
    area : dict
        Class to the gate area of one of its transistors [m^2].
    sigma : (parameter,) array
        sigma(ln I) at the currents of the point.
    slope : (output, parameter) array
        d ln(output) / d ln(I).
    drawn : (output,) array
        sigma(ln output) over the neurons of sampled dies, everything acting at once.
    """

    device: str
    point: str
    model: str
    words: dict[str, int]
    nominal: dict[str, float]
    parameters: tuple[str, ...]
    classes: tuple[str, ...]
    area: dict[str, float]
    sigma: np.ndarray
    slope: np.ndarray
    drawn: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """Variance of ln(output) that each current costs, (output, parameter)."""
        return (self.slope * self.sigma) ** 2

    @property
    def predicted(self) -> np.ndarray:
        """sigma(ln output) as the sum of all currents, (output,)."""
        return np.sqrt(self.variance.sum(1))

    def by_class(self, output: str) -> dict[str, float]:
        """Share of each class of transistors in the variance of an output, the largest first."""
        variance = self.variance[OUTPUTS.index(output)]
        names = np.array(self.classes)
        shares = {name: float(variance[names == name].sum() / variance.sum()) for name in dict.fromkeys(self.classes)}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def area_factor(self, output: str = "rate", within: float = 0.1, share: float = 0.95) -> float:
        """Factor on every gate area that brings a share of neurons within so much of the median."""
        return float((self.predicted[OUTPUTS.index(output)] / allowed_sigma(within, share)) ** 2)

    def best_areas(self, output: str = "rate", within: float = 0.1, share: float = 0.95) -> dict[str, float]:
        """Gate area of each class [m^2] that gives the yield with the smallest area in total.

        Minimum of sum n a under sum v a0 / a = V by a Lagrange multiplier: a = sqrt(v a0 / n) sum sqrt(n v a0) / V,
        with n transistors of a class that cost v at an area a0. A class that costs nothing is left as it is.
        """
        allowed = allowed_sigma(within, share) ** 2
        total = self.variance[OUTPUTS.index(output)].sum()
        cost = {name: self.by_class(output)[name] * total for name in self.area}
        count = {name: self.classes.count(name) for name in self.area}
        product = sum(np.sqrt(count[name] * cost[name] * area) for name, area in self.area.items())
        best = {name: np.sqrt(cost[name] * area / count[name]) * product / allowed for name, area in self.area.items()}
        return {name: float(best[name]) if cost[name] > 0 else area for name, area in self.area.items()}


def allowed_sigma(within: float, share: float) -> float:
    """sigma(ln x) of a lognormal of which a share lies within a fraction of its median.

    Raises
    ------
    InputError
        If ``within`` or ``share`` is not between 0 and 1.

    Examples
    --------
    >>> round(allowed_sigma(0.1, 0.95), 4)
    0.0509
    """

    for name, value in (("within", within), ("share", share)):
        if not 0 < value < 1:
            raise InputError(f"{name} = {value:g} is out of range; allowed between 0 and 1, both excluded")

    def missing(sigma: float) -> float:
        return norm.cdf(np.log1p(within) / sigma) - norm.cdf(np.log1p(-within) / sigma) - share

    return float(brentq(missing, 1e-4, 100.0))


def budget(device: DeviceSpec, point: OperatingPoint, model: str = "measured") -> Budget:
    """Split the spread of rate, tau_mem and EPSP by the currents that cause it; about 5 s.

    Parameters
    ----------
    device
        With mismatch; for areas also with ``[transistors]``.
    point
        Where.
    model : {"measured", "geometry"}
        Where the spreads of the currents come from.

    Returns
    -------
    Budget

    Raises
    ------
    InputError
        If the device has no spread, or no number of words makes a neuron of this point fire or gives an EPSP.

    Examples
    --------
    >>> from chipemu.device import load_device, load_point
    >>> device = load_device("dynapse1")
    >>> next(iter(budget(device, load_point("mismatch-fit", device)).by_class("tau_mem")))
    'leak'
    """
    design = design_currents(device, point)
    moved = tuple(name for name, current in design.items() if current > 0 and name != "I_tau2")
    (nominal_chip,) = chips_with(device, point, [0], (), mismatch_model=model)
    relative = {name: float(relative_sigma(device, model, name, np.array(design[name]))) for name in moved}
    sigma = np.array([reference_sigma(device, model, name) * relative[name] for name in moved])
    if not sigma.any():
        raise InputError(f"{device.path}: no spread from neuron to neuron (mismatch.within_core); nothing to split")
    words = {"rate": _words_for_rate(device, point, nominal_chip), "epsp": _words_for_epsp(device, point, nominal_chip)}
    probe = _one_moved_each(device, point, nominal_chip, moved, relative)
    found = _outputs(device, point, [probe], words)[:, 0, : 2 * len(moved) + 1]
    slope = (np.log(found[:, 0:-1:2]) - np.log(found[:, 1:-1:2])) / (2 * _STEP)
    copying = [device.transistors.copying(name) if device.transistors else None for name in moved]
    return Budget(
        device.name,
        point.name,
        model,
        words,
        dict(zip(OUTPUTS, map(float, found[:, -1]), strict=True)),
        moved,
        tuple(one.name if one else "-" for one in copying),
        {one.name: one.area for one in copying if one},
        sigma,
        slope,
        drawn_sigma(device, point, chips_with(device, point, _DIES, mismatch_model=model), words),
    )


def drawn_sigma(device: DeviceSpec, point: OperatingPoint, chips: Sequence[Chip], words: dict[str, int]) -> np.ndarray:
    """sigma(ln output) over all neurons of some dies (output,); silent and spiking ones are left out."""
    found = _outputs(device, point, chips, words)
    return np.array([np.log(one[one > 0]).std() for one in found])


def yield_at(device: DeviceSpec, point: OperatingPoint, split: Budget, factor: float, within: float = 0.1) -> float:
    """Share of neurons whose rate is within so much of the median, on dies with every gate area times ``factor``."""
    smaller = {"mismatch_within_core": factor**-0.5}
    chips = chips_with(device, point, _DIES, mismatch_model=split.model, scale=smaller)
    rate = firing_rates(device, point, chips, split.words["rate"])
    return float(np.mean(np.abs(rate / np.median(rate) - 1) < within))


def run(device: DeviceSpec) -> list[Check]:
    """Rows of this module, for a device with a spread."""
    if not any(device.mismatch.within_core.values()):
        return []
    point = load_point("mismatch-fit", device)
    split = budget(device, point)
    quarter = chips_with(device, point, _DIES, scale={"mismatch_within_core": 0.25})
    small = drawn_sigma(device, point, quarter, split.words)
    checks = []
    for o, output in enumerate(OUTPUTS):
        full, linear = target("budget", f"{output}, sum over drawn"), target("budget", f"{output}, at a quarter")
        checks += [full.compare(split.predicted[o] / split.drawn[o]), linear.compare(split.predicted[o] / 4 / small[o])]
    lines = targets("budget", "neurons within 10 % of the rate")
    return checks + [line.compare(100 * yield_at(device, point, split, split.area_factor())) for line in lines]


def _one_moved_each(
    device: DeviceSpec, point: OperatingPoint, chip: Chip, moved: Sequence[str], relative: dict[str, float]
) -> Chip:
    """A die on which neurons 2 k and 2 k + 1 have parameter k raised and lowered, and all else is nominal."""
    address = cells(device, point, N_NEURONS).address
    factors = {name: factor.copy() for name, factor in chip.neuron_factor.items()}
    for k, name in enumerate(moved):
        for neuron, step in ((2 * k, _STEP), (2 * k + 1, -_STEP)):
            core, place = address[neuron]
            factors[name][core, place] = np.exp(step / relative[name])
    return dataclasses.replace(chip, neuron_factor=factors)


def _outputs(device: DeviceSpec, point: OperatingPoint, chips: Sequence[Chip], words: dict[str, int]) -> np.ndarray:
    """Rate [Hz], tau_mem [s] and EPSP [V] of 256 neurons of some dies, (output, chip, neuron)."""
    leak = design_currents(device, point)["I_tau"]
    return np.stack(
        [
            firing_rates(device, point, chips, words["rate"]),
            decay_times(device, point, chips, leak),
            _epsps(device, point, chips, words["epsp"]),
        ]
    )


def firing_rates(
    device: DeviceSpec, point: OperatingPoint, chips: Sequence[Chip], words: int | Sequence[int]
) -> np.ndarray:
    """Rates (chip, neuron) from the first to the last spike under regular input; 0 below two spikes [Hz]."""
    n = N_NEURONS if isinstance(words, int) else len(words)
    emulator = bench(cells(device, point, n, words=words), point, chips)
    drive = np.full((len(chips), 1), _INPUT)
    emulator.advance(regular(drive, _SETTLE, emulator.dt), _SETTLE)
    window = emulator.advance(regular(drive, _WINDOW, emulator.dt), _WINDOW, record=True)
    cell = window.run * n + window.neuron
    time = (window.step + window.fraction) * emulator.dt
    first, last = np.full(len(chips) * n, np.inf), np.zeros(len(chips) * n)
    np.minimum.at(first, cell, time)
    np.maximum.at(last, cell, time)
    count = window.count.reshape(-1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 1, (count - 1) / (last - first), 0.0).reshape(len(chips), n)


def _epsps(device: DeviceSpec, point: OperatingPoint, chips: Sequence[Chip], words: int | Sequence[int]) -> np.ndarray:
    """EPSP heights (chip, neuron) of one event on membranes at rest; NaN where it made a spike [V]."""
    n = N_NEURONS if isinstance(words, int) else len(words)
    emulator = bench(cells(device, point, n, words=words), point, chips, dc=[0.0] * len(chips))
    recording = emulator.run(one_event(1e-3), 80e-3, ("V_mem",), every=5e-4)
    voltage = recording.V_mem.values
    height = voltage.max(2) - voltage[:, :, 0]
    height[recording.spike_run.values, recording.spike_neuron.values] = np.nan
    return height


def _words_for_rate(device: DeviceSpec, point: OperatingPoint, chip: Chip) -> int:
    """Number of words whose rate is nearest to 50 Hz."""
    rates = firing_rates(device, point, [chip], range(1, _MOST_WORDS + 1))[0]
    if not rates.any():
        raise InputError(
            f"a neuron of point '{point.name}' does not fire under {_INPUT:g} Hz through {_MOST_WORDS} AMPA words; "
            "choose a point whose neurons can be driven"
        )
    return int(np.argmin(np.abs(rates - _WANTED_RATE))) + 1


def _words_for_epsp(device: DeviceSpec, point: OperatingPoint, chip: Chip) -> int:
    """Number of words whose EPSP is nearest to 40 mV."""
    heights = _epsps(device, point, [chip], range(1, _MOST_WORDS + 1))[0]
    seen = heights > 1e-3
    if not seen.any():
        raise InputError(
            f"one event through 1 to {_MOST_WORDS} AMPA words gives no EPSP between 1 mV and a spike at point "
            f"'{point.name}'; choose a point with another weight"
        )
    return int(np.nanargmin(np.where(seen, np.abs(heights - _WANTED_EPSP), np.nan))) + 1
