"""The form of device and point files: every table and key, checked all at once.

Nothing here reads files or knows the objects built from them.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from chipemu.ageing import DRIFT_KINDS
from chipemu.device_fields import (
    ADDRESSES,
    ENERGY,
    EVENT_TIME,
    FACTORS,
    FRACTION,
    PLAIN_SOURCES,
    RISING_CURRENTS,
    SIGMA_LN,
    SMALL_CAPACITANCE,
    Section,
    choice,
    count,
    names,
    quantity,
    unknown,
)
from chipemu.device_latches import (
    EXTRA_PARAMETERS,
    LATCHES,
    DelaySection,
    DepressionSection,
    HomeostasisSection,
    LatchEntry,
    latch_faults,
)
from chipemu.generator_schema import GeneratorSection, register_fault
from chipemu.quantity import Quantity
from chipemu.store_schema import StoreSection
from chipemu.temperature import BIAS_KINDS
from chipemu.transistor import CHANNELS
from chipemu.units import show

RECEPTOR_NAMES = ("ampa", "nmda", "gaba_a", "gaba_b")
PARAMETERS = (
    *("I_tau", "I_tau2", "I_gain", "I_ref", "I_dc", "I_nmda_thr", "I_ahp_tau", "I_ahp_gain", "I_ahp_w"),
    *(f"I_{role}_{receptor}" for role in ("tau", "gain", "w") for receptor in RECEPTOR_NAMES),
    "I_pulse",
)
BASES = tuple(f"I_w{i}" for i in range(4))  # base currents that the masks of a word choose from
# A device sets either the weight of each receptor or the base currents, and may set these two.
_SETTABLE = (*PARAMETERS, *BASES, "I_spkthr", *EXTRA_PARAMETERS)
_WITH_MASKS = tuple(name for name in PARAMETERS if name != "I_tau2" and not name.startswith("I_w_")) + BASES
# What a neuron may trim: its bias currents except the pulse, which must stay below the time step, and its two levels.
TRIMMABLE = (*PARAMETERS[:-1], "I_reset", "I_spkthr")
SIGNALS = ("presynaptic_spike", "feedback_current", "learn_enable")
OPTIONAL_SECTIONS = ("bias_generator", "mismatch", "noise", "temperature", "drift")
DROPPABLE_SECTIONS = (*OPTIONAL_SECTIONS, "transistors", "defects")  # what a file may leave out of what it extends
NAME = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="small letters, digits and dashes")]


class ChipSection(Section):
    """Capacities; the only place where they stand."""

    n_cores: count(1, 64)
    n_neurons_per_core: count(1, 4096)
    n_cam_words: count(1, 4096)
    n_sram_words: count(1, 64)
    tag_bits: count(1, 16)
    n_virtual_sources: count(0, 65536)
    reserved: ADDRESSES

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


class RoutingSection(Section):
    """How events find their words, where it is not by the sender's address on one chip."""

    free_tags: choice(True, False)
    n_hops: count(0, 64)


class BiasEntry(Section):
    """One register of a core; without ``parameter`` it exists and has no effect in the model."""

    parameter: Literal[_SETTABLE] | None = None
    polarity: Literal["n", "p"] | None = None
    factor: str | None = None
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
    I_spkthr: quantity("A", 1e-12, 1e-5, '"2 nA"') | None = None
    I_fb_gain: quantity("A", 0.0, 1e-6, '"100 pA"')
    I_fb_th: quantity("A", 1e-13, 1e-5, '"1 nA"')
    I_fb_norm: quantity("A", 1e-13, 1e-6, '"20 pA"')

    @model_validator(mode="after")
    def _consistent(self) -> "CircuitSection":
        threshold = {"I_spkthr": self.I_spkthr.value} if self.I_spkthr else {}
        check_current_order({"I0": self.I0.value, "I_reset": self.I_reset.value} | threshold)
        return self


CircuitOverrides = create_model(
    "CircuitOverrides",
    __base__=Section,
    **{name: (kind | None, None) for name, kind in CircuitSection.__annotations__.items()},
)


