"""What calibration leaves of the differences between cores, and that it does not touch those between neurons.

A core mean is the mean rate of a core's neurons at one drive over that of the nominal chip.  Its spread is the standard
deviation over the 40 cores of ten dies with every effect on.  The spread within a core is the coefficient of variation
over its neurons: of dead times and membrane time constants before and after; of rates, which move with the mean, beside
the same neurons on dies whose cores are alike.  Where neurons are trimmed one by one, their spread over a whole die is
compared before and after instead, as calix does on BrainScaleS-2.
"""

import dataclasses

import numpy as np

from chipemu.calibration import Calibration, calibrate
from chipemu.calibration.bench import WINDOW, Bench, used_receptors, wire_bench
from chipemu.calibration.leak_choice import has_two_leaks
from chipemu.calibration.membrane import Membrane
from chipemu.calibration.trim import Trimming
from chipemu.chip import sample_chip
from chipemu.device import DeviceSpec
from chipemu.emulator import Emulator
from chipemu.mapping import MappedNetwork
from chipemu.mapping.placement import Placement, usable_neurons
from chipemu.network import Network
from chipemu.parameters import BiasSetting, nominal_charge, point_setting
from chipemu.validation.check import Check, targets
from chipemu.validation.testbench import holding_current, law_point_name, silence

_DIES = tuple(range(100, 110))
_CHOOSING = 5  # dies whose neurons also choose their leak
_N = 32  # neurons of each core
_POINT = "output"  # or its like on another family of chips
_MEANS = "spread of core means, after over before"
_NEURONS = "spread over neurons, calibrated over uncalibrated"
_BETWEEN = ("mismatch_between_cores", "mismatch_between_dies")
# Mean synaptic currents [A] never used while calibrating: more excitation, and a balance of smaller currents.
_NEVER_TRIED = ({"ampa": 1.2e-9}, {"ampa": 1.2e-9, "gaba_b": 0.4e-9})


def every_core(device: DeviceSpec, n: int = _N) -> MappedNetwork:
    """A network with ``n`` neurons on each core of a device, all at one operating point, on all four receptors."""
    point, network, address = law_point_name(_POINT, device), Network("cores"), []
    for core, usable in enumerate(usable_neurons(device.chip)):
        cells = network.population(f"core {core}", n, point=point)
        address += [(core, neuron) for neuron in usable[:n]]
        for receptor in ("ampa", "nmda", "gaba_a", "gaba_b"):
            network.project(network.sources(f"{receptor} {core}", 1), cells, receptor=receptor)
    return MappedNetwork(network, device, Placement(np.array(address, np.int32), (point,) * device.chip.n_cores))


def unseen_rates(mapped: MappedNetwork, chips, setting: BiasSetting | None, points) -> np.ndarray:
    """Rates (drive, chip, core, neuron) at drives that calibration never tried, under noise that it did not see."""
    bench = Bench(chips, wire_bench(mapped, used_receptors(mapped)), points, seed=1000, setting=setting)
    rates = []
    for currents in _NEVER_TRIED:
        drive = {p: {r: a / nominal_charge(mapped.device, points[p], r) for r, a in currents.items()} for p in points}
        rates.append(_by_core(bench.counts([drive]) / WINDOW, mapped))
    return np.array(rates)


def dead_times(mapped: MappedNetwork, chips, setting: BiasSetting, points) -> np.ndarray:
    """t_ref (chip, core, neuron) as the interval under a current that charges the membrane at once [s]."""
    emulator, duration = _with_dc(mapped, chips, setting, points, 5e-6), 0.2
    window = emulator.advance(silence(emulator, duration), duration, record=True)
    cell = window.run * mapped.n_neurons + window.neuron
    time = (window.step + window.fraction) * emulator.dt
    first, last = np.full(len(chips) * mapped.n_neurons, np.inf), np.zeros(len(chips) * mapped.n_neurons)
    np.minimum.at(first, cell, time)
    np.maximum.at(last, cell, time)
    count = window.count.reshape(-1)
    dead = count < 2
    return _by_core(np.where(dead, np.nan, (last - first) / np.where(dead, 1, count - 1)), mapped)


def time_constants(mapped: MappedNetwork, chips, setting: BiasSetting, points) -> np.ndarray:
    """tau_mem (chip, core, neuron) from the straight fall of V_mem after a constant current ends [s]."""
    held = holding_current(mapped.device, points[mapped.core_point[0]], 200e-12)
    emulator = _with_dc(mapped, chips, setting, points, held)
    emulator.advance(silence(emulator, 0.5), 0.5)
    emulator.set_biases(_dc(mapped.device, setting, 0.0))
    recording = emulator.run(silence(emulator, 10e-3), 10e-3, ("I_mem",), every=1e-3)
    fall = np.polyfit(recording.time.values, np.log(recording.I_mem.values).reshape(-1, recording.sizes["time"]).T, 1)
    return _by_core(-1 / fall[0], mapped)


def _dc(device: DeviceSpec, setting: BiasSetting, current: float) -> BiasSetting:
    currents = setting.currents.copy()
    currents[:, :, setting.index(device.register("I_dc"))] = current
    return dataclasses.replace(setting, currents=currents)


