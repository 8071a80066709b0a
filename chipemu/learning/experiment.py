"""One experiment from device file to accuracy: draw dies, calibrate, map, train, test with the feedback off."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from chipemu.ageing import check_age
from chipemu.calibration import Calibration, calibrate, carry_over
from chipemu.chip import Chip, sample_chip
from chipemu.effects import switches
from chipemu.emulator import Emulator
from chipemu.errors import InputError
from chipemu.learning.circuit import Circuit, build_circuit
from chipemu.learning.evaluate import Evaluation, evaluate
from chipemu.learning.handover import cloned, read_image
from chipemu.learning.hidden import TRAINED, check_place, code_max, first_weights
from chipemu.learning.homeostasis import equalise_rates
from chipemu.learning.latches import choose
from chipemu.learning.recipes import usual_controller
from chipemu.learning.regions import check_plane, map_plane
from chipemu.learning.result import Measured, charge, merge_folds, result
from chipemu.learning.rules import ChipLearner, HostLearner
from chipemu.learning.session import Session
from chipemu.learning.settings import (
    Settings,
    chip_eta,
    chip_rules,
    hidden_layer,
    host_rule,
    is_closed,
    output_latches,
    place,
    usual_length,
)
from chipemu.learning.train import train
from chipemu.learning.transfer import Transfer, check_transfer, transferred
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork, load_mapping, map_network, repair
from chipemu.silencing import silence_hot
from chipemu.store import Capacitor
from chipemu.tasks import Task, load_folds

_FIRST_WEIGHTS = 2  # child of a run's seeds
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class _Laboratory:
    """What all folds of a task share: the dies, repaired and calibrated, and the network on them.

    ``ledger`` holds what that took, one entry a die.
    """

    settings: Settings
    where: str
    circuit: Circuit
    mapped: MappedNetwork
    chips: list[Chip]
    calibration: Calibration | None
    ledger: Ledger


def learn(settings: Settings, tick: Tick | None = None) -> xr.Dataset:
    """Run one experiment on every die with every noise seed.

    A task with folds is trained and tested once a fold, each time from nothing on the same calibrated dies; accuracies
    are those of all presentations together.

    Parameters
    ----------
    settings
        What to do.
    tick
        Called as ``tick(stage, done, total)`` for progress.

    Returns
    -------
    xarray.Dataset
        Accuracies, target errors, latency, spikes and energy over (chip, noise), confusion, validation history,
        trained weights, what is special about each die, ledger; all in `chipemu/variables.py`.

    Raises
    ------
    InputError
        If the settings do not fit together.

    Examples
    --------
    >>> from chipemu.learning.train import Budget
    >>> quick = Settings("binary", chip_seeds=(1,), without=("calibration",), budget=Budget(4, 1, 2))
    >>> result = learn(quick)
    >>> dict(result.sizes)["chip"], "accuracy_validation" in result
    (1, True)
    """
    if settings.split not in ("validation", "test"):
        raise InputError(f"split is '{settings.split}'; allowed 'validation' or 'test'")
    _check_ageing(settings)
    check_plane(settings)
    chip_rules(settings)
    if host_rule(settings).weights == "tied" and place(settings)[1] == "chip":
        raise InputError(
            "tied weights need one shadow at the host; plastic synapses learn each on its own. Use --where host"
        )
    tick = tick or (lambda stage, done, total: None)
    folds = [_as_sent(task, settings) for task in load_folds(settings.task)]
    check_transfer(settings, folds[0])
    laboratory = _prepare(folds[0], settings, tick)
    results = [_fold(laboratory, task, _named(tick, number, len(folds))) for number, task in enumerate(folds)]
    return charge(merge_folds(results), laboratory.ledger)


def _as_sent(task: Task, settings: Settings) -> Task:
    """The task with the spike trains that its sources are sent as."""
    layer = hidden_layer(settings)
    return task if layer is None else task.with_trains(layer.trains)


def _check_ageing(settings: Settings) -> None:
    """Refuse an impossible age, and a compensation that has nothing to compensate, before any work is done."""
    check_age(settings.age)
    device, where = place(settings)
    if settings.compensate and (where != "chip" or isinstance(device.store, Capacitor | None)):
        raise InputError(
            f"drift compensation is for memristive weights that learn on the chip; {device.name} ({device.path}) "
            f"learns at the {where} or keeps its weights otherwise. Use --device memristive"
        )
    if settings.compensate and settings.age == 0:
        raise InputError("drift compensation compares weights before and after an idle time; give --age, e.g. '1 week'")


def _named(tick: Tick, number: int, n_folds: int) -> Tick:
    """Progress of one fold, with its number where there are several."""
    if n_folds == 1:
        return tick
    return lambda stage, done, total: tick(f"fold {number + 1}: {stage}", done, total)


def _prepare(task: Task, settings: Settings, tick: Tick) -> _Laboratory:
    device, where = place(settings)
    controller = settings.controller or usual_controller(task.name, where, device, settings.hidden)
    layer = hidden_layer(settings)
    if layer is not None:
        check_place(device, where, layer)
    latched = choose(output_latches(settings), device)
    circuit = build_circuit(task, where, controller, latched, layer, closed=is_closed(settings))
    mapped = (
        load_mapping(settings.mapping, circuit.network, device)
        if settings.mapping
        else map_network(circuit.network, device)
    )
    chips = [
        sample_chip(
            device,
            seed,
            without=settings.without,
            scale=settings.scale,
            temperature=settings.temperature,
            mismatch_model=settings.mismatch_model,
            corner=settings.corner,
        )
        for seed in settings.chip_seeds
    ]
    ledger = Ledger()
    if settings.repair:
        repaired = [repair(mapped, chip) for chip in chips]
        chips = [chip for chip, _ in repaired]
        ledger += Ledger(moved_neurons=np.array([repairs.neurons for _, repairs in repaired]))
    calibration = _calibrate(chips, mapped, settings, tick)
    if calibration is not None:
        ledger += calibration.ledger
    return _Laboratory(settings, where, circuit, mapped, chips, calibration, ledger)


def _calibrate(chips: list[Chip], mapped: MappedNetwork, settings: Settings, tick: Tick) -> Calibration | None:
    if not switches(settings.without, settings.scale).on("calibration"):
        if settings.calibrate_at is not None or settings.leak_choice or settings.core_times:
            raise InputError(
                "calibration is switched off; --calibrate-at, --leak-choice and --core-times are options of it"
            )
        return None
    tick("calibrate", 0, 1)
    then = settings.calibrate_at
    before = chips if then is None else [chip.set_temperature(then) for chip in chips]
    options = {"leak_choice": settings.leak_choice, "core_times": settings.core_times}
    calibration = calibrate(before, mapped, seed=settings.seed, **options)
    if then is not None:
        calibration = carry_over(calibration, chips, mapped, seed=settings.seed + 1)
    tick("calibrate", 1, 1)
    return calibration


def _fold(laboratory: _Laboratory, task: Task, tick: Tick) -> xr.Dataset:
    """Train every die on one fold from nothing, or from the weights it is handed, and measure it."""
    settings = laboratory.settings
    session = _session(laboratory, task)
    learner = _learner(session, laboratory.where, settings)
    handed = None
    if settings.start_from is not None:
        learner.restore(read_image(settings.start_from, task, session))
        handed = _test(session, task, settings.split, False, tick, "as handed over")
    budget = usual_length(settings)[0]
    transfer, before = _transfer(session, learner, task, settings, budget.presentations > 0, tick)
    training = train(session, learner, task.phases, _labels(task, settings), budget, tick)
    _let_age(session.emulator, settings)
    ledger = session.emulator.ledger
    free = _test(session, task, settings.split, False, tick)
    controlled = _test(session, task, settings.split, True, tick, "under control")
    weights = session.emulator.weights()
    regions = map_plane(session, settings)
    if handed is None and transfer is None and len(laboratory.chips) > 1:
        learner.restore(cloned(learner.store(), len(settings.noise_seeds)))
        if settings.age > 0:
            session.emulator.program()  # weights of another die are written afresh, and read as they are
        handed = _test(session, task, settings.split, False, tick, "cloned")
    before = free if transfer is not None and before is None else before
    measured = Measured(training, ledger, free, controlled, handed, weights, transfer, before)
    return result(settings, task, session, laboratory.calibration, measured).assign(regions)


def _transfer(
    session: Session, learner, task: Task, settings: Settings, trains_on: bool, tick: Tick
) -> tuple[Transfer | None, Evaluation | None]:
    """Give every die the weights of a float network if asked, and test them as they are if they are trained on."""
    if settings.transfer is None:
        return None, None
    transfer = transferred(settings, task, session, lambda done, total: tick("float network", done, total))
    learner.restore(transfer.image)
    return transfer, _test(session, task, settings.split, False, tick, "as transferred") if trains_on else None


def _let_age(emulator: Emulator, settings: Settings) -> None:
    """Let the trained dies lie idle, and compensate their drift if asked; the one place where time passes unused."""
    if settings.age == 0:
        return
    reference = emulator.read_weights() if settings.compensate else None
    emulator.age(settings.age)
    if reference is not None:
        emulator.compensate(reference)


def _session(laboratory: _Laboratory, task: Task) -> Session:
    settings, calibration = laboratory.settings, laboratory.calibration
    emulator = Emulator(
        laboratory.chips,
        laboratory.mapped,
        noise_seeds=settings.noise_seeds,
        setting=calibration.setting if calibration else None,
        dt=settings.dt,
    )
    emulator.inject(settings.inject)
    if settings.silence_above is not None:
        silence_hot(emulator, settings.silence_above)
    session = Session(emulator, laboratory.circuit, usual_length(settings)[1], _seed_sequences(settings))
    if laboratory.circuit.has_hidden:
        _begin_hidden(session, settings, task)
    return session


def _begin_hidden(session: Session, settings: Settings, task: Task) -> None:
    """Give every run its first weights, hidden neurons their rate, and the synapses of these their gate."""
    layer, emulator = hidden_layer(settings), session.emulator
    seeds = _seed_sequences(settings, _FIRST_WEIGHTS)
    generators = [np.random.Generator(np.random.Philox(seed)) for seed in seeds]
    most = code_max(emulator.mapped.device)
    emulator.upload(first_weights(layer, session.circuit, task.rates["train"], most, generators))
    if layer.rate is not None:
        equalise_rates(session, layer.rate, task.phases["train"], generators)
    if not session.circuit.feedback_on_die:
        return
    session.watch_feedback()
    names = [p.name for p in session.circuit.trained if p.name != TRAINED]
    for name in names:
        emulator.require_activity(name, layer.active)
    if settings.shuffle_feedback:
        session.shuffled = np.concatenate([emulator.plastic_synapses(name) for name in names])


def _seed_sequences(settings: Settings, *key: int) -> list[np.random.SeedSequence]:
    return [
        np.random.SeedSequence([settings.seed, chip, noise], spawn_key=key)
        for chip in settings.chip_seeds
        for noise in settings.noise_seeds
    ]


def _labels(task: Task, settings: Settings) -> dict[str, np.ndarray]:
    """What every run is taught, (run, presentation) by split; the ablation permutes anew for every run."""
    taught = {}
    for split in ("train", "validation"):
        rows = []
        for sequence in _seed_sequences(settings):
            generator = np.random.Generator(np.random.Philox(sequence.spawn(1)[0]))
            y = task.splits[split][1]
            rows.append(generator.permutation(y) if settings.permute_labels else y)
        taught[split] = np.stack(rows)
    return taught


def _learner(session: Session, where: str, settings: Settings) -> ChipLearner | HostLearner:
    if where == "chip":
        return ChipLearner(session, chip_eta(settings), chip_rules(settings))
    return HostLearner(session, host_rule(settings), shuffle=settings.shuffle_feedback)


def _test(session: Session, task: Task, split: str, control: bool, tick: Tick, how: str = "") -> Evaluation:
    """Present a whole split with the task's own labels."""
    labels, stage = task.splits[split][1], f"{split} {how}".strip()
    return evaluate(
        session, task.phases[split], labels, control=control, tick=lambda done: tick(stage, done, len(labels))
    )
