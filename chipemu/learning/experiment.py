"""One experiment from device file to accuracy: draw dies, calibrate, map, train, test with the feedback off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from chipemu.baselines import stored
from chipemu.calibration import Calibration, calibrate
from chipemu.chip import ROOM, Chip, sample_chip
from chipemu.device import DeviceSpec, load_device
from chipemu.effects import switches
from chipemu.emulator import Emulator
from chipemu.errors import InputError, UnknownNameError
from chipemu.learning.circuit import TRAINED, Circuit, Controller, build_circuit
from chipemu.learning.evaluate import Evaluation, evaluate
from chipemu.learning.rules import ChipLearner, HostLearner, HostRule
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.train import Budget, Training, train
from chipemu.ledger import Ledger
from chipemu.mapping import load_mapping, map_network
from chipemu.storage import provenance
from chipemu.tasks import Task, load_task
from chipemu.variables import label

PLACES = ("chip", "host")
DEFAULT_DEVICE = {"chip": "dynapse1-plastic", "host": "dynapse1"}
# `binary` regresses to its targets, as published; `yinyang` is taught by its errors, because the fixed point of plain
# regression is least squares.
USUAL = {
    "binary": (Budget(200, 4, 100, 2), Schedule(settle=0.1, decide=0.5, gap=0.05, gated=False)),
    "yinyang": (Budget(), Schedule()),
}
DEFAULT_ETA = {"chip": 1.5, "host": 0.15}
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """Everything an experiment depends on.

    Attributes
    ----------
    task : name of a task
    device : name or path; None takes the usual device of ``where``
    where : ``"chip"``, ``"host"`` or None, which learns on the chip if the device has plastic synapses
    chip_seeds, noise_seeds : dies, and noise seeds for each die
    seed : of presentation orders and stochastic rounding
    without, scale : effects switched off or scaled, see :func:`chipemu.effects.switches`
    split : ``"validation"``, or ``"test"`` to open the test split
    temperature : of the dies [K]
    budget, schedule : how training goes; None takes the usual ones of the task, see ``USUAL``
    controller : wiring recipe of the controllers
    eta : learning rate; None takes the usual one of the place
    host : numbers of the host's rule
    permute_labels : ablation: labels of train and validation are shuffled, anew for every run
    inject : False senses the feedback current without injecting it into the somata
    mapping : name or path of a saved placement; None places anew
    dt : time step [s]; at 0.2 ms the rate error of the output neurons stays below 1 % up to 80 Hz (tested)
    """

    task: str
    device: str | None = None
    where: str | None = None
    chip_seeds: tuple[int, ...] = (0,)
    noise_seeds: tuple[int, ...] = (0,)
    seed: int = 0
    without: tuple[str, ...] = ()
    scale: Mapping[str, float] = field(default_factory=dict)
    split: str = "validation"
    temperature: float = ROOM
    budget: Budget | None = None
    schedule: Schedule | None = None
    controller: Controller = field(default_factory=Controller)
    eta: float | None = None
    host: HostRule = field(default_factory=HostRule)
    permute_labels: bool = False
    inject: bool = True
    mapping: str | None = None
    dt: float = 2e-4


def place(settings: Settings) -> tuple[DeviceSpec, str]:
    """The device of an experiment and where it learns.

    Raises
    ------
    UnknownNameError
        If the place is neither ``"chip"`` nor ``"host"``.
    """
    where = settings.where
    if where is not None and where not in PLACES:
        raise UnknownNameError("place of learning", where, PLACES)
    device = load_device(settings.device or DEFAULT_DEVICE[where or "chip"])
    return device, where or ("chip" if device.plastic else "host")


def usual(task: str) -> tuple[Budget, Schedule]:
    """Budget and schedule that a task is trained with unless told otherwise."""
    return USUAL.get(task, (Budget(), Schedule()))


def learn(settings: Settings, tick: Tick | None = None) -> xr.Dataset:
    """Run one experiment on every die with every noise seed.

    Parameters
    ----------
    settings
        What to do.
    tick
        Called as ``tick(stage, done, total)`` for progress.

    Returns
    -------
    xarray.Dataset
        Accuracies and target errors over (chip, noise), validation history, trained weights, ledger.

    Raises
    ------
    InputError
        If the settings do not fit together.

    Examples
    --------
    >>> quick = Settings("binary", chip_seeds=(1,), without=("calibration",), budget=Budget(4, 1, 2))
    >>> result = learn(quick)
    >>> dict(result.sizes)["chip"], "accuracy_validation" in result
    (1, True)
    """
    if settings.split not in ("validation", "test"):
        raise InputError(f"split is '{settings.split}'; allowed 'validation' or 'test'")
    if settings.host.weights == "tied" and place(settings)[1] == "chip":
        raise InputError(
            "tied weights need one shadow at the host; plastic synapses learn each on its own. Use --where host"
        )
    tick = tick or (lambda stage, done, total: None)
    device, where = place(settings)
    task = load_task(settings.task)
    circuit = build_circuit(task, where, settings.controller)
    mapped = (
        load_mapping(settings.mapping, circuit.network, device)
        if settings.mapping
        else map_network(circuit.network, device)
    )
    chips = [
        sample_chip(device, seed, without=settings.without, scale=settings.scale, temperature=settings.temperature)
        for seed in settings.chip_seeds
    ]
    calibration = _calibrate(chips, mapped, settings, tick)
    emulator = Emulator(
        chips,
        mapped,
        noise_seeds=settings.noise_seeds,
        setting=calibration.setting if calibration else None,
        dt=settings.dt,
    )
    emulator.inject(settings.inject)
    budget, schedule = usual(task.name)
    session = Session(emulator, circuit, settings.schedule or schedule, _seed_sequences(settings))
    learner = _learner(session, where, settings)
    training = train(session, learner, task.rates, _labels(task, settings), settings.budget or budget, tick)
    ledger = emulator.ledger + _once_a_die(calibration, settings)
    result = _describe(settings, emulator, circuit, calibration, training)
    result.update(_measure(session, task, settings, training, tick))
    result.update({f"ledger_{name}": _runs(value, settings) for name, value in ledger.as_dict().items()})
    return _dataset(result, settings, emulator, task)


def _calibrate(chips: list[Chip], mapped, settings: Settings, tick: Tick) -> Calibration | None:
    if not switches(settings.without, settings.scale).on("calibration"):
        return None
    tick("calibrate", 0, 1)
    calibration = calibrate(chips, mapped, seed=settings.seed)
    tick("calibrate", 1, 1)
    return calibration


def _seed_sequences(settings: Settings) -> list[np.random.SeedSequence]:
    return [
        np.random.SeedSequence([settings.seed, chip, noise])
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


def _once_a_die(calibration: Calibration | None, settings: Settings) -> Ledger:
    """What calibration cost each die, charged to each of its runs."""
    if calibration is None:
        return Ledger()
    n_chips, n_seeds = len(settings.chip_seeds), len(settings.noise_seeds)
    costs = calibration.ledger.as_dict()
    return Ledger(**{name: np.repeat(np.broadcast_to(value, (n_chips,)), n_seeds) for name, value in costs.items()})


def _learner(session: Session, where: str, settings: Settings) -> ChipLearner | HostLearner:
    eta = DEFAULT_ETA[where] if settings.eta is None else settings.eta
    if where == "chip":
        return ChipLearner(session, eta)
    return HostLearner(session, replace(settings.host, eta=eta))


def _runs(value, settings: Settings) -> tuple:
    shape = (len(settings.chip_seeds), len(settings.noise_seeds))
    return ("chip", "noise"), np.broadcast_to(np.asarray(value), (shape[0] * shape[1],)).reshape(shape).copy()


def _measure(session: Session, task: Task, settings: Settings, training: Training, tick: Tick) -> dict:
    """Accuracy and target error on the reported split, with the feedback off and once under control."""

    def over(split: str, control: bool) -> Evaluation:
        labels = task.splits[split][1]
        stage = f"{split}{' under control' if control else ''}"
        return evaluate(
            session, task.rates[split], labels, control=control, tick=lambda done: tick(stage, done, len(labels))
        )

    free = over(settings.split, False)
    controlled = over(settings.split, True)
    nothing = np.full(session.n_runs, np.nan)
    return {
        "accuracy_validation": _runs(training.validation, settings),
        "accuracy_test": _runs(free.accuracy if settings.split == "test" else nothing, settings),
        "accuracy_control": _runs(controlled.accuracy, settings),
        "target_error_off": _runs(free.target_error, settings),
        "target_error_on": _runs(controlled.target_error, settings),
    }


def _describe(settings: Settings, emulator: Emulator, circuit: Circuit, calibration, training: Training) -> dict:
    n_chips, n_seeds = len(settings.chip_seeds), len(settings.noise_seeds)
    weights = circuit.weight_table(emulator.weights()[TRAINED])
    success = calibration.success if calibration else np.zeros(n_chips, bool)
    return {
        "validation_history": (("chip", "noise", "checkpoint"), training.history.reshape(n_chips, n_seeds, -1)),
        "weight": (("chip", "noise", "post", "pre"), weights.reshape(n_chips, n_seeds, *weights.shape[1:])),
        "calibration_success": ("chip", np.asarray(success)),
        "checkpoint": ("checkpoint", training.seen),
        "chip_seed": ("chip", np.array(settings.chip_seeds, np.int64)),
        "noise_seed": ("noise", np.array(settings.noise_seeds, np.int64)),
    }


def _dataset(result: dict, settings: Settings, emulator: Emulator, task: Task) -> xr.Dataset:
    coords = {name: result.pop(name) for name in ("checkpoint", "chip_seed", "noise_seed")}
    reference = stored(task.name, settings.split)
    result |= {
        "accuracy_linear": ((), reference["softmax"]),
        "accuracy_ann": ((), reference["ann"]),
        "accuracy_chance": ((), task.chance),
    }
    mapped = emulator.mapped
    attributes = provenance(
        device=mapped.device.name,
        device_hash=mapped.device.hash,
        operating_points=list(emulator.points),
        mapping_hash=mapped.hash,
        seeds={"seed": settings.seed},
        temperature=settings.temperature,
        references=["Haag et al. 2026, arXiv 2603.24113"],
    )
    return label(xr.Dataset(result, coords, attributes | {"task": task.name}))