def _with_dc(mapped, chips, setting, points, current) -> Emulator:
    return Emulator(chips, mapped, points=points, setting=_dc(mapped.device, setting, current), precision="float64")


def _by_core(values: np.ndarray, mapped: MappedNetwork) -> np.ndarray:
    """(chip, core, neuron) from the neurons of all chips in a row."""
    n_cores = mapped.device.chip.n_cores
    return values.reshape(-1, n_cores, mapped.n_neurons // n_cores)


def cv(values: np.ndarray) -> np.ndarray:
    """Coefficient of variation over the neurons of each core that have a value."""
    return np.nanstd(values, axis=-1) / np.nanmean(values, axis=-1)


def _between(result: Calibration) -> dict[str, float]:
    """Spread of core means of every calibrated quantity, after over before."""
    unseen = {quantity for _, quantity in result.unobserved}
    seen = [q for q, name in enumerate(result.names) if name not in unseen]
    return {
        f"{_MEANS}, {result.names[q]}": float(result.after[:, :, q].std() / result.before[:, :, q].std()) for q in seen
    }


def _unseen(result: Calibration, mapped: MappedNetwork, start: BiasSetting) -> dict[str, float]:
    """The same at unseen drives; and the CV within a core over that of the same neurons on cores that are alike."""
    before, after = (unseen_rates(mapped, result.chips, s, result.points) for s in (start, result.setting))
    like = [sample_chip(mapped.device, chip.seed, without=_BETWEEN) for chip in result.chips]
    alike = unseen_rates(mapped, like, None, result.points)
    alive = after.any(axis=0)  # a dead neuron lowers the mean of its core and is not calibration's to mend
    spread = [np.mean(rates, axis=-1, where=alive).std(axis=(1, 2)).mean() for rates in (before, after)]
    got = {f"{_MEANS}, drives never tried": float(spread[1] / spread[0])}
    if result.trimming is None:  # else neurons are meant to become more alike
        got["spread within a core over that of like cores, rate"] = float(np.median(cv(after) / cv(alike)))
    return got


def _within(result: Calibration, mapped: MappedNetwork, start: BiasSetting) -> dict[str, float]:
    """CV within a core, after over before, of what the membrane shows."""
    got = {}
    for name, measure in (("t_ref", dead_times), ("tau_mem", time_constants)):
        before, after = (measure(mapped, result.chips, s, result.points) for s in (start, result.setting))
        got[f"spread within a core, {name}, after over before"] = float(np.median(cv(after) / cv(before)))
    return got


def _with_core_times(result: Calibration, mapped: MappedNetwork, start: BiasSetting) -> dict[str, float]:
    """Spread of core means, after over before, where calibration reads membranes too."""
    read = calibrate(result.chips, mapped, core_times=True)
    kinds = {"t_ref": dead_times, "tau_mem": time_constants, "rate at drives never tried": unseen_rates}
    got = {}
    for name, measure in kinds.items():
        before, after = (measure(mapped, result.chips, s, result.points) for s in (start, read.setting))
        alive = after.any(axis=0) if measure is unseen_rates else np.isfinite(after)  # the dead are not to be mended
        spread = [
            np.nanmean(np.where(alive, values, np.nan), axis=-1).std(axis=(-2, -1)).mean() for values in (before, after)
        ]
        got[f"{_MEANS}, membranes read, {name}"] = float(spread[1] / spread[0])
    return got


def _chosen(result: Calibration, mapped: MappedNetwork) -> dict[str, float]:
    """What a choice between two leak registers leaves of the spread within a core where firing starts."""
    leaks = calibrate(result.chips[:_CHOOSING], mapped, leak_choice=True).leaks
    return {"spread within a core, start of firing, two leaks over one": float(np.median(leaks.after / leaks.before))}


def _neurons(result: Calibration, mapped: MappedNetwork, start: BiasSetting) -> dict[str, float]:
    """Spread over the neurons of a die, calibrated over uncalibrated, for the die that comes off worst.

    Read without the steps of the converter and under noise that calibration did not see.
    """
    used = used_receptors(mapped)
    bench = Bench(result.chips, wire_bench(mapped, used), result.points, seed=1000, setting=start)
    membrane, everyone = Membrane(bench, used, adc_step=0.0), np.ones(len(result.chips), bool)
    names = result.trimming.names
    read = [np.stack([membrane.read(n, s, everyone) for n in names], axis=2) for s in (start, result.setting)]
    before, after = Trimming(names, *read).spread
    return {f"{_NEURONS}, {name}": float(worst) for name, worst in zip(names, (after / before).max(0), strict=True)}


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module, on a device whose cores differ."""
    if not any((*device.mismatch.between_cores.values(), *device.mismatch.between_dies.values())):
        return []
    mapped = every_core(device)
    result = calibrate([sample_chip(device, seed) for seed in _DIES], mapped)
    start = point_setting(mapped, result.chips, result.points)
    got = _between(result) | _unseen(result, mapped, start)
    if result.trimming:
        got |= _neurons(result, mapped, start)
    else:
        got |= _within(result, mapped, start) | _with_core_times(result, mapped, start)
        if has_two_leaks(device):
            got |= _chosen(result, mapped)
    return [line.compare(got[line.check]) for line in targets("calibration") if line.check in got]
