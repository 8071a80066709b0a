"""The form of device and point files: every key, its unit and its allowed range, checked all at once.

Each number in a file is an inline table ``{ value = "2 pF", source = "..." }``; it becomes a `Quantity` in SI that
remembers its source. Nothing here reads files or knows the objects built from them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, create_model, model_validator

from chipemu.errors import UnitError, nearest, shorten
from chipemu.quantity import Quantity
from chipemu.units import parse, show

RECEPTOR_NAMES = ("ampa", "nmda", "gaba_a", "gaba_b")
PARAMETERS = (
    *("I_tau", "I_tau2", "I_gain", "I_ref", "I_dc", "I_nmda_thr", "I_ahp_tau", "I_ahp_gain", "I_ahp_w"),
    *(f"I_{role}_{receptor}" for role in ("tau", "gain", "w") for receptor in RECEPTOR_NAMES),
    "I_pulse",
)
SIGNALS = ("presynaptic_spike", "feedback_current", "learn_enable")
OPTIONAL_SECTIONS = ("bias_generator", "mismatch", "noise")
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


SMALL_CAPACITANCE = quantity("F", 1e-15, 1e-9, '"2 pF"')
ENERGY = quantity("J", 0.0, 1e-3, '"260 pJ"')
SIGMA_LN = quantity("", 0.0, 2.0, "0.1")


class ChipSection(Section):
    """Capacities; the only place where they stand."""

    n_cores: count(1, 64)
    n_neurons_per_core: count(1, 4096)
    n_cam_words: count(1, 4096)
    n_sram_words: count(1, 64)
    tag_bits: count(1, 16)
    n_virtual_sources: count(0, 65536)
    reserved: _entry(_addresses, "", "[[0, 0]]", "allowed a list of [core, neuron]")

    @model_validator(mode="after")
    def _consistent(self) -> "ChipSection":
        cores, neurons = self.n_cores.value, self.n_neurons_per_core.value
        if cores * neurons > 2**self.tag_bits.value:
            raise ValueError(
                f"tag_bits = {self.tag_bits.value} tells {2**self.tag_bits.value} senders apart; "
                f"allowed at least {cores * neurons} (n_cores x n_neurons_per_core)"
            )
        outside = [address for address in self.reserved.value if address[0] >= cores or address[1] >= neurons]
        if outside:
            raise ValueError(f"reserved holds {outside[0]}; allowed core < {cores}, neuron < {neurons}")
        return self


class GeneratorSection(Section):
    """Bias generator: I = fine / (n_fine - 1) * I_max[coarse]."""

    n_fine: count(2, 65536)
    I_max: _entry(_currents, "A", '["15 pA", "105 pA"]', "allowed 1 to 16 currents in rising order, 1 fA to 1 mA")
    floor: quantity("A", 1e-18, 1e-9, '"0.9 pA"')


class BiasEntry(Section):
    """One register of a core; without ``parameter`` it exists and has no effect in the model."""

    parameter: Literal[PARAMETERS] | None = None
    summary: str = Field(max_length=200)
    source: str


class CircuitSection(Section):
    """Constants of the neuron and synapse circuits."""

    C_mem: SMALL_CAPACITANCE
    C_ahp: SMALL_CAPACITANCE
    C_syn_ampa: SMALL_CAPACITANCE
    C_syn_nmda: SMALL_CAPACITANCE
    C_syn_gaba_a: SMALL_CAPACITANCE
    C_syn_gaba_b: SMALL_CAPACITANCE
    C_pulse: SMALL_CAPACITANCE
    C_ref: SMALL_CAPACITANCE
    V_th: quantity("V", 0.01, 5.0, '"0.7 V"')
    kappa: quantity("", 0.3, 1.0, "0.7")
    I0: quantity("A", 1e-16, 1e-10, '"1 pA"')
    I_reset: quantity("A", 1e-16, 1e-9, '"1.2 pA"')
    I_spkthr: quantity("A", 1e-12, 1e-5, '"2 nA"')
    I_fb_gain: quantity("A", 0.0, 1e-6, '"100 pA"')
    I_fb_th: quantity("A", 1e-13, 1e-5, '"1 nA"')
    I_fb_norm: quantity("A", 1e-13, 1e-6, '"20 pA"')

    @model_validator(mode="after")
    def _consistent(self) -> "CircuitSection":
        check_current_order({"I0": self.I0.value, "I_reset": self.I_reset.value, "I_spkthr": self.I_spkthr.value})
        return self


CircuitOverrides = create_model(
    "CircuitOverrides",
    __base__=Section,
    **{name: (kind | None, None) for name, kind in CircuitSection.__annotations__.items()},
)


def check_current_order(circuit: Mapping[str, float]) -> None:
    """A neuron must reset above its floor and below its threshold; ValueError with the three currents."""
    if not circuit["I0"] <= circuit["I_reset"] < circuit["I_spkthr"]:
        shown = ", ".join(f"{name} = {show(circuit[name], 'A')}" for name in ("I0", "I_reset", "I_spkthr"))
        raise ValueError(f"{shown} are out of order; allowed I0 <= I_reset < I_spkthr")


class MismatchSection(Section):
    """Fixed spread, as the standard deviation of ln(current); each table has a ``default`` and exceptions to it."""

    within_core: dict[Literal["default", *PARAMETERS, "I_spkthr"], SIGMA_LN]
    between_cores: dict[str, SIGMA_LN]
    between_dies: dict[str, SIGMA_LN]
    slot: SIGMA_LN

    @model_validator(mode="after")
    def _has_defaults(self) -> "MismatchSection":
        for table in ("within_core", "between_cores", "between_dies"):
            if "default" not in getattr(self, table):
                raise ValueError(f"{table}.default is missing; write {{ value = 0.1, source = ... }}, allowed 0 to 2")
        return self


class NoiseSection(Section):
    """Noise, which varies in time."""

    thermal_eta: quantity("", 0.0, 100.0, "1.0")
    input_std: quantity("", 0.0, 0.02, "0.01")
    input_tau: quantity("s", 1e-5, 10.0, '"5 ms"')


class PlasticSection(Section):
    """Plastic synapses: a signed code, stepped by the neuron's feedback current at a presynaptic event."""

    n_words: count(1, 4096)
    code_max: count(1, 1023)
    word_per_code: quantity("", 1e-4, 100.0, "0.25")
    step_charge: quantity("C", 1e-18, 1e-6, '"0.2 pC"')
    step_window: quantity("s", 1e-8, 1.0, '"20 us"')
    step_mismatch: SIGMA_LN
    balance: quantity("", 0.0, 100.0, "1.0")
    positive: choice(*RECEPTOR_NAMES)
    negative: choice(*RECEPTOR_NAMES)
    host_access: choice(True, False)


