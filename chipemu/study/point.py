"""One point of a study is one learning experiment."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from chipemu.learning.experiment import learn
from chipemu.learning.recipes import usual
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.study.form import effects_of
from chipemu.study.plan import PointSettings

# Factors that scale effects, and the group of effects that each scales.
_SCALED = {"mismatch_scale": "mismatch", "noise_scale": "noise"}
# Counts of the budget that a study may set.
_COUNTS = ("presentations", "checkpoints", "validation", "finalists", "average")
# Settings of each way of training; what is transferred is tested as it is.
_TRAINING = {
    "trained": {},
    "target-propagation": {"target_propagation": True},
    "transferred": {"transfer": "snn"},
    "transferred-injected": {"transfer": "snn-mismatch"},
}
# Factors that are settings of the same name.
_AS_GIVEN = ("mismatch_model", "corner", "temperature", "age", "eta", "levels", "hidden")


def run_point(point: PointSettings) -> xr.Dataset:
    """Train and measure the dies of one point.

    Parameters
    ----------
    point : PointSettings
        From `chipemu.study.points`.

    Returns
    -------
    xarray.Dataset
        What `learn` gives.

    Raises
    ------
    ChipemuError
        What `learn` raises.
    """
    return learn(experiment(point))


def experiment(point: PointSettings) -> Settings:
    """Settings of the experiment that a point stands for.

    Parameters
    ----------
    point : PointSettings

    Returns
    -------
    Settings

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
    ... without = "noise+calibration"
    ... ''')
    >>> settings = experiment(points(study)[1])
    >>> settings.scale, settings.without
    ({'mismatch': 2.0}, ('noise', 'calibration'))
    """
    values = point.values
    return Settings(
        point.task,
        device=point.device,
        where=point.where,
        chip_seeds=point.chip_seeds,
        noise_seeds=point.noise_seeds,
        seed=point.seed,
        without=effects_of(values.get("without", "none")),
        scale={group: values[name] for name, group in _SCALED.items() if name in values},
        split=point.split,
        rules=_rules(point),
        **_training(point),
        **_length(point),
        **{name: values[name] for name in _AS_GIVEN if name in values},
    )


def _rules(point: PointSettings) -> dict[str, str]:
    return {"outputs": point.values["rule"]} if "rule" in point.values else {}


def _training(point: PointSettings) -> dict:
    return _TRAINING[point.values.get("training", "trained")]


def _length(point: PointSettings) -> dict:
    """Budget and schedule of an experiment; what the study leaves open stays as usual for the task."""
    budget, schedule = usual(point.task, point.values.get("hidden", 0), rules=_rules(point))
    given = point.budget
    counts = {name: given[name] for name in _COUNTS if name in given}
    if "transfer" in _training(point):
        counts["presentations"] = 0
    phases = {"decide": given["window"]} if "window" in given else {}
    if "target_rate" in point.values:
        phases["target_rate"] = point.values["target_rate"]
    return {"budget": replace(budget, **counts), "schedule": replace(schedule, **phases)}


def warm_up() -> None:
    """Compile the kernels into the cache folder, with the smallest experiment that reaches all of them.

    Processes that start after it load machine code instead of each compiling its own.
    """
    _, schedule = usual("binary")
    quick = replace(schedule, settle=0.005, decide=0.005, gap=0.005)
    learn(Settings("binary", without=("calibration",), budget=Budget(1, 1, 1, 1), schedule=quick))
