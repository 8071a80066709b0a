"""The sections of a page, each made from a dataset, or left out where the dataset says nothing about it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from chipemu import figures
from chipemu.figures.choice import CELSIUS, accuracy_name, axis_name, factors_of, has_accuracy, is_finite, value_name
from chipemu.figures.effects import FACTOR as EFFECT_FACTOR
from chipemu.figures.effects import effect_ranking, has_cloned, has_effect_costs
from chipemu.report import tables
from chipemu.report.drawing import Drawing, inline_svg
from chipemu.report.parts import Items, Listing, Section, Table, Text, percent
from chipemu.report.points import combinations, main_factor, nominal_points, point_name
from chipemu.report.worst import worst_die, worst_die_parts
from chipemu.units import show
from chipemu.variables import FACTORS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# A page stays readable and small; the study folder holds all figures.
_MOST_DRAWINGS = 12
_MOST_CLOSE = 4
_MOST_CURVES = 7
_RUN = {
    "study": "study",
    "task": "task",
    "device": "device",
    "where": "learned at",
    "operating_points": "operating points",
}
_ORIGIN = {
    "package_version": "chipemu version",
    "kernel_hash": "kernel hash",
    "device_hash": "device hash",
    "mapping_hash": "mapping hash",
    "study_hash": "study hash",
}


@dataclass
class Page:
    """A dataset on its way to a page.

    Parameters
    ----------
    dataset : xarray.Dataset
    bounds : sequence of float
        Accuracies of the table of yield, fractions.
    """

    dataset: xr.Dataset
    bounds: Sequence[float]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def draw(self, axes: Axes, alt: str, caption: str) -> Drawing:
        """Return a figure as a drawing whose identifiers no other of the page has."""
        return Drawing(inline_svg(axes, f"f{next(self._numbers)}-"), alt, caption)

    def close_points(self) -> list[tuple[xr.Dataset, str]]:
        """Return the points to look at closely, each with its name."""
        chosen = nominal_points(self.dataset)[:_MOST_CLOSE]
        return [(self.dataset.isel(choice), point_name(self.dataset, choice)) for choice in chosen]


def sections(dataset: xr.Dataset, bounds: Sequence[float]) -> list[Section]:
    """Return the sections of a page in order; those without content are left out."""
    page = Page(dataset, bounds)
    made = [Section(name, title, make(page)) for name, title, make in _SECTIONS]
    return [section for section in made if section.parts]


def _what_was_run(page: Page) -> list:
    dataset, attributes = page.dataset, page.dataset.attrs
    rows = [(words, str(attributes[name])) for name, words in _RUN.items() if str(attributes.get(name, "")) != ""]
    # What a study holds fixed is said too, under the names of what it could have varied.
    fixed = [name for name in FACTORS if name in attributes and name not in (*_RUN, *dataset.dims)]
    rows += [(name.replace("_", " "), _with_unit(name, attributes[name])) for name in fixed]
    rows += [(f"varied: {name.replace('_', ' ')}", _values(dataset, name)) for name in factors_of(dataset)]
    rows.append(("dies", str(dataset.sizes["chip"])))
    rows.append(("noise seeds of a die", str(dataset.sizes["noise"])))
    return [Table("", ("", ""), rows + _conditions(dataset), texts=(1,))]


def _origin(page: Page) -> list:
    dataset, attributes = page.dataset, page.dataset.attrs
    rows = [(words, str(attributes[name])) for name, words in _ORIGIN.items() if str(attributes.get(name, "")) != ""]
    parts: list = [Table("", ("", ""), rows, texts=(1,))] if rows else []
    seeds = [
        f"{words}: {', '.join(str(seed) for seed in dataset[name].values.ravel())}"
        for name, words in (("chip_seed", "dies"), ("noise_seed", "noise"))
        if name in dataset.variables
    ]
    if seeds:
        parts.append(Listing("Seeds of dies and noise", "\n".join(seeds)))
    if attributes.get("study_toml"):
        parts.append(Listing("Study file", str(attributes["study_toml"]).strip()))
    return parts


def _conditions(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """Return temperature, age and seeds; those that a study varies stand among its factors."""
    attributes, rows = dataset.attrs, []
    if "temperature_K" in attributes and "temperature" not in dataset.dims:
        rows.append(("temperature", _temperature(attributes["temperature_K"])))
    if "age_s" in attributes and "age" not in dataset.dims:
        rows.append(("time between training and test", _shown(attributes["age_s"], "s")))
    try:
        seeds = json.loads(str(attributes.get("seeds", "{}")))
        rows += [(f"seed ({name})" if name != "seed" else name, str(seed)) for name, seed in seeds.items()]
    except (ValueError, AttributeError):
        rows.append(("seeds", str(attributes["seeds"])))
    return rows


def _temperature(value: object) -> str:
    try:
        kelvin = float(value)  # type: ignore[arg-type]
    except ValueError:
        return f"{value} K"
    return f"{kelvin - CELSIUS:g} °C ({show(kelvin, 'K')})"


def _shown(value: object, unit: str) -> str:
    try:
        return show(float(value), unit)  # type: ignore[arg-type]
    except ValueError:
        return f"{value} {unit}"


def _values(dataset: xr.Dataset, factor: str) -> str:
    return ", ".join(_with_unit(factor, value) for value in dataset[factor].values)


def _with_unit(factor: str, value: object) -> str:
    unit = getattr(FACTORS.get(factor), "unit", "")
    return _shown(value, unit) if unit not in ("", "1", "K") else value_name(factor, value)


def _headline(page: Page) -> list:
    if not has_accuracy(page.dataset):
        return [Text("No run finished with an accuracy.")]
    made = (tables.accuracy_table, tables.reference_table, tables.cost_table)
    return [table for table in (make(page.dataset) for make in made) if table]


def _against(page: Page) -> list:
    factor = main_factor(page.dataset)
    if factor is None or not has_accuracy(page.dataset):
        return []
    parts: list = []
    choices = [
        choice for choice in combinations(page.dataset, across=factor) if has_accuracy(page.dataset.isel(choice))
    ]
    for choice in choices[:_MOST_DRAWINGS]:
        chosen = page.dataset.isel(choice)
        parts.append(_draw_against(page, chosen, factor, point_name(page.dataset, choice)))
    if len(choices) > _MOST_DRAWINGS:
        parts.append(Text(f"{len(choices) - _MOST_DRAWINGS} more figures stand in the folder of the study."))
    return parts


def _draw_against(page: Page, chosen: xr.Dataset, factor: str, where: str) -> Drawing:
    name, split = accuracy_name(chosen)
    medians = chosen[name].median(("chip", "noise")).values
    told = [
        f"{percent(middle)} % at {value_name(factor, value)}"
        for value, middle in zip(chosen[factor].values, medians, strict=True)
        if np.isfinite(middle)
    ]
    title = f"{split.capitalize()} accuracy against {axis_name(chosen, factor)}, feedback off"
    alt = f"{title}{_of(where)}. Medians: {'; '.join(told)}."
    return page.draw(figures.accuracy_against(chosen, factor), alt, title + _of(where) + ".")


def _yields(page: Page) -> list:
    dataset = page.dataset
    if not has_accuracy(dataset):
        return []
    factor = main_factor(dataset)
    parts: list = []
    for choice in combinations(dataset, across=factor)[:_MOST_CLOSE]:
        chosen, where = dataset.isel(choice), point_name(dataset, choice)
        if not has_accuracy(chosen):
            continue
        if factor:
            n_values = chosen.sizes[factor]
            kept = np.unique(np.linspace(0, n_values - 1, min(n_values, _MOST_CURVES)).round().astype(int))
            chosen = chosen.isel({factor: kept})
        each = f", one curve a value of {factor.replace('_', ' ')}" if factor else ""
        title = f"Share of dies that reach an accuracy{each}{_of(where)}"
        parts.append(
            page.draw(figures.yield_curve(chosen, factor), f"{title}. The table has the numbers.", f"{title}.")
        )
    return [*parts, tables.yield_table(dataset, page.bounds)]


def _effects(page: Page) -> list:
    parts: list = []
    for choice in combinations(page.dataset, across=EFFECT_FACTOR):
        chosen = page.dataset.isel(choice)
        if has_accuracy(chosen) and has_effect_costs(chosen):
            for cloned in (False, True) if has_cloned(chosen) else (False,):
                parts += _effect_costs(page, chosen, point_name(page.dataset, choice), cloned)
    return parts


def _effect_costs(page: Page, chosen: xr.Dataset, name: str, cloned: bool) -> list:
    what = f"What each effect costs {'with the weights of another die' if cloned else 'trained on the die'}"
    caption = f"{what}; each run beside the same die and noise seed, the dearest effect on top. {name}".strip()
    figure = page.draw(effect_ranking(chosen, cloned=cloned), f"{what}, {name}", caption)
    return [figure, tables.effect_table(chosen, name, cloned=cloned)]


def _dies(page: Page) -> list:
    if factors_of(page.dataset) or not has_accuracy(page.dataset) or page.dataset.sizes["chip"] < 2:
        return []
    return [tables.die_table(page.dataset)]


def _neurons(page: Page) -> list:
    parts = []
    measured = [name for name in ("fi_rate", "neuron_factor") if is_finite(page.dataset, name)]
    varied = {dim for name in measured for dim in page.dataset[name].dims} & set(factors_of(page.dataset))
    # Neurons that no factor changes are shown once.
    for point, where in page.close_points()[: None if varied else 1]:
        # The die that needs explaining, where there is one.
        die = (worst_die(point) if has_accuracy(point) else None) or 0
        if is_finite(point.isel(chip=die), "fi_rate"):
            title = f"Firing rate of the neurons of a core against direct current, die {die}{_of(where)}"
            parts.append(page.draw(figures.f_i_fan(point, chip=die), f"Line chart. {title}.", f"{title}."))
        if is_finite(point.isel(chip=die), "neuron_factor"):
            parameter = str(point["neuron_factor"].attrs.get("parameter", "one parameter"))
            title = f"Mismatch factor of {parameter} at every neuron, die {die}{_of(where)}"
            axes = figures.die_map(point, chip=die, parameter=parameter)
            parts.append(page.draw(axes, f"Map. {title}.", f"{title}."))
    return parts


def _cloned(page: Page) -> list:
    parts = []
    for point, where in page.close_points():
        if not (is_finite(point, "accuracy_cloned") and has_accuracy(point)):
            continue
        name, _ = accuracy_name(point)
        trained, cloned = (100 * float(point[variable].median()) for variable in (name, "accuracy_cloned"))
        title = f"Weights trained on the die, and copied from another die{_of(where)}"
        alt = f"{title}. Medians: trained {trained:.1f} %, cloned {cloned:.1f} %."
        caption = f"{title}: the copy costs {trained - cloned:.1f} points of the median. A line joins the two of a die."
        parts.append(page.draw(figures.clone_cost(point), alt, caption))
    return parts


def _confusions(page: Page) -> list:
    parts = []
    for point, where in page.close_points():
        if not is_finite(point, "confusion") or not float(point["confusion"].sum()):
            continue
        shares = figures.confusion_percent(point)
        right = [float(shares.values[i, i]) for i in range(min(shares.shape))]
        total = int(point["confusion"].sum())
        title = f"Which class is decided when which is true, all dies and noise seeds together{_of(where)}"
        alt = f"{title}. Right for each class: {', '.join(f'{share:.0f} %' for share in right)}."
        parts.append(page.draw(figures.confusion(point), alt, f"{title}; {total} decisions."))
    return parts


def _weights(page: Page) -> list:
    parts: list = []
    for point, where in page.close_points():
        if not is_finite(point, "weight"):
            continue
        title = f"How many synapses hold each weight after training{_of(where)}"
        parts.append(page.draw(figures.weight_codes(point), f"Histogram. {title}.", f"{title}."))
        if point.sizes["post"] % 10 == 0:
            title = f"Mean weight of each source in each output unit, over its ten neurons and all runs{_of(where)}"
            parts.append(page.draw(figures.weight_matrix(point), f"Map. {title}.", f"{title}."))
    return parts


def _curves(page: Page) -> list:
    parts = []
    for point, where in page.close_points():
        if is_finite(point, "validation_history") and point.sizes["checkpoint"] > 1:
            last = percent(float(point["validation_history"].isel(checkpoint=-1).median()))
            title = f"Validation accuracy during training, feedback off{_of(where)}"
            parts.append(
                page.draw(figures.learning_curve(point), f"{title}. Median at the end: {last} %.", f"{title}.")
            )
    return parts


def _ledger(page: Page) -> list:
    table = tables.ledger_table(page.dataset)
    return [table] if table else []


def _worst(page: Page) -> list:
    found = [worst_die_parts(point, where) for point, where in page.close_points() if has_accuracy(point)]
    return [part for parts in found for part in parts]


def _failures(page: Page) -> list:
    table = tables.failure_table(page.dataset)
    return [table] if table else []


def _citations(page: Page) -> list:
    works = [work.strip() for work in str(page.dataset.attrs.get("references", "")).split(";")]
    works = list(dict.fromkeys(work for work in works if work))
    return [Items(works)] if works else []


def _of(where: str) -> str:
    return f" ({where})" if where else ""


_SECTIONS: tuple[tuple[str, str, Callable[[Page], list]], ...] = (
    ("run", "What was run", _what_was_run),
    ("result", "Result", _headline),
    ("accuracy", "Accuracy against what was varied", _against),
    ("effects", "What each effect costs", _effects),
    ("dies", "Dies", _dies),
    ("yield", "Yield", _yields),
    ("cloned", "Cloned weights", _cloned),
    ("confusion", "Confusion", _confusions),
    ("training", "Training", _curves),
    ("weights", "Weights", _weights),
    ("worst", "The worst die", _worst),
    ("neurons", "Neurons", _neurons),
    ("ledger", "Ledger", _ledger),
    ("failures", "Failed runs", _failures),
    ("origin", "Origin", _origin),
    ("cite", "References to cite", _citations),
)
