"""Figures and page of a finished study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import xarray as xr

from chipemu import figures, storage
from chipemu.errors import InputError
from chipemu.report import combinations, main_factor, point_name, write_report
from chipemu.study.folder import open_study

ENDINGS = ("png", "svg")
PAGE = "report.html"


def report_study(folder: str | Path, *, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Draw accuracy against what the study varies, and write one page with everything.

    Parameters
    ----------
    folder : str or Path
        Folder given to `run_study`.
    endings : sequence of {"png", "svg", "pdf"}
        Formats of the figures.

    Returns
    -------
    list of Path
        What was written into the folder: one figure for each combination of the factors other than the one across
        (mismatch_scale, or the one of most values), in each format, where effects were left out one by one another of
        what each costs, then `report.html`. A combination whose runs all
        failed, and a study that varies nothing, has no figure.

    Raises
    ------
    InputError
        If the study is not finished.
    """
    study = open_study(folder)
    result = Path(folder) / f"{study.name}.h5"
    if not result.is_file():
        raise InputError(f"{folder} holds no {result.name} yet. Finish the study first, with resume.")
    dataset = storage.load(result)
    page = dataset.assign_attrs(dict(study.fixed) | dataset.attrs)
    factor = main_factor(dataset)
    paths = []
    for choice in combinations(dataset, across=factor) if factor else []:
        chosen = dataset.isel(choice)
        if figures.has_accuracy(chosen):
            name = "-".join([study.name, *_file_texts(dataset, choice)])
            paths += _draw(chosen, factor, point_name(dataset, choice), Path(folder) / name, endings)
    paths += _draw_effects(dataset, Path(folder), study.name, endings)
    paths += _draw_trainings(dataset, factor, Path(folder), study.name, endings)
    return [*paths, write_report(page, Path(folder) / PAGE)]


def _draw_trainings(dataset: xr.Dataset, factor: str | None, folder: Path, name: str, endings: Sequence[str]):
    """Draw ways of training beside one another, one figure for each combination of the factors not in it."""
    if factor == "training" or not figures.has_trainings(dataset) or dataset[factor].dtype.kind not in "fiu":
        return []
    paths = []
    for choice in combinations(dataset.isel(training=0), across=factor):
        axes = figures.training_comparison(dataset.isel(choice), factor)
        stem = "-".join([name, "trainings", *_file_texts(dataset, choice)])
        paths += [figures.save_figure(axes, folder / f"{stem}.{ending}") for ending in endings]
    return paths


def _draw_effects(dataset: xr.Dataset, folder: Path, name: str, endings: Sequence[str]) -> list[Path]:
    """Draw what each effect costs, one figure for each combination of the other factors."""
    paths = []
    for choice in combinations(dataset, across="without"):
        chosen = dataset.isel(choice)
        if figures.has_accuracy(chosen) and figures.has_effect_costs(chosen):
            for kind in ("effects", "effects_cloned") if figures.has_cloned(chosen) else ("effects",):
                axes = figures.effect_ranking(chosen, cloned=kind == "effects_cloned")
                stem = "-".join([name, kind, *_file_texts(dataset, choice)])
                paths += [figures.save_figure(axes, folder / f"{stem}.{ending}") for ending in endings]
    return paths


def _draw(chosen: xr.Dataset, factor: str, title: str, stem: Path, endings: Sequence[str]) -> list[Path]:
    axes = figures.accuracy_against(chosen, factor)
    axes.figure.suptitle(figures.plain(title, 70), fontsize="medium")
    return [figures.save_figure(axes, stem.with_name(f"{stem.name}.{ending}")) for ending in endings]


def _file_texts(dataset: xr.Dataset, choice: dict[str, int]) -> list[str]:
    """Return the values of a choice as parts of a file name: numbers in SI, of paths the last part."""
    values = [dataset[name].values[index] for name, index in choice.items()]
    texts = [PurePath(value).stem if isinstance(value, str) else f"{value:g}" for value in values]
    return [
        "".join(letter if letter.isalnum() or letter in "._+" else "_" for letter in text) or "nothing"
        for text in texts
    ]
