"""What a page is made of: sections that hold paragraphs, tables, drawings and listings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from chipemu.report.drawing import Drawing

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A table on a page.

    Parameters
    ----------
    title : str
        What it says, shown above it.
    columns : sequence of str
        Heads, with units.
    rows : sequence of sequences of str
    n_names : int
        First columns that name the row; the others hold numbers.
    note : str
        What a reader must know to read it right.
    texts : sequence of int
        Other columns that hold words rather than numbers.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_names: int = 1
    note: str = ""
    texts: Sequence[int] = ()
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Items:
    """A list of texts."""

    items: Sequence[str]
    kind: str = field(default="items", init=False)


@dataclass(frozen=True)
class Listing:
    """A file as it is, folded away under its title."""

    title: str
    text: str
    kind: str = field(default="listing", init=False)


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading; `name` is its anchor."""

    name: str
    title: str
    parts: Sequence[Table | Text | Items | Listing | Drawing]


def percent(fraction: float) -> str:
    """Return a fraction as a number in percent, or a dash where there is none.

    Examples
    --------
    >>> percent(0.683), percent(float("nan"))
    ('68.3', '–')
    """
    return f"{100 * fraction:.1f}" if math.isfinite(fraction) else NOTHING


def number(value: float) -> str:
    """Return a number with four significant digits, thousands grouped and not cut, or a dash where there is none.

    Examples
    --------
    >>> number(1036.0).split(), number(3.43611e-08), number(0.0), number(float("inf"))
    (['1', '036'], '3.436e-08', '0', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    if (value == round(value) or abs(value) >= 1000) and abs(value) < 1e15:
        return f"{value:,.0f}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{value:.4g}"
