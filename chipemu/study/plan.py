"""What a study will run: points, seeds, units of work, and the manifest that is written before anything else."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import chipemu
from chipemu import variables
from chipemu.device import load_device
from chipemu.errors import InputError
from chipemu.frozen_map import FrozenMap
from chipemu.seeds import CHIPS, NOISE, seeds
from chipemu.study.schema import Study

MANIFEST_VERSION = 2

# A kill loses the units in flight, so they are small; a kernel call fills its blocks of lanes with about so many.
RUNS_PER_UNIT = 16

_IDEAL_DEVICE = "ideal"
# What changes the accuracy of the ideal device beside seeds and budget. Everything else is about imperfection.
_IDEAL_FACTORS = ("task", "target_rate")


@dataclass(frozen=True)
class PointSettings:
    """Everything one point of a study needs: one combination of factor values, all dies, all noise seeds.

    Parameters
    ----------
    index : int
        Place of the point in the study.
    values : FrozenMap of name to value
        All factor values in SI, varied or not; `task`, `device` and `where` always among them.
    factors : FrozenMap of name to value
        Those that the study varies.
    split : {"validation", "test"}
        As in the study file.
    chip_seeds, noise_seeds : tuple of int
        One seed a die, and one a noise seed; the same at every point, so that points compare the same dies.
    seed : int
        Seed of the study.
    budget : FrozenMap
        Counts of `learning.train.Budget`, and `window` [s], where the study gives them.
    """

    index: int
    values: FrozenMap
    factors: FrozenMap
    split: str
    chip_seeds: tuple[int, ...]
    noise_seeds: tuple[int, ...]
    seed: int
    budget: FrozenMap

    @property
    def task(self) -> str:
        """Task that is trained."""
        return self.values["task"]

    @property
    def device(self) -> str:
        """Device it is trained on."""
        return self.values["device"]

    @property
    def where(self) -> str:
        """Place of learning."""
        return self.values["where"]

    @property
    def n_runs(self) -> int:
        """Dies x noise seeds."""
        return len(self.chip_seeds) * len(self.noise_seeds)

    @property
    def shown(self) -> dict[str, str]:
        """All factor values as texts with units."""
        return {name: variables.show(name, value) for name, value in self.values.items()}

    @property
    def label(self) -> str:
        """What the study varies, as one line of text."""
        return ", ".join(f"{name} {self.shown[name]}" for name in self.factors) or self.device


@dataclass(frozen=True)
class Unit:
    """What a worker takes at once and writes as one file: a point, some dies of a point, or the ideal device.

    Parameters
    ----------
    shard : str
        Name of its file.
    point : PointSettings
        Restricted to the dies of this unit.
    ideal : bool
        Whether it is the ideal device, which stands beside the points.
    """

    shard: str
    point: PointSettings
    ideal: bool = False


def points(study: Study) -> list[PointSettings]:
    """Return the points of a study, the last factor changing fastest.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of PointSettings
    """
    chip_seeds = seeds(study.seed, study.chips, CHIPS)
    noise_seeds = seeds(study.seed, study.noise_seeds, NOISE)
    found = []
    for index, values in enumerate(itertools.product(*study.factors.values())):
        factors = FrozenMap(zip(study.factors, values, strict=True))
        found.append(
            PointSettings(
                index=index,
                values=FrozenMap({**study.fixed, **factors}),
                factors=factors,
                split=study.split,
                chip_seeds=chip_seeds,
                noise_seeds=noise_seeds,
                seed=study.seed,
                budget=study.budget,
            )
        )
    return found


def ideal_units(study: Study) -> list[Unit]:
    """Return the ideal device beside the points: trained at the host with the same task, budget and target rate.

    Its dies are all alike, so one is enough; it depends on few factors, so it is run once for all points that share
    them. None stands beside points with a hidden layer.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of Unit
    """
    found: dict[FrozenMap, Unit] = {}
    for point in filter(has_ideal, points(study)):
        key = ideal_key(point)
        if key not in found:
            values = FrozenMap({**key, "device": _IDEAL_DEVICE, "where": "host"})
            ideal = replace(point, index=len(found), values=values, factors=FrozenMap(), chip_seeds=(0,))
            found[key] = Unit(f"ideal-{len(found):05d}.h5", ideal, ideal=True)
    return list(found.values())


def has_ideal(point: PointSettings) -> bool:
    """Whether the ideal device can stand beside a point: it learns at a host, which trains one layer."""
    return not point.values.get("hidden", 0)


def ideal_key(point: PointSettings) -> FrozenMap:
    """Return the factor values that points with the same ideal device share."""
    return FrozenMap({name: point.values[name] for name in _IDEAL_FACTORS if name in point.values})


def point_units(point: PointSettings) -> list[Unit]:
    """Return the units of one point: itself, or groups of its dies if it has many runs.

    Parameters
    ----------
    point : PointSettings
        With all its dies.

    Returns
    -------
    list of Unit
        In order of dies. The split depends on the study alone, never on who runs it.
    """
    n_chips = len(point.chip_seeds)
    n_units = min(n_chips, math.ceil(point.n_runs / RUNS_PER_UNIT))
    if n_units == 1:
        return [Unit(f"point-{point.index:05d}.h5", point)]
    size = math.ceil(n_chips / n_units)
    return [
        Unit(
            f"point-{point.index:05d}-chips-{first:05d}.h5",
            replace(point, chip_seeds=point.chip_seeds[first : first + size]),
        )
        for first in range(0, n_chips, size)
    ]


def units(study: Study) -> list[Unit]:
    """Return all work of a study, in the order it is begun.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of Unit

    Examples
    --------
    >>> from chipemu.study import parse_study
    >>> study = parse_study('''
    ... [study]
    ... name = "many"
    ... task = "binary"
    ... device = "dynapse1"
    ... where = "host"
    ... chips = 20
    ... noise_seeds = 1
    ... seed = 0
    ... ''')
    >>> [unit.shard for unit in units(study)]
    ['ideal-00000.h5', 'point-00000-chips-00000.h5', 'point-00000-chips-00010.h5']
    """
    return ideal_units(study) + [unit for point in points(study) for unit in point_units(point)]


def runs(study: Study) -> list[tuple[int, int, int]]:
    """Return the table of runs: (point, die, noise seed) of every row of the result, by index.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of (int, int, int)
    """
    return list(itertools.product(range(study.n_points), range(study.chips), range(study.noise_seeds)))


def manifest(study: Study) -> dict[str, object]:
    """Return what is written first: identity of the study and of the program, and every run with its seeds.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        JSON-compatible. Two equal manifests promise equal numbers.
    """
    from chipemu.kernels.jit import kernel_hash  # compiles nothing, but imports Numba

    planned = points(study)
    return {
        "manifest_version": MANIFEST_VERSION,
        "study": study.name,
        "study_hash": study.hash,
        "package_version": chipemu.__version__,
        "kernel_hash": kernel_hash(),
        "device_hashes": {name: _device_hash(name) for name in study.values("device")},
        "chip_seeds": list(planned[0].chip_seeds),
        "noise_seeds": list(planned[0].noise_seeds),
        "ideal": [unit.shard for unit in ideal_units(study)],
        "points": [
            {"shards": [unit.shard for unit in point_units(point)], "factors": dict(point.factors)} for point in planned
        ],
        "run_columns": ["point", "chip", "noise"],
        "runs": [list(run) for run in runs(study)],
    }


def _device_hash(name: str) -> str | None:
    """Hash of a device file, which the user may edit between two runs; none where it cannot be used."""
    try:
        return load_device(name).hash
    except InputError:
        return None
