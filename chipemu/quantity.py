"""A number of a file together with where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chipemu.errors import UnknownNameError
from chipemu.units import show


@dataclass(frozen=True)
class Quantity:
    """A value of a file with its provenance.

    Parameters
    ----------
    value : float, int, str, bool or tuple
        In SI.
    unit : str
        SI unit; empty for counts, ratios and names.
    source : str
        Key of the file's references, or "measured", "derived", "assumed".
    note : str
        What the source says, or how the number was derived.

    Examples
    --------
    >>> print(Quantity(2e-12, "F", "assumed"))
    2 pF
    """

    value: Any
    unit: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return ", ".join(_text(item, self.unit) for item in values)


def _text(item: Any, unit: str) -> str:
    if isinstance(item, tuple) and isinstance(item[1], float):
        return f"{item[1]:g} at {show(item[0], unit)}"  # a point of a curve
    return show(item, unit) if isinstance(item, float) else str(item)


def look_up(quantities: Mapping[str, Quantity], key: str, path: str) -> Quantity:
    """Quantity at a key path of a file; a mismatch without an entry of its own answers with its table's default.

    Raises
    ------
    UnknownNameError
        No such number in the file; the message holds the nearest key paths.
    """
    if key in quantities:
        return quantities[key]
    default = key.rpartition(".")[0] + ".default"
    if key.startswith("mismatch.") and default in quantities:
        return quantities[default]
    raise UnknownNameError("number", key, quantities, where=path)