def required_parameters(weights: str) -> tuple[str, ...]:
    """Neuron parameters that a device with this kind of weights sets by exactly one bias each."""
    return _WITH_MASKS if weights == "masks" else PARAMETERS


def check_current_order(circuit: Mapping[str, float]) -> None:
    """A neuron must reset above its floor and below its threshold; ValueError with the three currents."""
    order = [name for name in ("I0", "I_reset", "I_spkthr") if name in circuit]
    threshold = circuit.get("I_spkthr", float("inf"))  # a bias may set it
    if not circuit["I0"] <= circuit["I_reset"] < threshold:
        shown = ", ".join(f"{name} = {show(circuit[name], 'A')}" for name in order)
        raise ValueError(f"{shown} are out of order; allowed I0 <= I_reset < I_spkthr")


class AgainstCurrent(Section):
    """Spread at a current over the one of ``within_core``, interpolated in logarithms, constant outside."""

    current: RISING_CURRENTS
    factor: FACTORS

    @model_validator(mode="after")
    def _consistent(self) -> "AgainstCurrent":
        n_currents, n_factors = len(self.current.value), len(self.factor.value)
        if n_currents != n_factors or min(self.factor.value) == 0:
            raise ValueError(
                f"{n_currents} currents and {n_factors} factors, the smallest {min(self.factor.value):g}; allowed a "
                "factor above 0 for every current"
            )
        return self


class StructureSection(Section):
    """How the spread from neuron to neuron lies on the die, and how far its tail reaches."""

    gradient: quantity("", 0.0, 1.0, "0.02")
    correlated_share: quantity("", 0.0, 1.0, "0.1")
    correlation_length: quantity("", 0.5, 16.0, "3.0")
    outlier_share: quantity("", 0.0, 0.2, "0.01")
    outlier_width: quantity("", 0.0, 20.0, "3.0")


class MismatchSection(Section):
    """Fixed spread, as the standard deviation of ln(current); each table has a ``default`` and exceptions to it."""

    within_core: dict[Literal["default", *_SETTABLE, "I_reset"], SIGMA_LN]
    between_cores: dict[str, SIGMA_LN]
    between_dies: dict[str, SIGMA_LN]
    slot: SIGMA_LN
    against_current: dict[Literal[PARAMETERS], AgainstCurrent] = Field(default_factory=dict)
    structure: StructureSection | None = None

    @model_validator(mode="after")
    def _has_defaults(self) -> "MismatchSection":
        for table in ("within_core", "between_cores", "between_dies"):
            if "default" not in getattr(self, table):
                raise ValueError(f"{table}.default is missing; write {{ value = 0.1, source = ... }}, allowed 0 to 2")
        return self


class TransistorEntry(Section):
    """Transistors of one drawn size, and the neuron parameters whose bias they copy."""

    channel: choice(*CHANNELS)
    W: quantity("m", 1e-8, 1e-3, '"1 um"')
    L: quantity("m", 1e-8, 1e-3, '"1 um"')
    parameters: list[Literal[PARAMETERS]]


class TransistorSection(Section):
    """Sizes of transistors, what they do to mismatch, and process corners."""

    A_VT: quantity("V·m", 1e-11, 1e-7, '"4 nV·m"')
    I_spec_n: quantity("A", 1e-9, 1e-4, '"500 nA"')
    I_spec_p: quantity("A", 1e-9, 1e-4, '"120 nA"')
    corner_V_T: quantity("V", 0.0, 0.2, '"45 mV"')
    corner_mobility: quantity("", 0.0, 0.5, "0.05")
    corner_residual: quantity("", 0.0, 1.0, "0.1")
    classes: dict[NAME, TransistorEntry]

    @model_validator(mode="after")
    def _each_once(self) -> "TransistorSection":
        named = [parameter for entry in self.classes.values() for parameter in entry.parameters]
        twice = sorted({parameter for parameter in named if named.count(parameter) > 1})
        if twice:
            raise ValueError(f"classes: parameter {twice[0]!r} is in more than one class; allowed one")
        return self


