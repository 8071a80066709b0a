"""Numbers of a result as tables: accuracy, cost, references, yield, dies, ledger, and runs that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.figures.choice import accuracy_name, factors_of, is_finite
from chipemu.figures.effects import effect_costs
from chipemu.figures.yields import die_accuracy, yield_fraction
from chipemu.report.parts import NOTHING, Table, number, percent
from chipemu.report.points import combinations, point_name, point_values
from chipemu.units import show
from chipemu.variables import find

if TYPE_CHECKING:
    import xarray as xr

_REFERENCES = {
    "accuracy_ideal": "ideal chip",
    "accuracy_ann": "ANN",
    "accuracy_linear": "linear",
    "accuracy_chance": "chance",
}
_BESIDE = {
    "accuracy_untrained": "untrained (%)",
    "accuracy_control": "feedback on (%)",
    "accuracy_cloned": "cloned weights (%)",
}
_COSTS = {
    "target_error_off": ("target error, feedback off", "Hz"),
    "target_error_on": ("target error, feedback on", "Hz"),
    "decision_latency": ("latency of a decision", "s"),
    "spikes_per_inference": ("spikes per inference", ""),
    "energy_per_inference": ("energy per inference", "J"),
}
# A bound this far below the best linear classifier is what a user of the chip might still accept.
_BELOW_LINEAR = 0.03
_MOST_ROWS = 200


def accuracy_table(dataset: xr.Dataset) -> Table:
    """Return median, quartiles and worst die of each point, feedback off, beside feedback on and cloned weights."""
    name, split = accuracy_name(dataset)
    beside = {variable: head for variable, head in _BESIDE.items() if is_finite(dataset, variable)} | {
        variable: f"{head} (%)" for variable, head in _REFERENCES.items() if _varies(dataset, variable)
    }
    rows = []
    for choice in combinations(dataset):
        point = dataset.isel(choice)
        runs = point[name]
        low, middle, high = _quartiles(runs)
        worst = float(die_accuracy(runs).min())
        others = [percent(_quartiles(point[variable])[1]) for variable in beside]
        rows.append((*point_values(dataset, choice).values(), *map(percent, (middle, low, high, worst)), *others))
    heads = ["median (%)", "first quartile (%)", "third quartile (%)", "worst die (%)", *beside.values()]
    return Table(
        f"{split.capitalize()} accuracy, feedback off",
        [*_factor_heads(dataset), *heads],
        rows[:_MOST_ROWS],
        len(factors_of(dataset)),
        "Median and quartiles over all runs (dies x noise seeds); a die counts with the median over its noise seeds."
        + _cut(len(rows)),
    )


def effect_table(dataset: xr.Dataset, title: str = "", *, cloned: bool = False) -> Table:
    """Return what each effect costs, the dearest first: medians and quartiles over runs, in points of accuracy."""
    costs = effect_costs(dataset, cloned=cloned)
    rows = []
    values = zip(costs.names, costs.alone, costs.gained, costs.q, strict=True)
    for rank, (name, alone, gained, q) in enumerate(values, start=1):
        shares = [_points(runs) for runs in (gained, alone)]
        chance = f"{q:.2f}" if q >= 0.005 else "< 0.01"
        rows.append((str(rank), name, *(text for share in shares for text in share), chance))
    both = ", ".join(
        f"{words} {percent(float(np.nanmedian(runs)) / 100)} %"
        for words, runs in (("all effects", costs.real), ("none", costs.perfect))
    )
    return Table(
        f"What each effect costs{' where weights are those of another die' * cloned}{': ' if title else ''}{title}",
        ("rank", "effect", "gained without it", "quartiles", "lost with it alone", "quartiles", "chance"),
        rows,
        n_names=2,
        note=f"Points of accuracy, each run against the same die and noise seed; {both}. Ranked by the mean of both. "
        "Chance: share of false finds to expect down to this effect, on these dies (signed-rank test over runs, "
        "corrected for the number of effects); above 0.05 an effect is lost in how runs scatter.",
    )


def _points(values: np.ndarray) -> tuple[str, str]:
    """Median and quartiles of some runs in points; dashes where none was run."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return NOTHING, NOTHING
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    return f"{middle:+.1f}", f"{low:+.1f} to {high:+.1f}"


def reference_table(dataset: xr.Dataset) -> Table | None:
    """Return the accuracies that bound a result, as far as they are the same at every point."""
    rows = [
        (head, percent(float(dataset[variable].median())), find(variable).meaning)
        for variable, head in _REFERENCES.items()
        if is_finite(dataset, variable) and not _varies(dataset, variable)
    ]
    if not rows:
        return None
    return Table("References", ("reference", "accuracy (%)", "what it is"), rows, texts=(2,))


def cost_table(dataset: xr.Dataset) -> Table | None:
    """Return target error, latency, spikes and energy of each point, as far as they are known."""
    known = {variable: about for variable, about in _COSTS.items() if is_finite(dataset, variable)}
    if not known:
        return None
    rows = []
    for choice in combinations(dataset):
        point = dataset.isel(choice)
        values = [(_quartiles(point[variable])[1], unit) for variable, (_, unit) in known.items()]
        cells = [_quantity(value, unit) for value, unit in values]
        rows.append((*point_values(dataset, choice).values(), *cells))
    heads = [head for head, _ in known.values()]
    columns = [*_factor_heads(dataset), *heads]
    n_names = len(factors_of(dataset))
    return Table("Error and cost, median of a run", columns, rows[:_MOST_ROWS], n_names, _cut(len(rows)))


