"""What reaches the terminal: results on standard output, progress and notes on standard error."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipemu.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="print one JSON object and no progress")]
Tick = Callable[[str, int, int], None]


def print_json(content: dict) -> None:
    """Print one JSON object; what is not a finite number becomes null."""
    print(json.dumps(_plain(content)))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def note(text: str) -> None:
    """Say something that is not the result."""
    print(text, file=sys.stderr)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> None:
    """Print a table; the first columns hold text, the others numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table: Table = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < text_columns else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # Piped output has no width of its own; 100 columns are those of the device tables.
    Console(width=None if sys.stdout.isatty() else 100, markup=False, highlight=False).print(table)


def watched(*, quiet: bool) -> bool:
    """Whether progress is shown: somebody looks at standard error, and did not ask for JSON."""
    return sys.stderr.isatty() and not quiet


def show_warnings() -> None:
    """Print warnings as notes, the first of each kind: a study warns of the same thing on every die."""
    seen = set()

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        if (category, filename, lineno) not in seen:
            seen.add((category, filename, lineno))
            note(f"chipemu: note: {message}")

    warnings.showwarning = show


@contextmanager
def progress(*, quiet: bool) -> Iterator[Tick]:
    """Progress bars on standard error, one a stage; none with ``quiet`` or where nobody watches.

    Yields
    ------
    callable
        ``tick(stage, done, total)``: ``done`` of ``total`` are finished.
    """
    if not watched(quiet=quiet):
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        started: dict[str, object] = {}

        def tick(stage: str, done: int, total: int) -> None:
            if stage not in started:
                started[stage] = bars.add_task(stage, total=total)
            bars.update(started[stage], completed=done)

        yield tick


def check_output(path: Path | None, endings: Sequence[str] = ()) -> None:
    """Refuse a file that cannot be written, before hours of work are spent on it.

    Raises
    ------
    InputError
        If the folder does not exist or is closed, the path is a folder, or the ending is not one of ``endings``.
    """
    if path is None:
        return
    if endings and path.suffix.lower() not in endings:
        raise InputError(f"{path} ends in {path.suffix!r}; allowed {', '.join(endings)}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.parent}. Create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path} cannot be written: no permission to write into {path.parent}")
