"""The chip as designed: drives that suit it, the rates it answers with, and trials of dies against them."""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.calibration.bench import Bench, used_receptors, wire_bench
from chipemu.calibration.membrane import Deviations
from chipemu.calibration.quantities import QUANTITIES, Probe, choose_probes, n_candidates
from chipemu.calibration.search import log_ratio
from chipemu.chip import Chip, sample_chip
from chipemu.errors import InputError
from chipemu.mapping import MappedNetwork

_NOMINAL_WINDOW = 4.0  # s, so that whole spikes of identical neurons do not show
_SLOPE_STEP = 0.08  # in ln(current), for the slopes of a typical core


def check_chips(chips: Sequence[Chip], mapped: MappedNetwork) -> bool:
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


class Nominal:
    """The design: drives that suit it, its rates at them, and how they follow the biases, but those that are held."""

    def __init__(self, mapped: MappedNetwork, points: Mapping, quantised: bool, held: Sequence[str] = ()):
        self.points, self.used = points, used_receptors(mapped)
        self._exact = () if quantised else ("bias_quantisation",)
        self._chip = sample_chip(mapped.device, 0, without=["mismatch", "noise", "dead", *self._exact])
        self._mapped = wire_bench(mapped, self.used, single=True)
        all_probes = choose_probes(mapped.device, points, self.used, self.bench(n_candidates()), held)
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

    def deviations(self, dies: Bench, names: Sequence[str], active: np.ndarray) -> Deviations:
        """Readings of the membranes of some dies beside those of the nominal chip."""
        return Deviations(dies, self.bench(1), self.used, names, active)

    def bench(self, n: int) -> Bench:
        """Copies of the nominal chip, one neuron an operating point."""
        return Bench([self._chip] * n, self._mapped, self.points)

    def _core(self, point: str) -> int:
        return self._mapped.core_point.index(point)

    def rates(self, mapped: MappedNetwork) -> np.ndarray:
        """(core, quantity) target rates [Hz]; NaN where there is none."""
        bench = self.bench(1)
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


class Trials:
    """One trial a quantity on every die, and how many each die has had.

    Neurons that stay silent in the whole first round are dead, and left out of the means from there on, on dies of a
    kind of chip that can have dead neurons: a laboratory knows that much.
    """

    def __init__(self, bench: Bench, nominal: Nominal, mapped: MappedNetwork):
        self.bench, self.mapped, self._drives = bench, mapped, nominal.drives
        self.target = nominal.rates(mapped)
        self.count = np.zeros(bench.emulator.n_runs, np.int64)
        self._roll = np.array([chip.defects.can_kill_neurons for chip in bench.emulator.chips])

    def measure(self, active: np.ndarray) -> np.ndarray:
        """(chip, core, quantity) rates [Hz]; dies that are not ``active`` (chip,) stand still and show NaN."""
        rates = np.full((len(active), *self.target.shape), np.nan)
        for q, drive in enumerate(self._drives):
            if drive:
                rates[active, :, q] = self.bench.measure([drive], active=active)[active]
                self.count += active
        first = self._roll & active
        self._roll = self._roll & ~active
        return rates * self.bench.leave_out_silent(first)[..., None] if first.any() else rates