def yield_table(dataset: xr.Dataset, bounds: Sequence[float]) -> Table:
    """Return the share of dies that reach each bound, at each point; cloned weights below trained ones."""
    weights = {accuracy_name(dataset)[0]: ("trained",)}
    if is_finite(dataset, "accuracy_cloned"):
        weights["accuracy_cloned"] = ("cloned",)
    else:
        weights = dict.fromkeys(weights, ())
    linear = is_finite(dataset, "accuracy_linear")
    rows = []
    for choice in combinations(dataset):
        point = dataset.isel(choice)
        relative = [float(point["accuracy_linear"].median()) - _BELOW_LINEAR] if linear else []
        for variable, words in weights.items():
            dies = die_accuracy(point[variable]).values
            # A point where nothing ran says nothing about its dies.
            known = np.isfinite(dies).any()
            shown = [*relative, *bounds]
            cells = [_share(dies, bound) if known and np.isfinite(bound) else NOTHING for bound in shown]
            rows.append((*point_values(dataset, choice).values(), *words, *cells))
    first = [_relative_head(dataset)] if linear else []
    named = [*_factor_heads(dataset), *(("weights",) if len(weights) > 1 else ())]
    heads = [*named, *first, *(f"at least {100 * bound:g}\N{NO-BREAK SPACE}%" for bound in bounds)]
    note = (
        f"Share of the {dataset.sizes['chip']} dies whose accuracy (median over noise seeds) is at least the bound. "
        "A die without a finished run reaches none." + _cut(len(rows))
    )
    return Table("Dies that reach an accuracy", heads, rows[:_MOST_ROWS], len(named), note)


def die_table(dataset: xr.Dataset) -> Table:
    """Return each die of a result without factors: accuracy, calibration, feedback on, cloned."""
    name, split = accuracy_name(dataset)
    columns: dict[str, list[str]] = {}
    if "calibration_success" in dataset:
        columns["calibrated"] = ["yes" if done else "no" for done in dataset["calibration_success"].values]
    columns[f"{split} accuracy (%)"] = [percent(value) for value in die_accuracy(dataset[name]).values]
    columns["worst seed (%)"] = [percent(value) for value in dataset[name].min("noise").values]
    for variable, head in _BESIDE.items():
        if is_finite(dataset, variable):
            columns[head] = [percent(value) for value in die_accuracy(dataset[variable]).values]
    names = [str(die) for die in range(dataset.sizes["chip"])]
    rows = list(zip(names, *columns.values(), strict=True))
    return Table("Each die, median over noise seeds", ("die", *columns), rows[:_MOST_ROWS], 1, _cut(len(rows)))


def ledger_table(dataset: xr.Dataset) -> Table | None:
    """Return what a run took in writes, spikes, uploads, host operations and chip time."""
    rows = []
    for name in dataset.data_vars:
        if str(name).startswith("ledger_") and is_finite(dataset, str(name)):
            low, middle, high = _quartiles(dataset[name])
            declared = find(str(name))
            unit = declared.unit if declared.unit != "1" else ""
            cells = [_quantity(value, unit) for value in (middle, low, high)]
            rows.append((declared.meaning, *cells))
    if not rows:
        return None
    points = "over all points of the study" if factors_of(dataset) else "over dies and noise seeds"
    heads = ("what", "median of a run", "first quartile", "third quartile")
    return Table(f"Ledger, {points}", heads, rows)


def failure_table(dataset: xr.Dataset) -> Table | None:
    """Return the runs that failed, those of one reason and point together."""
    if "status" not in dataset:
        return None
    found: Counter = Counter()
    for choice in combinations(dataset):
        point = dataset.isel(choice)
        reasons = point["reason"].values if "reason" in point else np.full(point["status"].shape, "")
        failed = point["status"].values == "failed"
        where = point_name(dataset, choice) or "all"
        found.update((where, str(reason) or "no reason given") for reason in reasons[failed])
    if not found:
        return None
    rows = [(where, str(n), reason) for (where, reason), n in found.items()]
    return Table("Runs that failed", ("point", "runs", "reason"), rows[:_MOST_ROWS], 1, _cut(len(rows)), texts=(2,))


def _cut(n: int) -> str:
    return f" The first {_MOST_ROWS} of {n} rows; the file holds all." if n > _MOST_ROWS else ""


def _factor_heads(dataset: xr.Dataset) -> list[str]:
    return [name.replace("_", " ") for name in factors_of(dataset)]


def _quartiles(runs: xr.DataArray) -> np.ndarray:
    values = runs.values.astype(float).ravel()
    values = values[np.isfinite(values)]
    return np.quantile(values, [0.25, 0.5, 0.75]) if values.size else np.full(3, np.nan)


def _varies(dataset: xr.Dataset, variable: str) -> bool:
    if not is_finite(dataset, variable):
        return False
    return float(dataset[variable].min()) != float(dataset[variable].max())


def _quantity(value: float, unit: str) -> str:
    if not np.isfinite(value):
        return NOTHING
    return show(float(f"{value:.3g}"), unit) if unit else number(value)


def _share(dies: np.ndarray, bound: float) -> str:
    return f"{100 * yield_fraction(dies, bound):.0f} %"


def _relative_head(dataset: xr.Dataset) -> str:
    if _varies(dataset, "accuracy_linear"):
        return f"linear − {100 * _BELOW_LINEAR:g} points"
    bound = float(dataset["accuracy_linear"].median()) - _BELOW_LINEAR
    return f"at least {100 * bound:.1f}\N{NO-BREAK SPACE}% (linear − {100 * _BELOW_LINEAR:g} points)"
