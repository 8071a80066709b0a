"""Calibrating many dies at once, from what a laboratory sees: spikes, and the design it hoped for.

The target of every rate is what the nominal chip (same device and operating points, no mismatch, no noise) does at the
same stimulus.  Biases are per core, so what is compared is the mean rate of the placed neurons of a core.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.calibration.bench import Bench, used_receptors, wire_bench
from chipemu.calibration.quantities import QUANTITIES, Probe, choose_probes, n_candidates
from chipemu.calibration.result import Calibration
from chipemu.calibration.search import MOST_STEPS, Knobs, Search, log_ratio
from chipemu.chip import Chip, sample_chip
from chipemu.errors import InputError
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork
from chipemu.parameters import BiasSetting, load_points, point_setting

_CLOSE = 0.04  # |ln(ratio)| at which a core is left alone: well inside the tolerance, near the noise of one trial
_NOMINAL_WINDOW = 4.0  # s, so that whole spikes of identical neurons do not show
_SLOPE_STEP = 0.08  # in ln(current), for the slopes of a typical core


def calibrate(
    chips: Sequence[Chip],
    mapped: MappedNetwork,
    *,
    seed: int = 0,
    points: Mapping | None = None,
    most_steps: int = MOST_STEPS,
) -> Calibration:
    """Tune the biases of every core of some dies until its rates are within 10 % of the nominal chip's.

    Parameters
    ----------
    chips
        Dies of one device; each is calibrated by itself, whatever others are given with it.
    mapped
        The network that will run: its neurons are measured, on the receptors it uses.
    seed
        Of temporal noise during the trials.
    points
        Operating points by name; by default loaded by the names in the mapping.
    most_steps
        Times the biases are changed at most; each costs one trial a quantity.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If there is no chip, or one is of another device than the mapping.

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network
    >>> device, net = load_device("ideal"), Network("one")
    >>> source, pop = net.sources("in", 1), net.population("cells", 4, point="output")
    >>> _ = net.project(source, pop, receptor="ampa", words=8)
    >>> result = calibrate([sample_chip(device, seed=1)], map_network(net, device))
    >>> result.success.tolist(), result.trials.tolist()  # exact currents and no mismatch: nothing to do
    ([True], [0])
    """
    _check_chips(chips, mapped)
    points = dict(points) if points is not None else load_points(mapped)
    start = point_setting(mapped, chips, points)
    if all(_is_exact(chip) for chip in chips) or not mapped.n_neurons:
        return _nothing_to_do(chips, mapped, points, start)
    nominal = _Nominal(mapped, points)
    dies = Bench(chips, wire_bench(mapped, nominal.used), points, seed=seed, setting=start)
    trials = _Trials(dies, nominal, mapped)
    knobs = Knobs(chips, start, nominal.knobs)
    before, search = _search(trials, knobs, nominal, mapped, most_steps)
    setting, _ = knobs.setting(search.best)
    dies.set_biases(setting)
    after = trials.measure(np.ones(len(chips), bool))
    target = trials.target
    ledger = Ledger(calibration_trials=trials.count, chip_time_s=np.asarray(dies.emulator.ledger.chip_time_s))
    return Calibration(
        tuple(chips), points, setting, QUANTITIES, before / target, after / target, ledger, nominal.unobserved
    )


def _search(trials: "_Trials", knobs: Knobs, nominal: "_Nominal", mapped: MappedNetwork, most_steps: int):
    """Rates before, and the finished search."""
    slope = nominal.slopes(mapped)
    x, active = knobs.start, np.ones(len(knobs.start), bool)
    search = Search(x, np.repeat(slope[None], len(x), axis=0), _CLOSE)
    search.done[:, [p is None for p in mapped.core_point]] = True
    before = None
    for _ in range(most_steps):
        setting, x = knobs.setting(x)
        trials.bench.set_biases(setting)
        rates = trials.measure(active)
        before = rates if before is None else before
        search.learn(x, log_ratio(rates, trials.target), active[:, None] & ~search.done)
        active = ~search.done.all(1)
        if not active.any():
            break
        x = knobs.bounded(search.propose())
    return before, search


def _check_chips(chips: Sequence[Chip], mapped: MappedNetwork) -> None:
    if not chips:
        raise InputError("calibration needs at least one chip")
    for chip in chips:
        if chip.device.hash != mapped.device.hash:
            raise InputError(
                f"die {chip.seed} is of {chip.device.name}, version {chip.device.hash[:8]}; the network is mapped on "
                f"{mapped.device.name}, version {mapped.device.hash[:8]}"
            )


def _is_exact(chip: Chip) -> bool:
    """Whether biases are exact by design: no generator, and factors that are all 1."""
    factors = [*chip.core_factor.values(), *chip.neuron_factor.values()]
    return chip.device.bias_generator is None and all(np.all(factor == 1) for factor in factors)


def _nothing_to_do(chips, mapped, points, setting: BiasSetting) -> Calibration:
    empty = np.full((len(chips), mapped.device.chip.n_cores, len(QUANTITIES)), np.nan)
    ledger = Ledger(calibration_trials=np.zeros(len(chips), np.int64), chip_time_s=np.zeros(len(chips)))
    return Calibration(tuple(chips), points, setting, QUANTITIES, empty, empty.copy(), ledger, {})


class _Nominal:
    """The design: drives that suit it, its rates at them, and how they follow the biases."""

    def __init__(self, mapped: MappedNetwork, points: Mapping):
        self.points, self.used = points, used_receptors(mapped)
        self._chip = sample_chip(mapped.device, 0, without=["mismatch", "noise"])
        self._mapped = wire_bench(mapped, self.used, single=True)
        all_probes = choose_probes(mapped.device, points, self.used, self._bench(n_candidates()))
        self.unobserved = {
            (p, q): probe.unobserved
            for p, found in all_probes.items()
            for q, probe in found.items()
            if probe.unobserved
        }
        self.probes: dict[str, dict[str, Probe]] = {
            p: {q: probe for q, probe in found.items() if not probe.unobserved} for p, found in all_probes.items()
        }
        names = {knob for found in self.probes.values() for probe in found.values() for knob in probe.knobs}
        self.knobs = tuple(sorted(names))
        self.drives = [{p: found[q].drive for p, found in self.probes.items() if q in found} for q in QUANTITIES]

    def _bench(self, n: int) -> Bench:
        return Bench([self._chip] * n, self._mapped, self.points)

    def _core(self, point: str) -> int:
        return self._mapped.core_point.index(point)

    def rates(self, mapped: MappedNetwork) -> np.ndarray:
        """(core, quantity) target rates [Hz]; NaN where there is none."""
        bench = self._bench(1)
        measured = [bench.measure([drive], window=_NOMINAL_WINDOW)[0] if drive else None for drive in self.drives]
        target = np.full((len(mapped.core_point), len(QUANTITIES)), np.nan)
        for core, point in enumerate(mapped.core_point):
            for q, drive in enumerate(self.drives):
                if point in drive:
                    target[core, q] = measured[q][self._core(point)]
        return target

    def slopes(self, mapped: MappedNetwork) -> np.ndarray:
        """(core, quantity, knob) d ln(rate) / d ln(current) of typical cores; 0 for a knob a point does not turn.

        Neurons that differ as the design expects fall silent one by one, where identical ones would all at once: a nominal
        core would have cliffs for slopes.
        """
        n = len(self.knobs)
        typical = sample_chip(mapped.device, 0, without=["mismatch_between_cores", "mismatch_between_dies", "noise"])
        bench = Bench([typical] * (2 * n), wire_bench(mapped, self.used), self.points)
        setting = bench.emulator.setting
        for k, knob in enumerate(self.knobs):
            for side, step in enumerate((-_SLOPE_STEP, _SLOPE_STEP)):
                setting.currents[2 * k + side, :, setting.index(knob)] *= np.exp(step)
        bench.set_biases(setting)
        slope = np.zeros((len(mapped.core_point), len(QUANTITIES), n))
        for q, drive in enumerate(self.drives):
            rates = bench.measure([drive]) if drive else None
            for core, point in enumerate(mapped.core_point):
                if point in drive:
                    turned = {knob for probe in self.probes[point].values() for knob in probe.knobs}
                    mine = np.array([knob in turned for knob in self.knobs])
                    slope[core, q] = mine * log_ratio(rates[1::2, core], rates[0::2, core]) / (2 * _SLOPE_STEP)
        return slope


class _Trials:
    """One trial a quantity on every die, and how many each die has had."""

    def __init__(self, bench: Bench, nominal: _Nominal, mapped: MappedNetwork):
        self.bench, self._drives = bench, nominal.drives
        self.target = nominal.rates(mapped)
        self.count = np.zeros(bench.emulator.n_runs, np.int64)

    def measure(self, active: np.ndarray) -> np.ndarray:
        """(chip, core, quantity) rates [Hz]; dies that are not ``active`` (chip,) stand still and show 0."""
        rates = np.full((len(active), *self.target.shape), np.nan)
        for q, drive in enumerate(self._drives):
            if drive:
                rates[:, :, q] = self.bench.measure([drive], active=active)
                self.count += active
        return rates
