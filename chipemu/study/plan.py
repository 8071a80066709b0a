"""What a study will run: points, seeds and the manifest that is written before anything else."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import chipemu
from chipemu.frozen_map import FrozenMap
from chipemu.seeds import CHIPS, NOISE, seeds
from chipemu.study.schema import Study

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class PointSettings:
    """Everything one point of a study needs: one combination of factor values, all dies, all noise seeds.

    Parameters
    ----------
    index : int
        Place of the point in the study.
    task, device, where, split : str
        As in the study file.
    factors : FrozenMap of name to value
        Values of what the study varies, in SI; `device` and `where` among them if they are varied.
    chip_seeds, noise_seeds : tuple of int
        One seed a die, and one a noise seed; the same at every point, so that points compare the same dies.
    seed : int
        Seed of the study.
    budget : FrozenMap
        `presentations`, `checkpoints` and `window` [s], where the study gives them.
    """

    index: int
    task: str
    device: str
    where: str
    split: str
    factors: FrozenMap
    chip_seeds: tuple[int, ...]
    noise_seeds: tuple[int, ...]
    seed: int
    budget: FrozenMap

    @property
    def label(self) -> str:
        """Factor values as one line of text."""
        return ", ".join(f"{name} = {value}" for name, value in self.factors.items()) or self.device


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
        place = {**study.fixed, **factors}
        found.append(
            PointSettings(
                index=index,
                task=study.task,
                device=place["device"],
                where=place["where"],
                split=study.split,
                factors=factors,
                chip_seeds=chip_seeds,
                noise_seeds=noise_seeds,
                seed=study.seed,
                budget=study.budget,
            )
        )
    return found


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


def shard_name(index: int) -> str:
    """Return the file name of the shard of one point."""
    return f"point-{index:05d}.h5"


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
        "chip_seeds": list(planned[0].chip_seeds),
        "noise_seeds": list(planned[0].noise_seeds),
        "points": [{"shard": shard_name(point.index), "factors": dict(point.factors)} for point in planned],
        "run_columns": ["point", "chip", "noise"],
        "runs": [list(run) for run in runs(study)],
    }
