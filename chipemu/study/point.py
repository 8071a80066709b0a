"""One point of a study is one learning experiment, with the ideal chip beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import xarray as xr

from chipemu.learning.experiment import Settings, learn, usual
from chipemu.study.plan import PointSettings

# Factors that scale effects, and the group of effects that each scales.
_SCALED = {"mismatch_scale": "mismatch", "noise_scale": "noise"}
_IDEAL_DEVICE = "ideal"


def run_point(point: PointSettings) -> xr.Dataset:
    """Train and measure all dies of one point.

    Parameters
    ----------
    point : PointSettings
        From `chipemu.study.points`.

    Returns
    -------
    xarray.Dataset
        What `learn` gives, and `accuracy_ideal`: the median over the noise seeds of the ideal chip, trained at the host
        with the same budget.

    Raises
    ------
    ChipemuError
        What `learn` raises.
    """
    result = learn(experiment(point))
    ideal = _ideal_accuracy(point.task, point.split, point.noise_seeds, point.seed, point.budget)
    return result.assign(accuracy_ideal=((), ideal))


def experiment(point: PointSettings) -> Settings:
    """Settings of the experiment that a point stands for.

    Examples
    --------
    >>> from chipemu.study import parse_study, points
    >>> study = parse_study('''
    ... [study]
    ... name = "mismatch"
    ... task = "binary"
    ... device = "dynapse1-plastic"
    ... where = "chip"
    ... chips = 1
    ... noise_seeds = 1
    ... seed = 0
    ... [factors]
    ... mismatch_scale = [0, 2]
    ... ''')
    >>> experiment(points(study)[1]).scale
    {'mismatch': 2.0}
    """
    factors = point.factors
    given = {name: factors[name] for name in ("temperature", "eta") if name in factors}
    return Settings(
        point.task,
        device=point.device,
        where=point.where,
        chip_seeds=point.chip_seeds,
        noise_seeds=point.noise_seeds,
        seed=point.seed,
        scale={group: factors[name] for name, group in _SCALED.items() if name in factors},
        split=point.split,
        **_length(point.task, point.budget),
        **given,
    )


def _length(task: str, given) -> dict:
    """Budget and schedule of an experiment; what the study leaves open stays as usual for the task."""
    budget, schedule = usual(task)
    counts = {name: given[name] for name in ("presentations", "checkpoints") if name in given}
    window = {"decide": given["window"]} if "window" in given else {}
    return {"budget": replace(budget, **counts), "schedule": replace(schedule, **window)}


@lru_cache(maxsize=8)
def _ideal_accuracy(task: str, split: str, noise_seeds: tuple[int, ...], seed: int, budget) -> float:
    # The same at every point, so it is run once a process. Dies of the ideal device are all alike: one is enough.
    settings = Settings(
        task,
        device=_IDEAL_DEVICE,
        where="host",
        noise_seeds=noise_seeds,
        seed=seed,
        split=split,
        **_length(task, budget),
    )
    return float(learn(settings)[f"accuracy_{split}"].median())
