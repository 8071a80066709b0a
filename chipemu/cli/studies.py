"""`chipemu study`: run a study file, say how far it is, draw its figure."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from chipemu.cli.terminal import Json, note, print_json, print_table, watched
from chipemu.errors import InputError, RunError

STUDIES = Path("data/studies")
FIGURE_ENDINGS = ("png", "svg")

app = typer.Typer(
    help="Factors x dies x noise seeds: run, resume, report.", no_args_is_help=True, rich_markup_mode=None
)
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="study file")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="folder of the study")]


@app.command()
def run(
    study: StudyFile,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the folder stopped")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would run, and write nothing")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help=f"by default {STUDIES}/NAME")] = None,
    as_json: Json = False,
) -> None:
    """Run every point that is not complete; one HDF5 file at the end."""
    from chipemu.study import load_study, points, run_study, study_status

    started = time.perf_counter()
    described = load_study(study)
    folder = out or STUDIES / described.name
    planned = points(described)
    facts = {"study": described.name, "folder": str(folder), "n_points": described.n_points, "n_runs": described.n_runs}
    if dry_run:
        _print_plan(facts, planned, as_json)
        return
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file; give a folder")
    from chipemu.study.point import run_point

    result = run_study(described, folder, run_point, resume=resume, progress=watched(quiet=as_json))
    status = study_status(folder)
    facts |= {"file": str(result), "n_failed_runs": status.n_failed_runs, "wall_s": time.perf_counter() - started}
    if as_json:
        print_json(facts)
    else:
        _print_result(result)
        print(f"{status}; written: {result}")
    if status.n_failed_runs:
        raise RunError(f"{status.n_failed_runs} of {described.n_runs} runs failed; {_first_reason(result)}")


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Say how many points are complete and how many runs failed."""
    from chipemu.study import study_status

    found = study_status(folder)
    if as_json:
        print_json({"n_points": found.n_points, "n_complete": found.n_complete, "n_failed_runs": found.n_failed_runs})
    else:
        print(found)


@app.command()
def report(folder: Folder, as_json: Json = False) -> None:
    """Draw accuracy against mismatch into the folder, as PNG and SVG."""
    from chipemu.study import report_study

    paths = [path for ending in FIGURE_ENDINGS for path in report_study(folder, ending=ending)]
    if as_json:
        print_json({"figures": [str(path) for path in paths]})
        return
    _print_result(_result(folder))
    for path in paths:
        note(f"written: {path}")


def _result(folder: Path) -> Path:
    from chipemu.study import open_study

    return folder / f"{open_study(folder).name}.h5"


def _print_plan(facts: dict, planned: list, as_json: bool) -> None:
    first = planned[0]
    if as_json:
        factors = [dict(point.factors) for point in planned]
        print_json(facts | {"points": factors, "chip_seeds": first.chip_seeds, "noise_seeds": first.noise_seeds})
        return
    dies = f"{len(first.chip_seeds)} dies x {len(first.noise_seeds)} noise seeds"
    title = f"{facts['study']}: {first.task}, {first.split} split, {dies} at each point"
    rows = [(str(point.index), point.label, point.device, point.where) for point in planned]
    print_table(title, ("", "point", "device", "where"), rows, text_columns=4)
    print(f"{facts['n_points']} points, {facts['n_runs']} runs, into {facts['folder']}")


def _print_result(path: Path) -> None:
    """One line a point: median, quartiles and worst die."""
    import numpy as np

    from chipemu import storage
    from chipemu.variables import FACTORS

    dataset = storage.load(path)
    name = next(
        (n for n in ("accuracy_test", "accuracy_validation") if n in dataset and np.isfinite(dataset[n]).any()), None
    )
    if name is None:
        return
    accuracy = 100 * dataset[name]
    factors = [dim for dim in accuracy.dims if dim in FACTORS]
    rows = []
    for index in np.ndindex(*(accuracy.sizes[factor] for factor in factors)):
        runs = accuracy.isel(dict(zip(factors, index, strict=True)))
        values = [_text(dataset[factor].values[i]) for factor, i in zip(factors, index, strict=True)]
        if not np.isfinite(runs).any():
            rows.append((*values, *["failed"] * 4))
            continue
        numbers = (*runs.quantile([0.5, 0.25, 0.75]).values, runs.median("noise").min().item())
        rows.append((*values, *(f"{number:.1f}" for number in numbers)))
    split = name.removeprefix("accuracy_")
    columns = (*factors, "median %", "first quartile", "third quartile", "worst die")
    print_table(f"{split} accuracy, feedback off", columns, rows, text_columns=len(factors))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_reason(path: Path) -> str:
    from chipemu import storage

    dataset = storage.load(path)
    failed = dataset["reason"].where(dataset["status"] == "failed", drop=True)
    return next(
        (str(reason) for reason in failed.values.flat if isinstance(reason, str) and reason), "see `reason` in the file"
    )
