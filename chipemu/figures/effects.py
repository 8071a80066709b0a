"""What each non-ideality costs: alone on an otherwise perfect die, and what its absence gains on a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.choice import accuracy_name, is_finite, percent_by_factor
from chipemu.figures.marks import draw_legend, n_runs_text, quartiles
from chipemu.figures.style import CLONED, GREY, TRAINED, Look, new_axes
from chipemu.variables import EVERYTHING, NOTHING, ONLY

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

FACTOR = "without"
_CLONED = "accuracy_cloned"
CHANCE = 0.05  # above which a cost counts as not seen
_ROW = 0.26  # inch, of an effect


@dataclass(frozen=True, eq=False)
class EffectCosts:
    """Costs of effects in points of accuracy, run by run: each run is compared with the same die and noise seed.

    Attributes
    ----------
    names : (effect,) str, the ones that cost most first, by the mean of `alone` and `gained`
    alone : (effect, run) accuracy of the perfect die minus that with this effect alone; NaN if not run
    gained : (effect, run) accuracy of the real die without this effect minus that of the real die; NaN if not run
    q : (effect,) share of false finds to expect if this effect and all with a smaller q are called seen: signed-rank
        test (Wilcoxon 1945) of the mean of both over runs, and Benjamini and Hochberg 1995. Of these dies: noise seeds
        of one die count as independent runs
    real, perfect : (run,) accuracy with all effects, and with none [%]
    """

    names: tuple[str, ...]
    alone: np.ndarray
    gained: np.ndarray
    q: np.ndarray
    real: np.ndarray
    perfect: np.ndarray


def has_effect_costs(dataset: xr.Dataset) -> bool:
    """Whether a study ran a die with all effects, one with none, and effects alone or left out."""
    held = set(map(str, dataset[FACTOR].values)) if FACTOR in dataset.dims else set()
    return {NOTHING, EVERYTHING} <= held and len(held) > 2


def has_cloned(dataset: xr.Dataset) -> bool:
    """Whether dies with the weights of another die were measured too."""
    return is_finite(dataset, _CLONED)


def effect_costs(dataset: xr.Dataset, *, cloned: bool = False) -> EffectCosts:
    """Return what each effect costs alone, and what leaving it out gains.

    Parameters
    ----------
    dataset : xarray.Dataset
        `accuracy_test` (or `accuracy_validation`) over (without, chip, noise), whose values of `without` hold
        ``none``, ``all``, ``only:EFFECT`` and ``EFFECT``.
    cloned : bool
        Whether to take `accuracy_cloned`, of dies with the weights of another, instead.

    Returns
    -------
    EffectCosts

    Raises
    ------
    InputError
        If the die with all effects or the one with none was not run, or another factor is left.

    Examples
    --------
    >>> import xarray as xr
    >>> runs = [[[0.9]], [[1.0]], [[0.95]], [[0.98]]]
    >>> study = xr.Dataset({"accuracy_test": (("without", "chip", "noise"), runs)},
    ...                    {"without": ["none", "all", "only:noise", "noise"]})
    >>> costs = effect_costs(study)
    >>> costs.names, costs.alone.round(1).tolist(), costs.gained.round(1).tolist()
    (('noise',), [[5.0]], [[8.0]])
    """
    if not has_effect_costs(dataset):
        raise InputError(
            'the dataset does not hold what effects cost: a study with `without = "each"` runs a die with all '
            "effects, one with none, each effect alone, and all but each."
        )
    name = _CLONED if cloned else accuracy_name(dataset)[0]
    runs = percent_by_factor(dataset, name, FACTOR)
    held = {str(value): runs.values[place].ravel() for place, value in enumerate(dataset[FACTOR].values)}
    names = dict.fromkeys(value.removeprefix(ONLY) for value in held if value not in (NOTHING, EVERYTHING))
    missing = np.full(runs[0].size, np.nan)
    real, perfect = held[NOTHING], held[EVERYTHING]
    alone = np.array([perfect - held.get(ONLY + effect, missing) for effect in names])
    gained = np.array([held.get(effect, missing) - real for effect in names])
    order = np.argsort([-_weight(one, other) for one, other in zip(gained, alone, strict=True)], kind="stable")
    ranked = tuple(list(names)[place] for place in order)
    return EffectCosts(ranked, alone[order], gained[order], _chance(gained[order], alone[order]), real, perfect)


def _chance(gained: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """False discovery rate of each effect, (effect,); 1 where runs do not differ at all. Failed runs are left out."""
    from scipy import stats  # takes 0.5 s to import

    p = []
    for both in zip(gained, alone, strict=True):
        mean = np.mean([values for values in both if np.isfinite(values).any()] or [np.zeros(1)], axis=0)
        differing = mean[np.isfinite(mean) & (mean != 0)]
        p.append(stats.wilcoxon(differing).pvalue if differing.size else 1.0)
    return stats.false_discovery_control(p)


def _weight(gained: np.ndarray, alone: np.ndarray) -> float:
    """What an effect is ranked by: the mean of the gain on a real die and the cost alone, of those that were run."""
    finite = [float(np.nanmedian(values)) for values in (gained, alone) if np.isfinite(values).any()]
    return float(np.mean(finite)) if finite else -np.inf


def effect_ranking(dataset: xr.Dataset, axes: Axes | None = None, *, cloned: bool = False) -> Axes:
    """Plot what each effect costs, the dearest on top: median and quartiles over runs, in points of accuracy.

    Names of effects whose cost may be chance are grey.

    Parameters
    ----------
    dataset : xarray.Dataset
        As for `effect_costs`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes, high enough for all names, if not given.
    cloned : bool
        Whether to show dies with the weights of another die instead.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        As for `effect_costs`.

    Examples
    --------
    >>> import xarray as xr
    >>> runs = [[[0.9]], [[1.0]], [[0.95]], [[0.98]]]
    >>> study = xr.Dataset({"accuracy_test": (("without", "chip", "noise"), runs)},
    ...                    {"without": ["none", "all", "only:noise", "noise"]})
    >>> [label.get_text() for label in effect_ranking(study).get_yticklabels()]
    ['noise']
    """
    costs, (_, split) = effect_costs(dataset, cloned=cloned), accuracy_name(dataset)
    axes = axes or new_axes(6.0, 1.3 + _ROW * len(costs.names))
    place = np.arange(len(costs.names))
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    _draw_costs(axes, place - 0.14, costs.alone, TRAINED, "lost to it alone")
    _draw_costs(axes, place + 0.14, costs.gained, CLONED, "gained without it")
    axes.set_yticks(place, [name.replace("_", " ") for name in costs.names])
    for label, q in zip(axes.get_yticklabels(), costs.q, strict=True):
        label.set_color(GREY if q > CHANCE else "black")
    axes.set_ylim(len(place) - 0.5, -0.5)
    ends = f"all effects {np.nanmedian(costs.real):.1f} %, none {np.nanmedian(costs.perfect):.1f} %"
    n_runs = n_runs_text(costs.gained)
    whose = "weights of another die" if cloned else "trained on the die"
    axes.set_xlabel(f"{split} accuracy, {whose} (points)\nmedian of {n_runs} runs; {ends}")
    draw_legend(axes, n_columns=2)
    return axes


def _draw_costs(axes: Axes, place: np.ndarray, runs: np.ndarray, look: Look, name: str) -> None:
    alive = np.isfinite(runs).any(axis=1)
    if not alive.any():
        return
    low, middle, high = quartiles(runs[alive])
    axes.hlines(
        place[alive],
        low,
        high,
        color=look.colour,
        linewidth=2.2,
        alpha=0.45,
        label="quartiles" if look is TRAINED else None,
    )
    axes.plot(
        middle,
        place[alive],
        linestyle="none",
        marker=look.marker,
        markersize=4.5,
        color=look.colour,
        label=name,
        zorder=3,
    )
