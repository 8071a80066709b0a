"""The form of a study file: its tables, keys, ranges and units, as pydantic checks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from chipemu import library, tasks, units
from chipemu.ageing import OLDEST
from chipemu.effects import EFFECTS, GROUPS, all_but
from chipemu.errors import InputError, UnknownNameError, shorten
from chipemu.plasticity import PLASTICITY_RULES
from chipemu.transistor import CORNERS, MISMATCH_MODELS
from chipemu.variables import EVERYTHING, NOTHING, ONLY, TRAININGS

# A fixed order of factors, outermost first: a study does not change when its file is sorted differently.
FACTOR_ORDER = (
    "task",
    "device",
    "where",
    "rule",
    "training",
    "without",
    "hidden",
    "levels",
    "mismatch_scale",
    "noise_scale",
    "mismatch_model",
    "corner",
    "temperature",
    "age",
    "eta",
    "target_rate",
)
HEAD_FACTORS = ("task", "device", "where")
EACH = "each"


def effects_of(text: str) -> tuple[str, ...]:
    """Names of the effects that an entry of `without` switches off.

    Parameters
    ----------
    text : str
        Names joined by ``+``; ``"none"`` or ``"all"``; after ``only:`` the names of what stays on.

    Examples
    --------
    >>> effects_of("noise+calibration"), effects_of("none")
    (('noise', 'calibration'), ())
    >>> "mismatch_slot" in effects_of("only:noise"), "thermal_noise" in effects_of("only:noise")
    (True, False)
    """
    if text in (NOTHING, EVERYTHING):
        return all_but(()) if text == EVERYTHING else ()
    return all_but(text.removeprefix(ONLY).split("+")) if text.startswith(ONLY) else tuple(text.split("+"))


def _each_as_list(value: object) -> object:
    """The word ``each`` as what it stands for: every effect on, every effect off, each alone, and all but each."""
    each = [NOTHING, EVERYTHING, *(f"{ONLY}{name}" for name in all_but(())), *EFFECTS]
    return each if value == EACH else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _without_repeats(values: list) -> list:
    # Two orders of the same effects are the same set.
    alike = [set(value.split("+")) if isinstance(value, str) else value for value in values]
    repeated = [value for index, value in enumerate(values) if alike[index] in alike[:index]]
    if repeated:
        raise ValueError(f"{shorten(repr(repeated[0]))} is given twice")
    return values


def _quantity(unit: str, low: float, high: float = float("inf")) -> Callable[[Any], float]:
    """Make the validator of a text with a unit."""

    def read(value: Any) -> float:
        try:
            si = units.parse(value, unit)
        except InputError as fault:
            raise ValueError(str(fault)) from None
        if si < low:
            raise ValueError(f"{shorten(value)} is below the limit, {units.show(low, unit)}")
        if si > high:
            raise ValueError(f"{shorten(value)} is above the limit, {units.show(high, unit)}")
        return si

    return read


def _known(kind: str, names: Callable[[], list[str]]) -> Callable[[str], str]:
    """Make the validator of a name out of a list that is only read when needed."""

    def look_up(name: str) -> str:
        if name not in names():
            raise ValueError(str(UnknownNameError(kind, name, names())))
        return name

    return look_up


def _known_device(name: str) -> str:
    return name if library.is_path(name) else _known("device", lambda: library.list_names("devices"))(name)


def _known_effects(text: str) -> str:
    only = ONLY if text.startswith(ONLY) else ""
    names = [name.strip() for name in text.removeprefix(ONLY).split("+")]
    if not only and names in ([NOTHING], [EVERYTHING]):
        return names[0]
    known = [*GROUPS, *EFFECTS]
    faults = [str(UnknownNameError("effect", name, known)) for name in names if name not in known]
    if NOTHING in names or EVERYTHING in names:
        faults = [f"{shorten(repr(text))}: 'none' and 'all' stand alone"]
    if len(set(names)) < len(names):
        faults.append(f"{shorten(repr(text))} names an effect twice")
    if faults:
        raise ValueError("\n".join(faults))
    return only + "+".join(names)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(
            f"{value} is even; weights are symmetric about zero, so allowed an odd number: {value - 1} or {value + 1}"
        )
    return value


def _belongs_to_head(value: object) -> object:
    raise ValueError("belongs into the table [study]; a list there varies it")


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


_Item = TypeVar("_Item")
_Values = Annotated[
    list[_Item],
    Field(min_length=1, max_length=1000),
    AfterValidator(_without_repeats),
    BeforeValidator(_as_list),
]
_Task = Annotated[str, AfterValidator(_known("task", tasks.names))]
_Device = Annotated[str, Field(max_length=500), AfterValidator(_known_device)]
_Where = Literal["chip", "host"]
_Without = Annotated[str, Field(max_length=500), AfterValidator(_known_effects)]
_Rule = Annotated[str, AfterValidator(_known("rule", lambda: list(PLASTICITY_RULES)))]
_Levels = Annotated[int, Field(ge=3, le=65_535), AfterValidator(_odd)]
_Hidden = Annotated[int, Field(ge=0, le=1000)]
_Scale = Annotated[float, Field(ge=0, le=100)]
_Time = Annotated[float, BeforeValidator(_quantity("s", 0.0))]
_Temperature = Annotated[float, BeforeValidator(_quantity("K", 0.0))]
_Age = Annotated[float, BeforeValidator(_quantity("s", 0.0, OLDEST))]
_Rate = Annotated[float, BeforeValidator(_quantity("Hz", 1.0, 1000.0))]
_InHead = Annotated[None, BeforeValidator(_belongs_to_head)]


class Head(_Table):
    """The table `[study]`: what is trained, on what, how often."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="a short name without spaces")
    task: _Values[_Task] = Field(description="the task to train, or a list of them")
    device: _Values[_Device] = Field(description="a device or a list of them")
    where: _Values[_Where] = Field(description="'chip' or 'host'")
    chips: int = Field(ge=1, le=100_000, description="the number of dies")
    noise_seeds: int = Field(ge=1, le=10_000, description="the number of noise seeds for each die")
    seed: int = Field(ge=0, lt=2**63, description="the seed that all others come from")
    split: Literal["validation", "test"] = "validation"


