"""The study file: what is varied, on which chips, with how many dies and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from chipemu import library, tasks, units
from chipemu.device_file import check, content_hash
from chipemu.errors import InputError, StudyFileError, UnknownNameError, shorten
from chipemu.frozen_map import FrozenMap

# The text of a study is kept inside its result, where HDF5 allows an attribute 64 kB.
MAX_STUDY_BYTES = 50_000
MAX_RUNS = 1_000_000

# A fixed order of factors: a study does not change when its file is sorted differently.
_FACTOR_ORDER = ("device", "where", "mismatch_scale", "noise_scale", "temperature", "eta")


@dataclass(frozen=True)
class Study:
    """A validated study file.

    Parameters
    ----------
    name : str
        Name of the study, and of its result file.
    task : str
        Task that is trained.
    fixed : FrozenMap
        `device` and `where`, as far as they are not varied.
    factors : FrozenMap of name to tuple
        What is varied, in SI, outermost first.
    chips, noise_seeds : int
        Dies, and noise seeds for each die.
    seed : int
        Seed that all others come from.
    split : {"validation", "test"}
        Split that is reported.
    budget : FrozenMap
        `presentations`, `checkpoints` and `window` [s], where given.
    hash : str
        Of the content: independent of layout and comments.
    text : str
        The file as written.
    path : str
        Where it came from, for messages.
    """

    name: str
    task: str
    fixed: FrozenMap
    factors: FrozenMap
    chips: int
    noise_seeds: int
    seed: int
    split: str
    budget: FrozenMap
    hash: str
    text: str
    path: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each factor."""
        return tuple(len(values) for values in self.factors.values())

    @property
    def n_points(self) -> int:
        """Number of combinations of factor values."""
        return math.prod(self.shape)

    @property
    def n_runs(self) -> int:
        """Number of runs: points x dies x noise seeds."""
        return self.n_points * self.chips * self.noise_seeds


def load_study(path: str | Path) -> Study:
    """Read and validate a study file.

    Parameters
    ----------
    path : str or Path
        TOML file with the tables `[study]`, `[factors]` and `[budget]`.

    Returns
    -------
    Study

    Raises
    ------
    StudyFileError
        If the file is absent, too large, no TOML, or breaks the schema; every fault is named at once.
    """
    return parse_study(_read(Path(path)), str(path))


def parse_study(text: str, path: str = "study.toml") -> Study:
    """Validate the text of a study file.

    Parameters
    ----------
    text : str
        TOML.
    path : str
        What messages call it.

    Returns
    -------
    Study

    Raises
    ------
    StudyFileError
        If the text is no TOML or breaks the schema; every fault is named at once.

    Examples
    --------
    >>> study = parse_study('''
    ... [study]
    ... name = "mismatch"
    ... task = "binary"
    ... device = "dynapse1-plastic"
    ... where = "chip"
    ... chips = 5
    ... noise_seeds = 3
    ... seed = 0
    ... [factors]
    ... mismatch_scale = [0, 1, 2]
    ... ''')
    >>> study.n_points, study.n_runs
    (3, 45)
    """
    form = check(_File, library.parse_toml(text, path, StudyFileError), path, StudyFileError)
    head = form.study
    varied = {"device": head.device, "where": head.where, **form.factors.model_dump(exclude_none=True)}
    fixed = {name: varied.pop(name)[0] for name in ("device", "where") if len(varied[name]) == 1}
    study = Study(
        name=head.name,
        task=head.task,
        fixed=FrozenMap(fixed),
        factors=FrozenMap({name: tuple(varied[name]) for name in _FACTOR_ORDER if name in varied}),
        chips=head.chips,
        noise_seeds=head.noise_seeds,
        seed=head.seed,
        split=head.split,
        budget=FrozenMap(form.budget.model_dump(exclude_none=True)),
        hash=content_hash(form.model_dump()),
        text=text,
        path=path,
    )
    if study.n_runs > MAX_RUNS:
        raise StudyFileError(f"{path}: {study.n_runs} runs; the limit is {MAX_RUNS}. Split it into several studies.")
    return study


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_STUDY_BYTES + 1)
    except OSError as fault:
        raise StudyFileError(f"{path}: cannot be read: {fault.strerror}") from None
    if len(content) > MAX_STUDY_BYTES:
        raise StudyFileError(f"{path}: larger than {MAX_STUDY_BYTES / 1e3:g} kB, the limit for a study file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise StudyFileError(f"{path}: not text: byte {fault.start} is not UTF-8, the only encoding allowed") from None


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _without_repeats(values: list) -> list:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise ValueError(f"{shorten(repr(repeated[0]))} is given twice")
    return values


def _quantity(unit: str, low: float) -> Callable[[Any], float]:
    """Make the validator of a text with a unit."""

    def read(value: Any) -> float:
        try:
            si = units.parse(value, unit)
        except InputError as fault:
            raise ValueError(str(fault)) from None
        if si < low:
            raise ValueError(f"{shorten(value)} is below the limit, {units.show(low, unit)}")
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


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


_Scale = Annotated[float, Field(ge=0, le=100)]
_Time = Annotated[float, BeforeValidator(_quantity("s", 0.0))]
_Temperature = Annotated[float, BeforeValidator(_quantity("K", 0.0))]
_Device = Annotated[str, Field(max_length=500), AfterValidator(_known_device)]
_Where = Literal["chip", "host"]
_Item = TypeVar("_Item")
_Values = Annotated[list[_Item], Field(min_length=1, max_length=1000), AfterValidator(_without_repeats)]


class _Head(_Table):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="a short name without spaces")
    task: Annotated[str, AfterValidator(_known("task", tasks.names))] = Field(description="the task to train")
    device: Annotated[_Values[_Device], BeforeValidator(_as_list)] = Field(description="a device or a list of them")
    where: Annotated[_Values[_Where], BeforeValidator(_as_list)] = Field(description="'chip' or 'host'")
    chips: int = Field(ge=1, le=100_000, description="the number of dies")
    noise_seeds: int = Field(ge=1, le=10_000, description="the number of noise seeds for each die")
    seed: int = Field(ge=0, lt=2**63, description="the seed that all others come from")
    split: Literal["validation", "test"] = "validation"


def _not_modelled(value: object) -> object:
    raise ValueError("not modelled by this version; vary one of " + ", ".join(_FACTOR_ORDER))


_NotModelled = Annotated[None, BeforeValidator(_not_modelled)]


class _Factors(_Table):
    rule: _NotModelled = None
    age: _NotModelled = None
    mismatch_scale: _Values[_Scale] | None = None
    noise_scale: _Values[_Scale] | None = None
    temperature: _Values[_Temperature] | None = None
    eta: _Values[Annotated[float, Field(ge=0)]] | None = None


class _Budget(_Table):
    presentations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    checkpoints: Annotated[int, Field(ge=1, le=10_000)] | None = None
    window: _Time | None = None


class _File(_Table):
    study: _Head = Field(description="the table [study]")
    factors: _Factors = Field(default_factory=_Factors)
    budget: _Budget = Field(default_factory=_Budget)
