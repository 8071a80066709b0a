"""`chipemu check`: the emulator against its references."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from chipemu.cli.terminal import Json, note, print_json, print_table


def check(
    device: Annotated[str, typer.Option(metavar="D", help="device to measure; name or path")] = "dynapse1",
    as_json: Json = False,
) -> None:
    """Compare the emulator with published numbers and closed forms; about half a minute."""
    from chipemu.device import load_device
    from chipemu.validation import run_checks, unchecked

    rows = run_checks(device)
    missing = unchecked(load_device(device), rows)
    failed = [row for row in rows if not row.passed]
    if as_json:
        table = [dataclasses.asdict(row) for row in rows]
        print_json({"device": device, "passed": not failed, "unchecked_effects": missing, "rows": table})
    else:
        _print(rows, device)
        print(f"effects without a row: {', '.join(missing)}" if missing else "every effect of the device has a row")
    if failed:
        note(f"chipemu: {len(failed)} of {len(rows)} checks failed: {'; '.join(row.name for row in failed)}")
        raise typer.Exit(1)


def _print(rows: list, device: str) -> None:
    texts = [
        (
            "pass" if row.passed else "FAIL",
            row.name,
            row.operating_point,
            f"{row.expected:.5g}",
            f"{row.got:.5g}",
            f"{row.tolerance:.3g}",
            row.unit,
        )
        for row in rows
    ]
    columns = ("", "name", "operating point", "expected", "got", "tolerance", "unit")
    print_table(f"checks of {device}", columns, texts, text_columns=3)
    passed = sum(row.passed for row in rows)
    print(f"{passed} of {len(rows)} passed; expected values, tolerances and sources: data/reference/*.csv")
