"""Fields of device and point files: a number with its unit, allowed range and source, checked as it is read.

Each number in a file is an inline table ``{ value = "2 pF", source = "..." }``; it becomes a `Quantity` in SI that
remembers its source. Nothing here reads files.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from chipemu.errors import UnitError, nearest, shorten
from chipemu.quantity import Quantity
from chipemu.units import parse, show

PLAIN_SOURCES = ("measured", "derived", "assumed")


class Limit(NamedTuple):
    """Allowed range of a key: SI unit, ends, and the text that messages show."""

    unit: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"allowed {show(self.low, self.unit)} to {show(self.high, self.unit)}"


class Section(BaseModel):
    """A table of a file: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Text of a fault: a name that is not in a closed list, with the nearest ones."""
    return f"unknown {kind} {shorten(name)!r}; nearest: {', '.join(nearest(name, known))}"


def provenance(raw: Any, references: Iterable[str], keys: tuple[str, ...], form: str) -> Mapping[str, Any]:
    """Check the inline table around a value: its keys, and a source that the file declares; ValueError says what."""
    if not isinstance(raw, dict):
        raise ValueError(f"{shorten(repr(raw))} has no source; write {form}")
    for key in raw:
        if key not in (*keys, "source", "note"):
            raise ValueError(unknown("key", key, (*keys, "source", "note")))
    for key in ("source", "note"):
        if not isinstance(raw.get(key, ""), str):
            raise ValueError(f"{key} = {shorten(repr(raw[key]))} is not text")
    if "source" not in raw:
        raise ValueError(f"source is missing; write {form}")
    known = (*PLAIN_SOURCES, *references)
    if raw["source"] not in known:
        raise ValueError(unknown("source", raw["source"], known))
    return raw


def _entry(convert: Callable[[Any], Any], unit: str, example: str, limit: str) -> Any:
    """Annotated field whose file form is ``{ value, source, note }``; ``convert`` raises ValueError or UnitError."""
    form = f"{{ value = {example}, source = ... }}, {limit}"

    def read(raw: Any, info: ValidationInfo) -> Quantity:
        table = provenance(raw, (info.context or {}).get("references", ()), ("value",), form)
        if "value" not in table:
            raise ValueError(f"value is missing; write {form}")
        try:
            return Quantity(convert(table["value"]), unit, table["source"], table.get("note", ""))
        except UnitError as fault:
            raise ValueError(f"{fault}, {limit}") from None

    return Annotated[Quantity, PlainValidator(read), Field(description=form)]


def number(raw: Any, limit: Limit) -> float:
    """SI value within its limit; ValueError names both."""
    value = parse(raw, limit.unit)
    if not limit.low <= value <= limit.high:
        raise ValueError(f"{shorten(raw)} is out of range; {limit}")
    return value


def quantity(unit: str, low: float, high: float, example: str) -> Any:
    """Field type: a number with unit and allowed range [SI]."""
    limit = Limit(unit, low, high)
    return _entry(lambda raw: number(raw, limit), unit, example, str(limit))


def count(low: int, high: int) -> Any:
    """Field type: a whole number with allowed range."""
    limit = f"allowed {low} to {high}, a whole number"

    def convert(raw: Any) -> int:
        if type(raw) is not int or not low <= raw <= high:
            raise ValueError(f"{shorten(repr(raw))} is not usable; {limit}")
        return raw

    return _entry(convert, "", str(low), limit)


def numbers(unit: str, low: float, high: float, size: int, example: str) -> Any:
    """Field type: a list of some numbers with unit and allowed range [SI]."""
    each = Limit(unit, low, high)
    limit = f"a list of {size}, each {each}"

    def convert(raw: Any) -> tuple[float, ...]:
        if not isinstance(raw, list) or len(raw) != size:
            raise ValueError(f"{shorten(repr(raw))} is not usable; {limit}")
        return tuple(number(item, each) for item in raw)

    return _entry(convert, unit, example, limit)


def choice(*options: Any) -> Any:
    """Field type: one of a few values."""
    limit = f"allowed {', '.join(map(repr, options))}"

    def convert(raw: Any) -> Any:
        if not any(type(raw) is type(option) and raw == option for option in options):
            raise ValueError(f"{shorten(repr(raw))} is not usable; {limit}")
        return raw

    return _entry(convert, "", repr(options[0]), limit)


def _currents(raw: Any) -> tuple[float, ...]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= 16:
        raise ValueError(f"{shorten(repr(raw))} is not usable; allowed a list of 1 to 16 currents")
    values = tuple(number(item, Limit("A", 1e-15, 1e-3)) for item in raw)
    if list(values) != sorted(set(values)):
        raise ValueError(f"{shorten(repr(raw))} does not rise; allowed currents in rising order")
    return values


def _addresses(raw: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(raw, list) or len(raw) > 4096:
        raise ValueError(f"{shorten(repr(raw))} is not usable; allowed a list of at most 4096 [core, neuron]")
    for item in raw:
        if not (isinstance(item, list) and len(item) == 2 and all(type(part) is int and part >= 0 for part in item)):
            raise ValueError(f"{shorten(repr(item))} is not usable; allowed [core, neuron], whole numbers from 0")
    return tuple((core, neuron) for core, neuron in raw)


def names(*options: str) -> Any:
    """Field type: a list of different names out of a closed list."""
    limit = f"allowed a list of {', '.join(options)}, each once"

    def convert(raw: Any) -> tuple[str, ...]:
        if not isinstance(raw, list) or len(raw) > len(options) or len(set(map(repr, raw))) != len(raw):
            raise ValueError(f"{shorten(repr(raw))} is not usable; {limit}")
        for item in raw:
            if item not in options:
                raise ValueError(unknown("name", str(item), options))
        return tuple(raw)

    return _entry(convert, "", f'["{options[0]}"]', limit)


def _factors(raw: Any) -> tuple[float, ...]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= 16:
        raise ValueError(f"{shorten(repr(raw))} is not usable; allowed a list of 1 to 16 factors")
    return tuple(number(item, Limit("", 0.0, 10.0)) for item in raw)


RISING_CURRENTS = _entry(
    _currents, "A", '["15 pA", "105 pA"]', "allowed 1 to 16 currents in rising order, 1 fA to 1 mA"
)
ADDRESSES = _entry(_addresses, "", "[[0, 0]]", "allowed a list of [core, neuron]")
FACTORS = _entry(_factors, "", "[1.1, 1.0]", "allowed 1 to 16 factors, 0 to 10")
SMALL_CAPACITANCE = quantity("F", 1e-15, 1e-9, '"2 pF"')
ENERGY = quantity("J", 0.0, 1e-3, '"260 pJ"')
SIGMA_LN = quantity("", 0.0, 2.0, "0.1")
FRACTION = quantity("", 0.0, 1.0, "0.05")
EVENT_TIME = quantity("s", 0.0, 1e-3, '"27 ns"')


def _fractions(raw: Any) -> tuple[float, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, float) and 0 <= item <= 0.2 for item in raw):
        raise ValueError(f"{shorten(repr(raw))} is not usable; allowed a list of fractions from 0.0 to 0.2")
    return tuple(raw)


def _curve(raw: Any) -> tuple[tuple[float, float], ...]:
    """Factor against current."""
    form = f"{shorten(repr(raw))} is not usable; allowed a list of [current, factor], rising currents, 0.01 to 10"
    if not isinstance(raw, list) or not 1 <= len(raw) <= 32:
        raise ValueError(form)
    if not all(isinstance(item, list) and len(item) == 2 and isinstance(item[1], float) for item in raw):
        raise ValueError(form)
    points = tuple((number(current, Limit("A", 1e-15, 1e-3)), factor) for current, factor in raw)
    rising = all(low[0] < high[0] for low, high in pairwise(points))
    if not rising or not all(0.01 <= factor <= 10 for _, factor in points):
        raise ValueError(form)
    return points


FRACTIONS = _entry(_fractions, "", "[0.01, 0.02]", "allowed a list of fractions from 0.0 to 0.2")
CURVE = _entry(_curve, "A", '[["1 pA", 0.8], ["100 pA", 0.6]]', "allowed a list of [current, factor]")
NAME = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="small letters, digits and dashes")]
