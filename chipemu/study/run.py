"""Running a study in a folder: manifest first, one shard a unit, one file at the end; resumable at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chipemu import storage
from chipemu.errors import InputError
from chipemu.study import shards, workers
from chipemu.study.attempt import Job, RunPoint, run_unit
from chipemu.study.folder import complete_shards, held, prepare, remove_stale
from chipemu.study.plan import Unit, units
from chipemu.study.schema import Study

WHOLE = (1, 1)
Advance = Callable[[int, int], None]


def run_study(
    study: Study,
    folder: str | Path,
    run_point: RunPoint,
    *,
    resume: bool = False,
    progress: bool = True,
    n_workers: int = 0,
    shard: tuple[int, int] = WHOLE,
    warm_up: Callable[[], None] | None = None,
) -> Path | None:
    """Run every unit of a study that is not complete yet, then write all of them to one file.

    Killing this at any moment loses the units in flight. Run again with `resume`, it gives the same numbers, as it does
    with any number of workers.

    Parameters
    ----------
    study : Study
        From `load_study`.
    folder : str or Path
        Folder of this study; made if it is not there.
    run_point : callable
        PointSettings -> xarray.Dataset of declared variables (chip, noise, ...) with the attributes of
        `storage.provenance`. If it raises, its dies are run one by one; those that raise again become rows with status
        "failed" and the reason. It is also given the ideal device, as a point of its own.
    resume : bool
        Go on in a folder that already holds this study.
    progress : bool
        Show a progress bar on standard error.
    n_workers : int
        Number of worker processes; 0 runs in this process. A script that asks for workers must be importable: its own
        calls stand under ``if __name__ == "__main__"``.
    shard : (int, int)
        (k, n) runs every n-th unit, beginning with the k-th, for n processes on one folder. Only this may share a
        folder with other runs, and it may begin in a folder that holds the study already.
    warm_up : callable, optional
        Run in the first worker before the others begin, to compile kernels once.

    Returns
    -------
    Path or None
        The consolidated HDF5 file, `<study name>.h5` in the folder; none where other shares are not complete.

    Raises
    ------
    StudyFileError
        If the folder holds a study and `resume` is off, holds another study or one of another program version, or is
        in use.
    InputError
        If `shard` or `n_workers` is out of range.
    """
    _check(n_workers, shard)
    folder = Path(folder)
    shared = shard != WHOLE
    with held(folder, shared=shared):
        shard_folder = prepare(study, folder, resume=resume or shared)
        if not shared:
            remove_stale(folder)
        job = Job.of(study, run_point, shard_folder)
        mine = units(study)[shard[0] - 1 :: shard[1]]
        try:
            _work(mine, job, study, n_workers, warm_up, visible=progress)
            found = complete_shards(study, shard_folder)
            if found is None and not shared:  # one was damaged, which shows only when all of it is read
                _work(mine, job, study, n_workers, warm_up, visible=progress)
                found = complete_shards(study, shard_folder)
        finally:
            if not shared:
                remove_stale(folder)
        return storage.save(shards.consolidate(study, found), folder / f"{study.name}.h5") if found else None


def _check(n_workers: int, shard: tuple[int, int]) -> None:
    if n_workers < 0:
        raise InputError(f"{n_workers} workers; allowed 0 (this process) or more")
    k, n = shard
    if not 1 <= k <= n:
        raise InputError(f"shard {k}/{n} is not one of {n}; allowed k/n with k from 1 to n")


def _work(mine: list[Unit], job: Job, study: Study, n_workers: int, warm_up, *, visible: bool) -> None:
    """Run the units that are not complete, here or in workers, showing how many runs are done."""
    todo = [unit for unit in mine if shards.reasons(unit, study.hash, job.folder) is None]
    if n_workers:
        outcomes = workers.in_processes(todo, job, n_workers, warm_up)
    else:
        outcomes = ((unit, run_unit(unit, job)) for unit in todo)
    n_before = study.n_runs - sum(unit.point.n_runs for unit in todo if not unit.ideal)
    with closing(outcomes), _bar(study, n_before, visible=visible) as advance:
        for unit, n_failed in outcomes:
            if not unit.ideal:
                advance(unit.point.n_runs, n_failed)


@contextmanager
def _bar(study: Study, n_before: int, *, visible: bool) -> Iterator[Advance]:
    """Progress bar in runs; what is not this process's to do counts as done.

    Yields
    ------
    callable
        ``advance(n_runs, n_failed)``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"))
    failed = 0
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=not visible) as bar:
        task = bar.add_task(study.name, total=study.n_runs, completed=n_before)

        def advance(n_runs: int, n_failed: int) -> None:
            nonlocal failed
            failed += n_failed
            bar.update(task, advance=n_runs, description=f"{study.name}, {failed} failed" if failed else study.name)

        yield advance
