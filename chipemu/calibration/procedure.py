"""Calibrating many dies at once, from what a laboratory sees: spikes, membranes if asked, and its design.

The target of every rate is what the nominal chip (same device and operating points, no mismatch, no noise) does at the
same stimulus.  Biases are per core, so what is compared is the mean rate of the placed neurons of a core.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.calibration.bench import Bench, wire_bench
from chipemu.calibration.core_times import READ, CoreTimes, check_cores_are_read, held_biases
from chipemu.calibration.leak_choice import REGISTERS, LeakChooser, has_two_leaks
from chipemu.calibration.nominal import Nominal, Trials, check_chips
from chipemu.calibration.quantities import QUANTITIES
from chipemu.calibration.result import Calibration
from chipemu.calibration.search import MOST_STEPS, Knobs, Search, log_ratio
from chipemu.calibration.trim import Trimmer, trimmed_readings
from chipemu.chip import Chip
from chipemu.device import DeviceSpec
from chipemu.errors import InputError
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork
from chipemu.parameters import BiasSetting, load_points, point_setting

_CLOSE = 0.04  # |ln(ratio)| at which a core is left alone: well inside the tolerance, near the noise of one trial


def calibrate(
    chips: Sequence[Chip],
    mapped: MappedNetwork,
    *,
    seed: int = 0,
    points: Mapping | None = None,
    most_steps: int = MOST_STEPS,
    leak_choice: bool = False,
    core_times: bool = False,
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
    leak_choice
        Set the second leak register to another current and let every neuron take the one that suits it.
    core_times
        Read membranes too, and first bring time constant and dead time of the mean neuron of every core to the nominal
        ones. By default calibration sees spikes alone: it brings rates together, and time constants not.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If there is no chip, one is of another device than the mapping, only some have bias codes, or neurons shall
        choose a leak where they have but one or trim it, or cores be read whose neurons trim or choose their times.

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network, sample_chip
    >>> device, net = load_device("ideal"), Network("one")
    >>> source, pop = net.sources("in", 1), net.population("cells", 4, point="output")
    >>> _ = net.project(source, pop, receptor="ampa", words=8)
    >>> result = calibrate([sample_chip(device, seed=1)], map_network(net, device))
    >>> result.success.tolist(), result.trials.tolist()  # exact currents and no mismatch: nothing to do
    ([True], [0])
    """
    quantised = check_chips(chips, mapped)
    if leak_choice:
        _check_two_leaks(mapped.device)
    held = ()
    if core_times:
        if leak_choice:
            raise InputError(
                "neurons that choose a leak would undo the time constant of their core; leave one option out"
            )
        check_cores_are_read(mapped.device)
        held = held_biases(mapped.device)
    points = dict(points) if points is not None else load_points(mapped)
    start = point_setting(mapped, chips, points)
    # a die without mismatch is the nominal chip: there is nothing to bring nearer to it
    imperfect = np.array([not chip.is_nominal for chip in chips])
    unknown = np.full((len(chips), mapped.device.chip.n_cores, len(QUANTITIES)), np.nan)
    nominal = Nominal(mapped, points, quantised, held) if imperfect.any() and mapped.n_neurons else None
    if nominal is None or not nominal.knobs:
        none = Ledger(calibration_trials=np.zeros(len(chips), np.int64), chip_time_s=np.zeros(len(chips)))
        notes = nominal.unobserved if nominal else {}
        return Calibration(tuple(chips), points, start, QUANTITIES, unknown, unknown.copy(), none, notes)
    dies = Bench(chips, wire_bench(mapped, nominal.used), points, seed=seed, setting=start)
    trials = Trials(dies, nominal, mapped)
    before = trials.measure(imperfect)
    names = READ if core_times else trimmed_readings(mapped.device)
    readings = nominal.deviations(dies, names, imperfect) if names else None
    trimmer = Trimmer(dies, readings, imperfect) if mapped.device.trim else None
    chooser = LeakChooser(trials, nominal, imperfect) if leak_choice else None
    first = [CoreTimes(dies, readings, imperfect).tune] if core_times else trimmer.stages if trimmer else [None]
    stages = [None, chooser.choose] if chooser else first
    setting = _tune(trials, nominal, start, imperfect, most_steps, before, stages)
    dies.set_biases(setting)
    after = trials.measure(imperfect)
    trimming, leaks = trimmer and trimmer.result(setting), chooser and chooser.result(setting)
    count = trials.count + (readings.trials if readings else 0)
    ledger = Ledger(calibration_trials=count, chip_time_s=np.asarray(dies.emulator.ledger.chip_time_s))
    ratios = before / trials.target, after / trials.target
    return Calibration(tuple(chips), points, setting, QUANTITIES, *ratios, ledger, nominal.unobserved, trimming, leaks)


def _check_two_leaks(device: DeviceSpec) -> None:
    where = f"{device.name} ({device.path})"
    if not has_two_leaks(device):
        raise InputError(f"neurons of {where} have one leak, no second to choose; leave out leak_choice")
    if device.trim is not None:
        raise InputError(f"neurons of {where} trim their leak; leave out leak_choice")


def _tune(trials: Trials, nominal: Nominal, setting, imperfect, most_steps: int, rates, stages) -> BiasSetting:
    """The setting after stages that each change something by readings (or nothing) and then search every core."""
    slopes = nominal.slopes(trials.mapped)
    for stage in stages:
        if stage is not None:
            setting, rates = stage(setting), None
        # where some neurons leak through the second register, both move together, or the choice would come undone
        groups = {} if setting.second_leak is None else {REGISTERS[0]: REGISTERS[1:]}
        knobs = Knobs(trials.bench.emulator.chips, setting, nominal.knobs, groups)
        search = _search(trials, knobs, slopes, imperfect, most_steps, rates)
        setting, _ = knobs.setting(search.best)
    return setting


def _search(trials: Trials, knobs: Knobs, slope: np.ndarray, imperfect: np.ndarray, most_steps: int, rates) -> Search:
    """The finished search; ``rates`` are those at its start, None where they must be measured first."""
    x, active = knobs.start, imperfect
    search = Search(x, np.repeat(slope[None], len(x), axis=0), _CLOSE)
    search.done[:] = ~imperfect[:, None] | np.isnan(trials.target).all(1)
    for _ in range(most_steps):
        if rates is None:
            setting, x = knobs.setting(x)
            trials.bench.set_biases(setting)
            rates = trials.measure(active)
        search.learn(x, log_ratio(rates, trials.target), active[:, None] & ~search.done)
        active = ~search.done.all(1)
        if not active.any():
            break
        x, rates = knobs.bounded(search.propose()), None
    return search