class Factors(_Table):
    """The table `[factors]`: a list is varied, a single value holds at every point."""

    task: _InHead = None
    device: _InHead = None
    where: _InHead = None
    training: _Values[Literal[TRAININGS]] | None = None
    rule: _Values[_Rule] | None = None
    without: Annotated[_Values[_Without], BeforeValidator(_each_as_list)] | None = None
    hidden: _Values[_Hidden] | None = None
    levels: _Values[_Levels] | None = None
    mismatch_scale: _Values[_Scale] | None = None
    noise_scale: _Values[_Scale] | None = None
    mismatch_model: _Values[Literal[MISMATCH_MODELS]] | None = None
    corner: _Values[Literal[CORNERS]] | None = None
    temperature: _Values[_Temperature] | None = None
    age: _Values[_Age] | None = None
    eta: _Values[Annotated[float, Field(ge=0)]] | None = None
    target_rate: _Values[_Rate] | None = None


class Lengths(_Table):
    """The table `[budget]`: how long training is, and which images are compared; see `learning.train.Budget`."""

    presentations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    checkpoints: Annotated[int, Field(ge=1, le=10_000)] | None = None
    validation: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    finalists: Annotated[int, Field(ge=1, le=10_000)] | None = None
    average: Annotated[int, Field(ge=0, le=10_000)] | None = None
    window: _Time | None = None


class StudyFile(_Table):
    """A whole study file."""

    study: Head = Field(description="the table [study]")
    factors: Factors = Field(default_factory=Factors)
    budget: Lengths = Field(default_factory=Lengths)
