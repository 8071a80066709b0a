"""A learning result in numbers: the JSON object of `chipemu learn`, and its table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from chipemu.cli.terminal import print_table
from chipemu.units import show

if TYPE_CHECKING:
    import xarray as xr

    from chipemu.learning.settings import Settings


def summary(result: xr.Dataset, settings: Settings, device: str, where: str, wall_s: float) -> dict:
    """Numbers of a learning result under the names of `chipemu learn --json`.

    Parameters
    ----------
    result : xarray.Dataset
        Of `chipemu.learning.experiment.learn`.
    settings : Settings
        What it was asked.
    device, where : str
        Name of the device, and place of learning.
    wall_s : float
        Time the command took [s].

    Returns
    -------
    dict
        Accuracies as fractions: one a die (median over noise seeds), or [die][seed] in `accuracy_runs`, which is of
        the split named `split`. Target errors and ledger: median over all runs.
    """
    opened = settings.split == "test"
    runs = result["accuracy_test" if opened else "accuracy_validation"]
    ledger = {
        str(name).removeprefix("ledger_"): result[name] for name in result.data_vars if str(name).startswith("ledger_")
    }
    return {
        "task": settings.task,
        "device": device,
        "where": where,
        "hidden": settings.hidden,
        "chips": result.sizes["chip"],
        "noise_seeds": result.sizes["noise"],
        "seed": settings.seed,
        "split": settings.split,
        "mismatch_model": settings.mismatch_model,
        "corner": settings.corner,
        "age_s": settings.age,
        "accuracy_test": _by_die(result["accuracy_test"]) if opened else None,
        "accuracy_runs": runs.transpose("chip", "noise").values.tolist(),
        "accuracy_validation": _by_die(result["accuracy_validation"]),
        "accuracy_control": _by_die(result["accuracy_control"]),
        "accuracy_linear": _number(result, "accuracy_linear"),
        "accuracy_ann": _number(result, "accuracy_ann"),
        "accuracy_ann_hidden": _number(result, "accuracy_ann_hidden"),
        "accuracy_float_snn": _number(result, "accuracy_float_snn"),
        "accuracy_transferred": _by_die(result["accuracy_transferred"]) if settings.transfer else None,
        "feedback_compliance": _median(result, "feedback_compliance") if "feedback_compliance" in result else None,
        "control_fall": _control_fall(result),
        "accuracy_ideal": _number(result, "accuracy_ideal"),
        "accuracy_chance": _number(result, "accuracy_chance"),
        "target_error_hz": {side: float(result[f"target_error_{side}"].median()) for side in ("on", "off")},
        "target_error_by_die_hz": {side: _by_die(result[f"target_error_{side}"]) for side in ("on", "off")},
        "calibration_success": _success(result, settings),
        "ledger": {name: float(values.median()) for name, values in ledger.items()},
        "accuracy_cloned": _by_die(result["accuracy_cloned"]),
        "decision_latency_s": _median(result, "decision_latency"),
        "spikes_per_inference": _median(result, "spikes_per_inference"),
        "energy_per_inference_J": _median(result, "energy_per_inference"),
        **_power(result, settings),
        "worst_die": _worst(result),
        "wall_s": wall_s,
        "simulated_s": float(ledger["chip_time_s"].sum()),
    }


def _median(result: xr.Dataset, name: str) -> float:
    return float(result[name].median())


def _control_fall(result: xr.Dataset) -> list[float] | None:
    """How many times less control the hidden neurons of each die take at the end of training than in its beginning."""
    if "control_history" not in result or result.sizes["checkpoint"] == 0:
        return None
    history = result["control_history"]
    last = history.isel(checkpoint=-1)
    return _by_die(history.isel(checkpoint=0) / last.where(last > 0))


def _power(result: xr.Dataset, settings: Settings) -> dict:
    """Power of the chip while it decides, what waiting alone takes of it, and what was published on silicon."""
    from chipemu.learning.settings import place
    from chipemu.power import event_latency, static_power

    device, _ = place(settings)
    static = 1e6 * static_power(device)
    dynamic = 1e6 * _median(result, "energy_per_inference") / _presentation(settings)
    return {
        "power_uW": {"static": static, "dynamic": dynamic, "total": static + dynamic},
        "power_published_uW": None if settings.hidden else _published_power(settings.task),  # of one layer
        "static_energy_per_inference_J": 1e-6 * static * _presentation(settings),
        "event_latency_s": event_latency(device),
    }


def _published_power(task: str) -> float | None:
    """Power of a whole demonstration on silicon [uW]; None for a task that was not shown."""
    from chipemu import library

    rows = csv.DictReader(io.StringIO(library.find_data("reference/power_published.csv")))
    return next((float(row["power_uW"]) for row in rows if row["task"] == task), None)


def _presentation(settings: Settings) -> float:
    """Length of a presentation with the gap after it [s]."""
    from chipemu.learning.settings import usual_length

    return usual_length(settings)[1].length


def _worst(result: xr.Dataset) -> dict | None:
    """The worst die and where it differs most from the others, in their standard deviations."""
    from chipemu.report.worst import oddities, worst_die

    die = worst_die(result)
    if die is None:
        return None
    found = [{"parameter": item.parameter, "measure": item.measure, "z": item.z} for item in oddities(result, die)[:3]]
    return {"die": die, "chip_seed": int(result["chip_seed"][die]), "differs": found}


def _by_die(values: xr.DataArray) -> list[float]:
    return values.median("noise").values.tolist()


def _number(result: xr.Dataset, name: str) -> float | None:
    return float(result[name]) if name in result else None


def _success(result: xr.Dataset, settings: Settings) -> list[bool] | None:
    """Whether each die was calibrated within tolerance; None where calibration was switched off."""
    off = "calibration" in settings.without or settings.scale.get("calibration", 1) == 0
    return None if off else result["calibration_success"].values.tolist()


def print_summary(facts: dict) -> None:
    """Print a summary: a line for each die, then what they have in common."""
    accuracy = np.array(facts["accuracy_runs"])
    success = facts["calibration_success"]
    errors = facts["target_error_by_die_hz"]
    rows = [
        (
            str(die),
            "off" if success is None else "yes" if success[die] else "NO",
            _percent(float(np.median(accuracy[die]))),
            _percent(facts["accuracy_control"][die]),
            _percent(facts["accuracy_cloned"][die]),
            f"{errors['off'][die]:.1f}",
            f"{errors['on'][die]:.1f}",
        )
        for die in range(len(accuracy))
    ]
    title = (
        f"{facts['task']} on {facts['device']}, learned {'on the chip' if facts['where'] == 'chip' else 'at the host'}"
    )
    columns = (
        "die",
        "calibrated",
        f"{facts['split']} accuracy",
        "under control",
        "cloned",
        "error off [Hz]",
        "error on [Hz]",
    )
    print_table(title, columns, rows, text_columns=2)
    low, middle, high = np.quantile(accuracy, [0.25, 0.5, 0.75])
    worst = np.median(accuracy, axis=1).min()
    shape = f"{facts['chips']} dies x {facts['noise_seeds']} noise seeds"
    aged = f", {show(facts['age_s'], 's')} after training" if facts["age_s"] else ""
    print(f"{facts['split']} accuracy, feedback off{aged}, {shape}:")
    print(f"  median {_percent(middle)}, quartiles {_percent(low)} to {_percent(high)}, worst die {_percent(worst)}")
    names = {
        "linear": "linear",
        "ANN": "ann",
        "ANN of this shape": "ann_hidden",
        "float spiking network": "float_snn",
        "ideal chip": "ideal",
        "chance": "chance",
    }
    known = {label: facts[f"accuracy_{key}"] for label, key in names.items() if facts[f"accuracy_{key}"] is not None}
    print("  references: " + ", ".join(f"{label} {_percent(value)}" for label, value in known.items()))
    _print_inference(facts)
    _print_ledger(facts)


def _print_inference(facts: dict) -> None:
    """What a decision takes, and what is special about the worst die."""
    energy = facts["energy_per_inference_J"]
    static = facts["static_energy_per_inference_J"]
    cost = "" if np.isnan(energy) else f", {show(energy, 'J')} by events and {show(static, 'J')} by waiting"
    print(
        f"  a decision: {1e3 * facts['decision_latency_s']:.0f} ms after onset, "
        f"{facts['spikes_per_inference']:.0f} spikes{cost}"
    )
    power, published = facts["power_uW"], facts["power_published_uW"]
    if not np.isnan(energy):
        silicon = "" if published is None else f"; published on silicon {published:g} uW"
        print(
            f"  power: {power['total']:.1f} uW, {power['static']:.1f} static and {power['dynamic']:.1f} by events "
            f"(all unverified{silicon}); an event arrives after {show(facts['event_latency_s'], 's')}"
        )
    worst = facts["worst_die"]
    if worst is not None:
        differs = ", ".join(f"{item['measure']} {item['parameter']} {item['z']:+.1f} sd" for item in worst["differs"])
        print(f"  worst is die {worst['die']} (seed {worst['chip_seed']})" + (f": {differs}" if differs else ""))


def _print_ledger(facts: dict) -> None:
    shown = {name: value for name, value in facts["ledger"].items() if value}
    print_table(
        "ledger, median of a run", ("what", "how much"), [(name, f"{value:.6g}") for name, value in shown.items()]
    )
    print(f"{facts['simulated_s']:.0f} s of chip time in all runs, {facts['wall_s']:.0f} s on the clock")


def _percent(fraction: float) -> str:
    return "-" if np.isnan(fraction) else f"{100 * fraction:.1f} %"
