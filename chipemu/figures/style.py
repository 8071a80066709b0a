"""How figures look: colours, axes, and the file they end in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chipemu.errors import InputError
from chipemu.storage import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design".
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#777777",
)
FORMATS = (".png", ".svg", ".pdf")
# Half the width of the page still leaves 4 pt, about the smallest print that can be read.
SMALL = 8.0
_LONGEST_NAME = 30


@dataclass(frozen=True)
class Look:
    """What tells one series from another: colour, and for readers without it, marker, line and hatch."""

    colour: str
    marker: str
    line: str | tuple = "-"
    hatch: str | None = None


TRAINED = Look(BLUE, "o", "-")
CLONED = Look(VERMILION, "s", (0, (4, 1.5)), "//////")
SERIES = (
    Look(BLUE, "o"),
    Look(VERMILION, "s"),
    Look(GREEN, "^"),
    Look(BLACK, "D"),
    Look(PURPLE, "v"),
    Look(ORANGE, "P"),
    Look(SKY, "X"),
)


def new_axes(width: float = 5.0, height: float = 3.4, *, fixed_aspect: bool = False) -> Axes:
    """Return empty axes on a figure of their own.

    Parameters
    ----------
    width, height : float
        Size [inch].
    fixed_aspect : bool
        Whether the axes will keep their own aspect, which shrinks them; their labels then need another layout.

    Returns
    -------
    matplotlib.axes.Axes
        Their `figure` is shown as an image where it ends a notebook cell.

    Examples
    --------
    >>> new_axes().figure.get_layout_engine() is not None
    True
    """
    from chipemu.figures.shown import ShownFigure

    figure = ShownFigure(figsize=(width, height), layout="compressed" if fixed_aspect else "constrained")
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.06)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def plain(text: object, longest: int = _LONGEST_NAME) -> str:
    """Return a name out of a file as matplotlib shows it letter by letter, cut where it would push out the drawing.

    Parameters
    ----------
    text : object
        What is written; a dollar sign would otherwise begin a formula.
    longest : int
        Number of letters kept.

    Returns
    -------
    str

    Examples
    --------
    >>> plain("a$b")
    'a\\\\$b'
    """
    letters = "".join(letter if letter.isprintable() else " " for letter in str(text))
    if len(letters) > longest:
        letters = letters[: longest - 1] + "…"
    return letters.replace("$", r"\$")


def save_figure(figure: Figure | Axes, path: str | Path) -> Path:
    """Write a figure to a file, whole or not at all; the ending gives the format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or matplotlib.axes.Axes
        Axes stand for the figure they are on.
    path : str or Path
        File ending in .png, .svg or .pdf.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the ending is another one, or the folder does not exist.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_figure(new_axes(), f"{folder}/empty.png").name
    'empty.png'
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path} ends in {path.suffix!r}; figures are written as {', '.join(FORMATS)}.")
    with replacing(path) as temporary:
        write_figure(figure, temporary, path.suffix[1:].lower())
    return path


def write_figure(figure: Figure | Axes, target: object, kind: str) -> None:
    """Write a figure to a path or an open binary stream; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or matplotlib.axes.Axes
        Axes stand for the figure they are on.
    target : path or binary file
    kind : {"png", "svg", "pdf"}
        Format.

    Examples
    --------
    >>> from io import BytesIO
    >>> stream = BytesIO()
    >>> write_figure(new_axes(), stream, "svg")
    >>> b"<svg" in stream.getvalue()
    True
    """
    from matplotlib import rc_context
    from matplotlib.axes import Axes

    whole = figure.figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    # No date and no random identifiers inside.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context({"svg.hashsalt": "chipemu"}):
        whole.savefig(target, format=kind, dpi=200, metadata=metadata)
