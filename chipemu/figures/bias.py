"""The current of every code of a bias: a figure, and a sketch of characters for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chipemu.errors import InputError
from chipemu.figures.style import BLACK, BLUE, SMALL, VERMILION, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS, _COLUMNS = 21, 64  # of the sketch


def bias_curve(
    currents: np.ndarray,
    axes: Axes | None = None,
    *,
    marks: Sequence[tuple[str, int, int]] = (),
    name: str = "bias",
) -> Axes:
    """Plot the nominal current of every code of a bias, one line a coarse range.

    Parameters
    ----------
    currents : (coarse, fine) array
        Nominal currents [A], all above 0; see `chipemu.bias.currents`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.
    marks : sequence of (text, coarse, fine)
        Codes to point out, for example those of operating points.
    name : str
        The register, for the label.

    Returns
    -------
    matplotlib.axes.Axes
        With a logarithmic axis of current.

    Raises
    ------
    InputError
        A current is not above 0.

    Examples
    --------
    >>> from chipemu.bias import currents
    >>> from chipemu.device import load_device
    >>> axes = bias_curve(currents(load_device("dynapse2").generators["SOIF_LEAK_N"]), name="SOIF_LEAK_N")
    >>> len(axes.lines)
    6
    """
    _check(currents)
    axes = new_axes(5.4, 4.0) if axes is None else axes
    fine = np.arange(currents.shape[1])
    for coarse, row in enumerate(currents):
        axes.plot(fine, row, color=BLUE if coarse % 2 == 0 else VERMILION, linewidth=1.4)
        axes.annotate(
            f"{coarse}",
            (fine[-1], row[-1]),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=BLACK,
        )
    axes.set_yscale("log")
    _draw_marks(axes, currents, marks)
    axes.set_xlim(0, currents.shape[1] - 1)
    axes.set_xticks(np.linspace(0, currents.shape[1], 9)[:-1].astype(int))
    axes.set_xlabel("fine code (at the line's end: coarse code)")
    axes.set_ylabel(f"nominal current of {plain(name)} [A]")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _draw_marks(axes: Axes, currents: np.ndarray, marks: Sequence[tuple[str, int, int]]) -> None:
    """A dot at each code; codes shared by several texts are named together."""
    at: dict[tuple[int, int], list[str]] = {}
    for text, coarse, fine in marks:
        at.setdefault((coarse, fine), []).append(text)
    for number, ((coarse, fine), texts) in enumerate(at.items(), start=1):
        place = (fine, currents[coarse, fine])
        more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
        label = f"{number}  ({coarse}, {fine}): {plain(texts[0])}{more}"
        axes.plot(*place, "o", color=BLACK, markersize=4, linestyle="none", label=label)
        axes.annotate(f"{number}", place, xytext=(4, -9), textcoords="offset points", fontsize=SMALL)
    if at:
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=SMALL, frameon=False, handlelength=0.8, ncols=1
        )


def bias_sketch(currents: np.ndarray) -> str:
    """The same curve in characters: each coarse range by its digit, current upwards in decades.

    Parameters
    ----------
    currents : (coarse, fine) array
        Nominal currents [A], all above 0.

    Returns
    -------
    str
        Lines of at most 80 columns.

    Examples
    --------
    >>> print(bias_sketch(np.geomspace(1e-12, 1e-9, 256)[None])[-9:])
    fine code
    """
    from chipemu.units import show

    _check(currents)
    level = np.log10(currents)
    low, high = level.min(), level.max()
    rows = np.rint((level - low) / (high - low) * (_ROWS - 1)).astype(int)
    canvas = np.full((_ROWS, _COLUMNS), " ")
    column = np.arange(currents.shape[1]) * _COLUMNS // currents.shape[1]
    for coarse, row in enumerate(rows):
        canvas[row, column] = "0123456789abcdef"[coarse]
    decade = np.arange(np.ceil(low), np.floor(high) + 1)
    at = np.rint((decade - low) / (high - low) * (_ROWS - 1)).astype(int)
    decades = dict(zip(at.tolist(), [show(10.0**exponent, "A") for exponent in decade], strict=True))
    lines = [f"{decades.get(row, ''):>9} |{''.join(canvas[row]).rstrip()}" for row in reversed(range(_ROWS))]
    ticks = "".join(f"{fine:<{_COLUMNS // 4}}" for fine in np.arange(4) * currents.shape[1] // 4).rstrip()
    return "\n".join([*lines, f"{'':>9} +{'-' * _COLUMNS}", f"{'':>11}{ticks}  fine code"])


def _check(currents: np.ndarray) -> None:
    if not (np.isfinite(currents).all() and (currents > 0).all()):
        raise InputError(f"currents reach {np.min(currents):g} A; a logarithmic axis shows those above 0 A")
