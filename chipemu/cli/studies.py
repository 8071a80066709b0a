"""`chipemu study`: run a study file, say how far it is, report on it, do one of its runs again."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from chipemu.cli.terminal import Json, note, print_json, print_table, watched
from chipemu.errors import InputError, RunError

STUDIES = Path("data/studies")
MAX_PLAN_ROWS = 60
MAX_FACTOR_COLUMNS = 3

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
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="worker processes; by default one a core, 0 runs in this process")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="K/N", help="every n-th part of the work, for job arrays on one folder")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help=f"by default {STUDIES}/NAME")] = None,
    as_json: Json = False,
) -> None:
    """Run everything that is not complete; one HDF5 file at the end."""
    from chipemu.study import load_study, points, study_status
    from chipemu.study.run import WHOLE

    started = time.perf_counter()
    described = load_study(study)
    folder = out or STUDIES / described.name
    share = _share(shard) if shard else WHOLE
    facts = {"study": described.name, "folder": str(folder), "n_points": described.n_points, "n_runs": described.n_runs}
    if dry_run:
        _print_plan(facts, points(described), as_json)
        return
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file; give a folder")
    result = _run(described, folder, resume=resume, n_workers=workers, shard=share, progress=watched(quiet=as_json))
    found = study_status(folder)
    facts |= _counts(found) | {"file": str(result) if result else None, "wall_s": time.perf_counter() - started}
    if as_json:
        print_json(facts)
    else:
        if result:
            _print_result(result)
        print(f"{found}; " + (f"written: {result}" if result else "other shares are not complete"))
    if found.n_failed_runs:
        raise RunError(f"{found.n_failed_runs} of {described.n_runs} runs failed; {found.failures[0].reason}")


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Say how many points are complete, and how many runs failed and why."""
    from chipemu.study import study_status

    found = study_status(folder)
    if as_json:
        print_json(_counts(found))
        return
    print(f"{found}; {found.n_complete_runs} of {found.n_runs} runs done")
    if found.failures:
        rows = [(failure.reason, str(failure.n_runs), str(failure.first_row)) for failure in found.failures]
        print_table("failed", ("reason", "runs", "first row"), rows)


@app.command()
def report(folder: Folder, as_json: Json = False) -> None:
    """Draw accuracy against what the study varies into the folder, as PNG and SVG, and write report.html."""
    from chipemu.study import report_study

    paths = report_study(folder)
    if as_json:
        print_json({"figures": [str(path) for path in paths[:-1]], "report": str(paths[-1])})
        return
    _print_result(_result(folder))
    for path in paths:
        note(f"written: {path}")


@app.command()
def rerun(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="file of a finished study, or its folder")],
    row: Annotated[int, typer.Option(metavar="I", help="index of the run: point, then die, then noise seed")],
    as_json: Json = False,
) -> None:
    """Do one run again and compare it bit for bit with what is stored."""
    from chipemu.study import rerun as run_again
    from chipemu.study.point import run_point

    done = run_again(path, row, run_point)
    differing = [variable.name for variable in done.variables if not variable.equal]
    if as_json:
        print_json(_rerun_facts(done))
    else:
        point, chip, noise = done.place
        title = f"row {row}: point {point} ({done.point.label}), die {chip}, noise seed {noise}"
        rows = [(v.name, _brief(v.stored), _brief(v.again), v.unit, "yes" if v.equal else "no") for v in done.variables]
        print_table(title, ("variable", "stored", "again", "unit", "equal"), rows, text_columns=5)
        print(f"{len(rows) - len(differing)} of {len(rows)} variables are equal to the last bit")
    for change in done.changed:
        note(f"chipemu: note: {change}")
    if differing:
        raise RunError(f"row {row} of {path} does not repeat: {', '.join(differing)}")


def _run(described, folder: Path, *, n_workers: int | None, **options) -> Path | None:
    from chipemu.study import run_study
    from chipemu.study.point import run_point, warm_up
    from chipemu.study.workers import n_cores

    if n_workers is None:
        n_workers = n_cores()
    try:
        return run_study(described, folder, run_point, n_workers=n_workers, warm_up=warm_up, **options)
    except KeyboardInterrupt:
        raise RunError(f"stopped; what is complete stays in {folder}. Go on with --resume") from None


def _share(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise InputError(f"--shard {text!r} is not usable; allowed K/N with K from 1 to N, for example 1/4")
    return int(found[1]), int(found[2])


def _counts(found) -> dict:
    """Facts about a study's progress, by their names in JSON."""
    return {
        "n_points": found.n_points,
        "n_complete": found.n_complete,
        "n_runs": found.n_runs,
        "n_complete_runs": found.n_complete_runs,
        "n_failed_runs": found.n_failed_runs,
        "ideal_failed": found.ideal_failed or None,
        "failures": [
            {"reason": failure.reason, "n_runs": failure.n_runs, "first_row": failure.first_row}
            for failure in found.failures
        ],
    }


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
    title = f"{facts['study']}: {first.split} split, {dies} at each point"
    same = [f"{name} {value}" for name, value in first.shown.items() if name not in first.factors]
    rows = [(str(point.index), point.label) for point in planned[:MAX_PLAN_ROWS]]
    print_table(title, ("", "point"), rows, text_columns=2)
    if len(planned) > MAX_PLAN_ROWS:
        print(f"... and {len(planned) - MAX_PLAN_ROWS} more")
    if same:
        print("at every point: " + ", ".join(same))
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
        values = {factor: dataset[factor].values[i].item() for factor, i in zip(factors, index, strict=True)}
        rows.append((*_place(values), *_spread(runs), str(int(np.isnan(runs).sum()) or "")))
    split = name.removeprefix("accuracy_")
    names = factors if len(factors) <= MAX_FACTOR_COLUMNS else ["point"]
    columns = (*names, "median %", "quartiles", "worst die", "failed")
    print_table(f"{split} accuracy, feedback off", columns, rows, text_columns=len(names))


def _place(values: dict) -> list[str]:
    """Factor values as one column each, or as one text if there are too many for the width of a terminal."""
    from chipemu.variables import show

    texts = {name: show(name, value) for name, value in values.items()}
    if len(texts) <= MAX_FACTOR_COLUMNS:
        return list(texts.values())
    return [", ".join(f"{name} {text}" for name, text in texts.items())]


def _spread(runs) -> tuple[str, str, str]:
    """Median, quartiles and worst die of the runs that did not fail."""
    if not runs.notnull().any():
        return "", "", ""
    median, first, third = runs.quantile([0.5, 0.25, 0.75]).values
    worst = runs.median("noise").min().item()
    return f"{median:.1f}", f"{first:.1f} to {third:.1f}", f"{worst:.1f}"


def _brief(values) -> str:
    """Print one number in full, and of many how many."""
    if values.size == 1:
        return str(values.item())
    return f"{values.size} values" if values.dtype.kind not in "fiu" else f"{values.size} values, sum {values.sum():g}"


def _rerun_facts(done) -> dict:
    return {
        "row": done.row,
        "point": done.place[0],
        "chip": done.place[1],
        "noise": done.place[2],
        "values": dict(done.point.values),
        "equal": done.equal,
        "changed": list(done.changed),
        "variables": [
            {
                "name": variable.name,
                "unit": variable.unit,
                "stored": variable.stored.tolist(),
                "again": variable.again.tolist(),
                "equal": variable.equal,
            }
            for variable in done.variables
        ],
    }
