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
from chipemu.parameters import load_points, point_setting

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
        If there is no chip, one is of another device than the mapping, or only some have bias codes.

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
    quantised = _check_chips(chips, mapped)
    points = dict(points) if points is not None else load_points(mapped)
    start = point_setting(mapped, chips, points)
    # a die without mismatch is the nominal chip: there is nothing to bring nearer to it
    imperfect = np.array([not chip.is_nominal for chip in chips])
    unknown = np.full((len(chips), mapped.device.chip.n_cores, len(QUANTITIES)), np.nan)
    nominal = _Nominal(mapped, points, quantised) if imperfect.any() and mapped.n_neurons else None
    if nominal is None or not nominal.knobs:
        none = Ledger(calibration_trials=np.zeros(len(chips), np.int64), chip_time_s=np.zeros(len(chips)))
        notes = nominal.unobserved if nominal else {}
        return Calibration(tuple(chips), points, start, QUANTITIES, unknown, unknown.copy(), none, notes)
    dies = Bench(chips, wire_bench(mapped, nominal.used), points, seed=seed, setting=start)
    trials = _Trials(dies, nominal, mapped)
    # a laboratory knows whether its kind of chip can have dead neurons, not which
    can_be_dead = imperfect & np.array([chip.defects.can_kill_neurons for chip in chips])
    if can_be_dead.any():
        trials.call_the_roll(can_be_dead)
    knobs = Knobs(chips, start, nominal.knobs)
    before, search = _search(trials, knobs, nominal.slopes(mapped), imperfect, most_steps)
    setting, _ = knobs.setting(search.best)
    dies.set_biases(setting)
    after = trials.measure(imperfect)
    ledger = Ledger(calibration_trials=trials.count, chip_time_s=np.asarray(dies.emulator.ledger.chip_time_s))
    ratios = before / trials.target, after / trials.target
    return Calibration(tuple(chips), points, setting, QUANTITIES, *ratios, ledger, nominal.unobserved)


def _search(trials: "_Trials", knobs: Knobs, slope: np.ndarray, imperfect: np.ndarray, most_steps: int):
    """Rates before, and the finished search."""
    x, active = knobs.start, imperfect
    search = Search(x, np.repeat(slope[None], len(x), axis=0), _CLOSE)
    search.done[:] = ~imperfect[:, None] | np.isnan(trials.target).all(1)
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


def _check_chips(chips: Sequence[Chip], mapped: MappedNetwork) -> bool:
    """Whether the dies have codes for biases; they must agree, because the nominal chip has them or not."""
    if not chips:
        raise InputError("calibration needs at least one chip")
    for chip in chips:
        if chip.device.hash != mapped.device.hash:
            raise InputError(
                f"die {chip.seed} is of {chip.device.name}, version {chip.device.hash[:8]}; the network is mapped on "
                f"{mapped.device.name}, version {mapped.device.hash[:8]}"
            )
        if chip.applied.on("bias_quantisation") != chips[0].applied.on("bias_quantisation"):
            raise InputError(
                f"die {chips[0].seed} and die {chip.seed} differ in effect 'bias_quantisation'; calibrate dies with "
                "codes and dies with exact currents in two calls"
            )
    return chips[0].applied.on("bias_quantisation")


class _Nominal:
    """The design: drives that suit it, its rates at them, and how they follow the biases."""

    def __init__(self, mapped: MappedNetwork, points: Mapping, quantised: bool):
        self.points, self.used = points, used_receptors(mapped)
        self._exact = () if quantised else ("bias_quantisation",)
        self._chip = sample_chip(mapped.device, 0, without=["mismatch", "noise", "dead", *self._exact])
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

        Neurons that differ as the design expects fall silent one by one, where identical ones would all at once: a
        nominal core would have cliffs for slopes.
        """
        n = len(self.knobs)
        without = ["mismatch_between_cores", "mismatch_between_dies", "noise", "dead", *self._exact]
        typical = sample_chip(mapped.device, 0, without=without)
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

    def call_the_roll(self, active: np.ndarray) -> None:
        """Find the silent neurons of dies ``active`` (chip,) in one trial at the drive with the highest target."""
        highest = np.nanmax(np.where(np.isnan(self.target), -1.0, self.target), axis=0)
        self.bench.measure([self._drives[int(highest.argmax())]], active=active)
        self.bench.leave_out_silent()
        self.count += active

    def measure(self, active: np.ndarray) -> np.ndarray:
        """(chip, core, quantity) rates [Hz]; dies that are not ``active`` (chip,) stand still and show NaN."""
        rates = np.full((len(active), *self.target.shape), np.nan)
        for q, drive in enumerate(self._drives):
            if drive:
                rates[active, :, q] = self.bench.measure([drive], active=active)[active]
                self.count += active
        return rates
