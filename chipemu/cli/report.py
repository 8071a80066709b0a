"""`chipemu report`: a result as one page that can be read, printed and sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipemu.cli.terminal import Json, check_output, note, print_json


def report(
    result: Annotated[Path, typer.Argument(metavar="F.h5", help="result of `chipemu learn --out` or of a study")],
    out: Annotated[Path | None, typer.Option(metavar="F.html", help="by default beside the result")] = None,
    title: Annotated[str | None, typer.Option(help="heading; by default the study, or task and device")] = None,
    as_json: Json = False,
) -> None:
    """Write a result as one HTML page: tables, figures and where it comes from, with nothing outside the file."""
    from chipemu import storage
    from chipemu.report import ENDINGS, write_report

    path = out or result.with_suffix(".html")
    check_output(path, ENDINGS)
    written = write_report(storage.load(result), path, title=title)
    if as_json:
        print_json({"report": str(written)})
    else:
        note(f"written: {written}")
