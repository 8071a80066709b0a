"""Running a study in a folder: manifest first, one shard a point, one file at the end; resumable at any moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from chipemu import storage
from chipemu.errors import StudyFileError
from chipemu.study import shards
from chipemu.study.plan import PointSettings, manifest, points
from chipemu.study.schema import Study, parse_study

RunPoint = Callable[[PointSettings], xr.Dataset]

STUDY_FILE = "study.toml"
MANIFEST_FILE = "manifest.json"
SHARD_FOLDER = "shards"
MAX_MANIFEST_BYTES = 200_000_000


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is: numbers of points, of points whose shard is complete, and of runs that failed."""

    n_points: int
    n_complete: int
    n_failed_runs: int

    def __str__(self) -> str:
        return f"{self.n_complete} of {self.n_points} points complete, {self.n_failed_runs} runs failed"


def run_study(
    study: Study, folder: str | Path, run_point: RunPoint, *, resume: bool = False, progress: bool = True
) -> Path:
    """Run every point of a study that is not complete yet, then write all of them to one file.

    Killing this at any moment loses the point in flight. Run again with `resume`, it gives the same numbers.

    Parameters
    ----------
    study : Study
        From `load_study`.
    folder : str or Path
        Folder of this study; made if it is not there.
    run_point : callable
        PointSettings -> xarray.Dataset of declared variables (chip, noise, ...) with the attributes of
        `storage.provenance`. What it raises becomes rows with status "failed" and the reason.
    resume : bool
        Go on in a folder that already holds this study.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The consolidated HDF5 file, `<study name>.h5` in the folder.

    Raises
    ------
    StudyFileError
        If the folder holds a study and `resume` is off, or holds another study, or one of another program version.
    """
    folder = Path(folder)
    shard_folder = _prepare(study, folder, resume)
    done = []
    for settings in _with_progress(points(study), study, progress):
        dataset = shards.read(study, settings.index, shard_folder)
        if dataset is None:
            dataset = _run_one(study, settings, run_point, shard_folder)
        done.append(dataset)
    return storage.save(shards.consolidate(study, done), folder / f"{study.name}.h5")


def study_status(folder: str | Path) -> StudyStatus:
    """Count what is complete in the folder of a study.

    Parameters
    ----------
    folder : str or Path
        Folder given to `run_study`.

    Returns
    -------
    StudyStatus

    Raises
    ------
    StudyFileError
        If the folder holds no study.
    """
    study = open_study(folder)
    found = [shards.read(study, index, Path(folder) / SHARD_FOLDER) for index in range(study.n_points)]
    complete = [dataset for dataset in found if dataset is not None]
    n_failed = sum(int((dataset["status"] == "failed").sum()) for dataset in complete)
    return StudyStatus(study.n_points, len(complete), n_failed)


def open_study(folder: str | Path) -> Study:
    """Return the study that a folder holds.

    Parameters
    ----------
    folder : str or Path
        Folder given to `run_study`.

    Returns
    -------
    Study

    Raises
    ------
    StudyFileError
        If there is none.
    """
    path = Path(folder) / STUDY_FILE
    if not path.is_file():
        raise StudyFileError(f"{folder} holds no study: there is no {STUDY_FILE} in it.")
    return parse_study(path.read_text(encoding="utf-8"), str(path))


def _prepare(study: Study, folder: Path, resume: bool) -> Path:
    """Make the folder of a study, or make sure that it holds this one; return the folder of the shards."""
    shard_folder = folder / SHARD_FOLDER
    shard_folder.mkdir(parents=True, exist_ok=True)
    planned = manifest(study)
    path = folder / MANIFEST_FILE
    if path.exists():
        if not resume:
            raise StudyFileError(f"{folder} already holds a study. Resume it, or give another folder.")
        _check_manifest(path, planned)
    else:
        with storage.replacing(folder / STUDY_FILE) as temporary:
            temporary.write_text(study.text, encoding="utf-8")
        with storage.replacing(path) as temporary:
            temporary.write_text(json.dumps(planned), encoding="utf-8")
    # A process that was killed while writing leaves its temporary file.
    for stale in shard_folder.glob("*.tmp"):
        stale.unlink()
    return shard_folder


def _check_manifest(path: Path, planned: dict[str, object]) -> None:
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise StudyFileError(f"{path} has {path.stat().st_size} bytes; the limit is {MAX_MANIFEST_BYTES}.")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StudyFileError(f"{path} is not a manifest: {error}. Give another folder.") from error
    if not isinstance(stored, dict):
        raise StudyFileError(f"{path} is not a manifest. Give another folder.")
    # Compared as JSON, which knows no tuples.
    expected = json.loads(json.dumps(planned))
    changed = [key for key in expected if stored.get(key) != expected[key]]
    if changed:
        raise StudyFileError(
            f"{path.parent} holds a study with another {', '.join(changed)}; its numbers would not go together. "
            f"Give another folder."
        )


def _run_one(study: Study, settings: PointSettings, run_point: RunPoint, folder: Path) -> xr.Dataset:
    """Run one point and write its shard; whatever goes wrong becomes rows that say so."""
    try:
        path = shards.write(shards.complete(run_point(settings), settings), study, settings, folder)
    except Exception as error:
        # Hours of other points must not be lost to a fault in one, whatever its kind.
        path = shards.write(shards.failed(error, settings), study, settings, folder)
    # Read back, so that a resumed study and an uninterrupted one consolidate the same arrays.
    return storage.load(path)


def _with_progress(planned: list[PointSettings], study: Study, visible: bool) -> Iterator[PointSettings]:
    """Yield the points while showing which one is at work."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as bar:
        task = bar.add_task(study.name, total=len(planned))
        for settings in planned:
            bar.update(task, description=f"{study.name}: {settings.label}")
            yield settings
            bar.advance(task)
