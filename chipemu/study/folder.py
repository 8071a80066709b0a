"""The folder of a study: the study itself, a manifest, shards, a lock, and how far everything is."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from chipemu import library, storage
from chipemu.errors import StudyFileError
from chipemu.study import shards
from chipemu.study.plan import ideal_units, manifest, point_units, points, units
from chipemu.study.schema import MAX_STUDY_BYTES, Study, parse_study

STUDY_FILE = "study.toml"
MANIFEST_FILE = "manifest.json"
SHARD_FOLDER = "shards"
LOCK_FILE = "lock"
MAX_MANIFEST_BYTES = 200_000_000


@dataclass(frozen=True)
class Failure:
    """One reason for which runs failed: how many, and the first row of the result that it happened to."""

    reason: str
    n_runs: int
    first_row: int


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Parameters
    ----------
    n_points, n_complete : int
        Points, and those whose shards are all there.
    n_runs, n_complete_runs, n_failed_runs : int
        Runs, those in shards, and those of them that failed.
    failures : tuple of Failure
        Reasons, the most frequent first.
    ideal_failed : str
        Why the ideal device beside the points failed; empty if it did not.
    """

    n_points: int
    n_complete: int
    n_runs: int
    n_complete_runs: int
    n_failed_runs: int
    failures: tuple[Failure, ...] = ()
    ideal_failed: str = ""

    def __str__(self) -> str:
        text = f"{self.n_complete} of {self.n_points} points complete, {self.n_failed_runs} runs failed"
        return text + (f", the ideal device failed: {self.ideal_failed}" if self.ideal_failed else "")


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
    shard_folder = Path(folder) / SHARD_FOLDER
    n_complete = n_complete_runs = 0
    rows: dict[str, list[int]] = {}
    for point in points(study):
        found = [shards.reasons(unit, study.hash, shard_folder) for unit in point_units(point)]
        n_complete += None not in found
        row = point.index * point.n_runs
        for unit, reasons in zip(point_units(point), found, strict=True):
            n_complete_runs += len(reasons or ())
            for offset, reason in enumerate(reasons or ()):
                if reason is not None:
                    rows.setdefault(reason, []).append(row + offset)
            row += unit.point.n_runs
    failures = sorted((Failure(reason, len(at), at[0]) for reason, at in rows.items()), key=lambda f: -f.n_runs)
    n_failed = sum(failure.n_runs for failure in failures)
    ideal = [shards.reasons(unit, study.hash, shard_folder) or () for unit in ideal_units(study)]
    why = next((reason for reasons in ideal for reason in reasons if reason is not None), "")
    return StudyStatus(study.n_points, n_complete, study.n_runs, n_complete_runs, n_failed, tuple(failures), why)


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
    return parse_study(library.read_text(path, str(path), MAX_STUDY_BYTES, StudyFileError), str(path))


def prepare(study: Study, folder: Path, *, resume: bool) -> Path:
    """Make the folder of a study, or make sure that it holds this one.

    Parameters
    ----------
    study : Study
    folder : Path
    resume : bool
        Whether it may hold the study already.

    Returns
    -------
    Path
        Folder of the shards.

    Raises
    ------
    StudyFileError
        If the folder holds a study and `resume` is off, or holds another study, or one of another program version.
    """
    shard_folder = folder / SHARD_FOLDER
    shard_folder.mkdir(parents=True, exist_ok=True)
    planned = manifest(study)
    path = folder / MANIFEST_FILE
    if path.exists():
        if not resume:
            raise StudyFileError(f"{folder} already holds a study. Resume it, or give another folder.")
        _check_manifest(path, planned)
        return shard_folder
    with storage.replacing(folder / STUDY_FILE) as temporary:
        temporary.write_text(study.text, encoding="utf-8")
    with storage.replacing(path) as temporary:
        temporary.write_text(json.dumps(planned), encoding="utf-8")
    return shard_folder


@contextmanager
def held(folder: Path, *, shared: bool) -> Iterator[None]:
    """Keep other runs out of a folder, or with `shared` only those that want it for themselves.

    The lock belongs to the process and not to the file that stands in the folder, so a killed run leaves none.

    Raises
    ------
    StudyFileError
        If another run holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    with path.open("a+", encoding="utf-8") as file:
        if not _locked(file.fileno(), shared):
            file.seek(0)
            holder = file.read(200).strip() or "another process"
            raise StudyFileError(
                f"{folder} is in use by {holder}. Wait until it ends, or share the work: "
                f"give every process its own --shard k/n."
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _locked(descriptor: int, shared: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows has no such lock; shards are written whole or not at all without it too
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # nor have some network file systems
        return True
    return True


def remove_stale(folder: Path) -> None:
    """Remove the temporary files that killed processes left, never those of a process that is alive.

    Called only by who holds the folder alone: on a shared file system a process number says nothing about another
    machine.
    """
    for place in (folder, folder / SHARD_FOLDER):
        for path in place.glob("*.tmp"):
            found = re.search(r"\.(\d+)\.tmp$", path.name)
            if found is None or not _alive(int(found[1])):
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False  # this one writes nothing while it cleans
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def complete_shards(study: Study, shard_folder: Path) -> dict[str, xr.Dataset] | None:
    """Return the shard of every unit by name, or nothing if one is missing; a damaged one is removed."""
    if any(shards.reasons(unit, study.hash, shard_folder) is None for unit in units(study)):
        return None
    found = {unit.shard: shards.read(unit, study.hash, shard_folder) for unit in units(study)}
    damaged = [name for name, shard in found.items() if shard is None]
    for name in damaged:
        (shard_folder / name).unlink(missing_ok=True)
    return None if damaged else found


def _check_manifest(path: Path, planned: dict[str, object]) -> None:
    text = library.read_text(path, str(path), MAX_MANIFEST_BYTES, StudyFileError)
    try:
        stored = json.loads(text)
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