class EnergySection(Section):
    """Energy of the operations that an event takes."""

    generate: ENERGY
    encode: ENERGY
    route: ENERGY
    broadcast: ENERGY
    pulse: ENERGY


NAME = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="small letters, digits and dashes")]
SENTENCE = Annotated[str, Field(min_length=1, max_length=500)]
REFERENCES = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=1000)]], Field(max_length=200)]


class DeviceFile(Section):
    """A device file, after its ``extends`` is resolved."""

    schema_: Literal[1] = Field(alias="schema")
    name: NAME
    title: SENTENCE
    summary: SENTENCE
    weights: Literal["words", "float"]
    signals: list[Literal[SIGNALS]]
    not_modelled: list[SENTENCE]
    without: list[Literal[OPTIONAL_SECTIONS]] = []
    references: REFERENCES
    chip: ChipSection
    biases: dict[str, BiasEntry]
    circuit: CircuitSection
    bias_generator: GeneratorSection | None = None
    mismatch: MismatchSection | None = None
    noise: NoiseSection | None = None
    plastic: PlasticSection | None = None
    energy: EnergySection | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "DeviceFile":
        faults = [
            f"{section} is missing; write the table, or list it in `without`"
            for section in OPTIONAL_SECTIONS
            if getattr(self, section) is None and section not in self.without
        ]
        faults += list(_bias_faults(self))
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _bias_faults(device: DeviceFile) -> Iterator[str]:
    given = [bias.parameter for bias in device.biases.values() if bias.parameter]
    for parameter in PARAMETERS:
        if given.count(parameter) != 1:
            yield f"biases: parameter {parameter!r} is set by {given.count(parameter)} biases; allowed exactly one"
    known = (*PLAIN_SOURCES, *device.references)
    for name, bias in device.biases.items():
        if bias.source not in known:
            yield f"biases.{name}.source: {unknown('source', bias.source, known)}"
    for table in ("between_cores", "between_dies"):
        for name in getattr(device.mismatch, table, {}):
            if name != "default" and name not in device.biases:
                yield f"mismatch.{table}: {unknown('bias', name, device.biases)}"


class PointHead(Section):
    """What an operating point is and which devices it is meant for."""

    name: NAME
    title: SENTENCE
    summary: SENTENCE
    device: Annotated[list[NAME], Field(min_length=1, max_length=50)]
    temperature: Annotated[str, Field(description='"25 degC", allowed -55 degC to 125 degC')]


class PointFile(Section):
    """An operating-point file; `biases` are checked against a device by the loader."""

    schema_: Literal[1] = Field(alias="schema")
    point: PointHead
    references: REFERENCES = {}
    biases: dict[str, Any]
    circuit: CircuitOverrides = CircuitOverrides()
