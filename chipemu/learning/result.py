"""A learning result as a dataset: what was measured, where it comes from, and the folds of a task put together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from chipemu.baselines import stored
from chipemu.calibration import Calibration
from chipemu.learning.circuit import TRAINED
from chipemu.learning.evaluate import Evaluation
from chipemu.learning.feedback import compliance, held_feedback, read_by_units
from chipemu.learning.hidden import HIDDEN, RECURRENT
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, chip_rules
from chipemu.learning.train import Training
from chipemu.learning.transfer import Transfer
from chipemu.ledger import Ledger
from chipemu.masked_network import masked_accuracy
from chipemu.parameters import core_temperature, design_currents, neuron_currents, nominal_decay
from chipemu.recurrent_network import Timing, recurrent_accuracy
from chipemu.storage import provenance
from chipemu.tasks import Task
from chipemu.variables import label

_RUN = ("chip", "noise")
_WITHOUT_EFFECT = ("I_tau2",)  # the second leak register is for silenced neurons


@dataclass(frozen=True, eq=False)
class Measured:
    """What one fold left behind: training, its ledger, the split without and under control, with another die's weights
    (None if there is no other die), the weights (run, pair) of each trained projection, and what a float network handed
    over with what the split was with it before training (None if there was none)."""

    training: Training
    ledger: Ledger
    free: Evaluation
    controlled: Evaluation
    handed: Evaluation | None
    weights: Mapping[str, np.ndarray]
    transfer: Transfer | None = None
    before: Evaluation | None = None


def result(
    settings: Settings, task: Task, session: Session, calibration: Calibration | None, measured: Measured
) -> xr.Dataset:
    """Describe one fold as a dataset; every variable is declared in `chipemu/variables.py`."""
    variables = (
        _accuracies(settings, task, measured)
        | _inference(settings, task, measured.free)
        | _hidden(settings, task, session, measured)
        | _transferred(settings, measured)
        | _die_traits(session)
        | {f"ledger_{name}": _runs(value, settings) for name, value in measured.ledger.as_dict().items()}
        | {
            "validation_history": (
                (*_RUN, "checkpoint"),
                measured.training.history.reshape(*settings.shape, -1),
            ),
            "charge_history": (
                (*_RUN, "checkpoint"),
                measured.training.charge.reshape(*settings.shape, -1),
            ),
            "weight": (
                (*_RUN, "post", "pre"),
                _by_run(session.circuit.weight_table(measured.weights[TRAINED]), settings),
            ),
            "calibration_success": (
                "chip",
                np.asarray(calibration.success) if calibration else np.zeros(settings.shape[0], bool),
            ),
        }
    )
    coords = {
        "checkpoint": ("checkpoint", measured.training.seen),
        "chip_seed": ("chip", np.array(settings.chip_seeds, np.int64)),
        "noise_seed": ("noise", np.array(settings.noise_seeds, np.int64)),
        "true_class": ("true_class", np.array(task.classes)),
        "decided_class": ("decided_class", np.array(task.classes)),
    }
    weight = {"presentations_tested": len(task.splits[settings.split][1])}
    return label(xr.Dataset(variables, coords, _origin(settings, session) | weight))


def merge_folds(folds: list[xr.Dataset]) -> xr.Dataset:
    """Put the folds of a task together.

    Rates, errors and accuracies become means over all presentations, ledger and confusion become sums; weights keep
    their fold, and `accuracy_fold` says how each did.
    """
    sizes = np.array([fold.attrs.pop("presentations_tested") for fold in folds], float)
    if len(folds) == 1:
        return folds[0]
    joined = xr.concat(folds, "fold", data_vars="all", coords="minimal", compat="override", combine_attrs="override")
    share = xr.DataArray(sizes / sizes.sum(), dims="fold")
    split = "accuracy_test" if np.isfinite(joined["accuracy_test"]).any() else "accuracy_validation"
    merged = {"accuracy_fold": joined[split]}
    for name, values in joined.data_vars.items():
        if name == "weight":
            merged[name] = values
        elif values.dtype.kind == "b":
            merged[name] = values.isel(fold=0)  # one calibration serves all folds
        elif str(name).startswith("ledger_") or name == "confusion":
            merged[name] = values.sum("fold")
        else:
            merged[name] = (values * share).sum("fold", skipna=False)
    coords = {**joined.coords, "fold": ("fold", np.arange(len(folds)))}
    # Attributes are written anew: those of the parts say what each was before.
    return label(xr.Dataset({name: values.drop_attrs() for name, values in merged.items()}, coords, joined.attrs))


def _runs(value: object, settings: Settings) -> tuple:
    n_runs = settings.shape[0] * settings.shape[1]
    return _RUN, np.broadcast_to(np.asarray(value), (n_runs,)).reshape(settings.shape).copy()


def _by_run(values: np.ndarray, settings: Settings) -> np.ndarray:
    return values.reshape(*settings.shape, *values.shape[1:])


def _accuracies(settings: Settings, task: Task, measured: Measured) -> dict:
    """Accuracies and target errors of the reported split, and what bounds them."""
    nothing = np.full(len(measured.free.accuracy), np.nan)
    reference = stored(task.name, settings.split)
    handed = measured.handed.accuracy if measured.handed else nothing
    # training measures validation before the dies age; an accuracy that is reported is of dies as old as asked
    aged = settings.age > 0 and settings.split == "validation"
    validation = measured.free.accuracy if aged else measured.training.validation
    return {
        "accuracy_validation": _runs(validation, settings),
        "accuracy_test": _runs(measured.free.accuracy if settings.split == "test" else nothing, settings),
        "accuracy_control": _runs(measured.controlled.accuracy, settings),
        "accuracy_cloned": _runs(handed, settings),
        "target_error_off": _runs(measured.free.target_error, settings),
        "target_error_on": _runs(measured.controlled.target_error, settings),
        "accuracy_linear": ((), reference["linear"]),
        "accuracy_ann": ((), reference["ann"]),
        "accuracy_chance": ((), task.chance),
    }


def _hidden(settings: Settings, task: Task, session: Session, measured: Measured) -> dict:
    """Weights of the hidden layer, where there is one, and what backpropagation makes of its shape."""
    circuit = session.circuit
    if not circuit.has_hidden:
        return {}
    tables = {
        f"weight_{kind}": (
            (*_RUN, "hidden_neuron", pre),
            _by_run(circuit.weight_table(measured.weights[p], p), settings),
        )
        for p, kind, pre in ((HIDDEN, "hidden", "source"), (RECURRENT, "recurrent", "hidden_sender"))
        if p in measured.weights
    }
    read, q = read_by_units(circuit, measured.weights), held_feedback(circuit, measured.weights)
    control, noise_charge = (
        history.reshape(*settings.shape, -1) for history in (measured.training.control, measured.training.noise_charge)
    )
    return {
        "control_history": ((*_RUN, "checkpoint"), control),
        "noise_charge_history": ((*_RUN, "checkpoint"), noise_charge),
        "feedback_compliance": _runs([compliance(*run) for run in zip(read, q, strict=True)], settings),
        "accuracy_ann_hidden": ((), _float_accuracy(task, session)[settings.split]),
    } | tables


def _float_accuracy(task: Task, session: Session) -> dict[str, float]:
    """What backpropagation, through time where there is any, makes of the shape of a circuit with a hidden layer."""
    circuit, schedule = session.circuit, session.schedule
    masks = {p.name: circuit.connected(p.name) for p in circuit.trained}
    if RECURRENT not in masks and task.late_rates is None:
        return masked_accuracy(task, masks[HIDDEN], masks[TRAINED])
    device, point = session.emulator.mapped.device, session.emulator.points[circuit.hidden.point]
    timing = Timing(schedule.settle, schedule.delay, schedule.decide, tau=nominal_decay(device, point, "ampa"))
    return recurrent_accuracy(task, masks[HIDDEN], masks.get(RECURRENT), masks[TRAINED], timing)


def _transferred(settings: Settings, measured: Measured) -> dict:
    """Accuracy of weights that a float network handed over: its own, and that of the dies before they trained on."""
    if measured.transfer is None or measured.before is None:
        return {}
    return {
        "accuracy_float_snn": ((), measured.transfer.accuracy[settings.split]),
        "accuracy_transferred": _runs(measured.before.accuracy, settings),
    }


def _inference(settings: Settings, task: Task, free: Evaluation) -> dict:
    """What a decision takes with the feedback off: who is taken for whom, time, spikes and energy."""
    confusion = free.confusion(task.splits[settings.split][1], task.n_classes)
    return {
        "confusion": ((*_RUN, "true_class", "decided_class"), _by_run(confusion, settings)),
        "decision_latency": _runs(free.latency, settings),
        "spikes_per_inference": _runs(free.spikes, settings),
        "energy_per_inference": _runs(free.energy, settings),
    }


def _die_traits(session: Session) -> dict:
    """How far the currents of each die's output neurons lie from the design after calibration, and how they spread."""
    emulator = session.emulator
    mapped = emulator.mapped
    address = mapped.address[mapped.neuron_slice("outputs")]
    design = design_currents(mapped.device, emulator.points[session.circuit.output_point])
    shown = [name for name, current in design.items() if current > 0 and name not in _WITHOUT_EFFECT]
    stated_at = core_temperature(mapped, emulator.points)
    ratios = np.empty((len(emulator.chips), len(shown), len(address)))
    for c, chip in enumerate(emulator.chips):
        flowing = neuron_currents(chip, emulator.setting, c, address, stated_at)
        ratios[c] = [np.log(flowing[name] / design[name]) for name in shown]
    return {
        "parameter": ("parameter", np.array(shown)),
        "die_offset": (("chip", "parameter"), ratios.mean(axis=2)),
        "die_spread": (("chip", "parameter"), ratios.std(axis=2)),
    }