_ABSENT = ("assumed", "not in the file")


class NoiseSection(Section):
    """Noise, which varies in time; a device without flicker, supply noise, jitter or loss leaves those keys out."""

    thermal_eta: quantity("", 0.0, 100.0, "1.0")
    input_std: quantity("", 0.0, 0.02, "0.01")
    input_tau: quantity("s", 1e-5, 10.0, '"5 ms"')
    flicker_K: quantity("J", 0.0, 1e-21, '"1e-24 J"') = Quantity(0.0, "J", *_ABSENT)
    flicker_C_gate: quantity("F", 1e-17, 1e-11, '"17 fF"') = Quantity(17e-15, "F", *_ABSENT)
    flicker_exponent: quantity("", 0.7, 1.3, "1.0") = Quantity(1.0, "", *_ABSENT)
    flicker_low: quantity("Hz", 1e-3, 1.0, '"0.01 Hz"') = Quantity(0.01, "Hz", *_ABSENT)
    flicker_high: quantity("Hz", 10.0, 100.0, '"50 Hz"') = Quantity(50.0, "Hz", *_ABSENT)
    supply_std: quantity("", 0.0, 0.03, "0.002") = Quantity(0.0, "", *_ABSENT)
    supply_tau: quantity("s", 1e-3, 10.0, '"10 ms"') = Quantity(10e-3, "s", *_ABSENT)
    event_jitter: quantity("s", 0.0, 50e-6, '"1 us"') = Quantity(0.0, "s", *_ABSENT)
    event_loss: quantity("", 0.0, 0.01, "1e-4") = Quantity(0.0, "", *_ABSENT)


class TemperatureSection(Section):
    """What temperature does to leakage and to biases."""

    V_T0: quantity("V", 0.05, 2.0, '"0.45 V"')
    V_T_slope: quantity("V/K", -5e-3, 0.0, '"-0.9 mV/K"')
    mobility_exponent: quantity("", 0.0, 3.0, "1.5")
    bias_kind: choice(*BIAS_KINDS)
    prefactor: quantity("A", 1e-18, 1e-11, '"60 fA"')
    per_kelvin: dict[str, quantity("", -0.1, 0.1, "-0.01")]


class DriftSection(Section):
    """Drift of biases with age."""

    kind: choice(*DRIFT_KINDS)
    bias_std: quantity("", 0.0, 0.5, "0.02")
    bias_tau: quantity("s", 1.0, 1e9, '"7 h"')


class TrimSection(Section):
    """Trimming cells of every neuron, and the converter that reads its membrane."""

    bits: count(4, 14)
    unit_code: count(1, 2**13)
    least: count(1, 2**13)
    adc_step: quantity("V", 1e-6, 0.1, '"1 mV"')
    parameters: names(*TRIMMABLE)

    @model_validator(mode="after")
    def _consistent(self) -> "TrimSection":
        least, unit, most = self.least.value, self.unit_code.value, 2**self.bits.value - 1
        if not least < unit < most:
            raise ValueError(f"least = {least}, unit_code = {unit}; allowed least < unit_code < {most} (bits)")
        return self


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


class PowerSection(Section):
    """Power without events, the energy of a hop to the next chip, and the time that an event takes."""

    static_core: quantity("W", 0.0, 1.0, '"10 uW"')
    static_chip: quantity("W", 0.0, 1.0, '"0 W"')
    hop: ENERGY
    broadcast_time: EVENT_TIME
    hop_time: EVENT_TIME
    event_rate: quantity("Hz", 1.0, 1e12, '"30 MHz"')


class DefectsSection(Section):
    """Elements that are dead or stuck, fixed per die."""

    dead_words: FRACTION
    word_clustering: quantity("", 0.0, 0.99, "0.5")
    word_between_cores: SIGMA_LN
    stuck_words: FRACTION
    dead_neurons: FRACTION
    dead_tags: FRACTION
    dead_synapses: FRACTION
    stuck_synapses: FRACTION


