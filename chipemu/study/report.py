"""Figures of a finished study."""

from __future__ import annotations

import itertools
from pathlib import Path

import xarray as xr

from chipemu import figures, storage
from chipemu.errors import InputError
from chipemu.study.run import open_study

_SHOWN = "mismatch_scale"


def report_study(folder: str | Path, *, ending: str = "png") -> list[Path]:
    """Draw accuracy against mismatch, one figure for each combination of the other factors.

    Parameters
    ----------
    folder : str or Path
        Folder given to `run_study`.
    ending : {"png", "svg", "pdf"}
        Format.

    Returns
    -------
    list of Path
        The figures, written into the folder.

    Raises
    ------
    InputError
        If the study is not finished, or does not vary mismatch_scale.
    """
    study = open_study(folder)
    if _SHOWN not in study.factors:
        varied = ", ".join(study.factors) or "nothing"
        raise InputError(f"{study.path} varies {varied}; the figure needs the factor {_SHOWN}.")
    result = Path(folder) / f"{study.name}.h5"
    if not result.is_file():
        raise InputError(f"{folder} holds no {result.name} yet. Finish the study first, with resume.")
    dataset = storage.load(result)
    others = {name: values for name, values in study.factors.items() if name != _SHOWN}
    paths = []
    for indices in itertools.product(*(range(len(values)) for values in others.values())):
        choice = dict(zip(others, indices, strict=True))
        paths.append(_draw(dataset.isel(choice), study.name, Path(folder), ending))
    return paths


def _draw(chosen: xr.Dataset, name: str, folder: Path, ending: str) -> Path:
    """Draw one combination of factors, which are scalar coordinates of `chosen`; its values name file and title."""
    values = [chosen[factor] for factor in chosen.coords if chosen[factor].ndim == 0]
    texts = [f"{value.item():g}" if value.dtype.kind == "f" else Path(value.item()).stem for value in values]
    axes = figures.accuracy_against_mismatch(chosen)
    axes.figure.suptitle(", ".join(f"{value.name} {text}" for value, text in zip(values, texts, strict=True)))
    return figures.save_figure(axes, folder / f"{'-'.join([name, *texts])}.{ending}")