def charge(dataset: xr.Dataset, ledger: Ledger) -> xr.Dataset:
    """Add what was spent on each die before training, one entry a die, to the ledger of each of its runs."""
    costs = {f"ledger_{name}": cost for name, cost in ledger.as_dict().items()}
    per_die = {
        name: xr.DataArray(np.broadcast_to(cost, dataset.sizes["chip"]), dims="chip") for name, cost in costs.items()
    }
    charged = {name: (dataset[name] + cost).assign_attrs(dataset[name].attrs) for name, cost in per_die.items()}
    return dataset.assign(charged)


def _origin(settings: Settings, session: Session) -> dict:
    emulator = session.emulator
    device = emulator.mapped.device
    origin = provenance(
        device=device.name,
        device_hash=device.hash,
        operating_points=list(emulator.points),
        mapping_hash=emulator.mapped.hash,
        seeds={"seed": settings.seed},
        temperature=settings.temperature,
        age=settings.age,
        references=["Haag et al. 2026, arXiv 2603.24113"],
    )
    where = "chip" if session.circuit.network[TRAINED].store == "plastic" else "host"
    if where == "chip":
        origin["rules"] = ", ".join(f"{name}: {rule.name}" for name, rule in chip_rules(settings).items())
    origin |= {"mismatch_model": settings.mismatch_model, "corner": settings.corner}
    return origin | {"task": settings.task, "where": where, "split": settings.split}