class EnergySection(Section):
    """Energy of the operations that an event takes."""

    generate: ENERGY
    encode: ENERGY
    route: ENERGY
    broadcast: ENERGY
    pulse: ENERGY


SENTENCE = Annotated[str, Field(min_length=1, max_length=500)]
REFERENCES = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=1000)]], Field(max_length=200)]


class DeviceFile(Section):
    """A device file, after its ``extends`` is resolved."""

    schema_: Literal[1] = Field(alias="schema")
    name: NAME
    title: SENTENCE
    summary: SENTENCE
    weights: Literal["words", "float", "masks"]
    signals: list[Literal[SIGNALS]]
    not_modelled: list[SENTENCE]
    without: list[Literal[DROPPABLE_SECTIONS]] = Field(default_factory=list)
    references: REFERENCES
    chip: ChipSection
    biases: dict[str, BiasEntry]
    circuit: CircuitSection
    bias_generator: GeneratorSection | None = None
    mismatch: MismatchSection | None = None
    noise: NoiseSection | None = None
    temperature: TemperatureSection | None = None
    drift: DriftSection | None = None
    trim: TrimSection | None = None
    transistors: TransistorSection | None = None
    plastic: PlasticSection | None = None
    energy: EnergySection | None = None
    latches: dict[Literal[tuple(LATCHES)], LatchEntry] = Field(default_factory=dict)
    homeostasis: HomeostasisSection | None = None
    depression: DepressionSection | None = None
    delays: DelaySection | None = None
    routing: RoutingSection | None = None
    power: PowerSection | None = None
    defects: DefectsSection | None = None
    store: StoreSection | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "DeviceFile":
        faults = [
            f"{section} is missing; write the table, or list it in `without`"
            for section in OPTIONAL_SECTIONS
            if getattr(self, section) is None and section not in self.without
        ]
        faults += [*_bias_faults(self), *latch_faults(self)]
        if self.weights == "float" and self.defects is not None:
            faults.append("defects: a device with float weights has no words that could be dead; list it in `without`")
        if self.store is not None and self.plastic is None:
            faults.append("store keeps the weights of plastic synapses; allowed only beside the table plastic")
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _bias_faults(device: DeviceFile) -> Iterator[str]:
    given = [bias.parameter for bias in device.biases.values() if bias.parameter]
    required = required_parameters(device.weights)
    for parameter in required:
        if given.count(parameter) != 1:
            yield f"biases: parameter {parameter!r} is set by {given.count(parameter)} biases; allowed exactly one"
    for parameter in sorted(set(given) - {*required, *EXTRA_PARAMETERS, "I_tau2", "I_spkthr"}):
        yield f"biases: parameter {parameter!r} does not exist on a device whose weights are {device.weights!r}"
    if given.count("I_spkthr") + (device.circuit.I_spkthr is not None) != 1:
        yield "circuit.I_spkthr: set by a bias as well as by this constant, or by neither; allowed exactly one"
    for name, bias in device.biases.items():
        fault = register_fault(device.bias_generator, bias.polarity, bias.factor) if bias.parameter else ""
        if fault:
            yield f"biases.{name}: {fault}"
    known = (*PLAIN_SOURCES, *device.references)
    for name, bias in device.biases.items():
        if bias.source not in known:
            yield f"biases.{name}.source: {unknown('source', bias.source, known)}"
    for table in ("between_cores", "between_dies"):
        for name in getattr(device.mismatch, table, {}):
            if name != "default" and name not in device.biases:
                yield f"mismatch.{table}: {unknown('bias', name, device.biases)}"
    for name in getattr(device.temperature, "per_kelvin", {}):
        if name not in device.biases:
            yield f"temperature.per_kelvin: {unknown('bias', name, device.biases)}"


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
    references: REFERENCES = Field(default_factory=dict)
    biases: dict[str, Any]
    circuit: CircuitOverrides = CircuitOverrides()
