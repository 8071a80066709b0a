"""The form of device and point files: every table and key, checked all at once.

Nothing here reads files or knows the objects built from them.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from chipemu.device_fields import (
    ADDRESSES,
    ENERGY,
    EVENT_TIME,
    NAME,
    PLAIN_SOURCES,
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
from chipemu.imperfection_schema import (
    DefectsSection,
    DriftSection,
    MismatchSection,
    NoiseSection,
    TemperatureSection,
    TransistorSection,
)
from chipemu.parameter_names import PARAMETERS, RECEPTOR_NAMES, SETTABLE, TRIMMABLE, WITH_MASKS
from chipemu.store_schema import StoreSection
from chipemu.units import show

SIGNALS = (
    "presynaptic_spike",
    "feedback_current",
    "learn_enable",
    "apical_current",
    "recent_activity",
    "rate_change",
)
OPTIONAL_SECTIONS = ("bias_generator", "mismatch", "noise", "temperature", "drift")
MOST_CORES = 4096  # a core has 12 bits in the address of a plastic synapse's draws
DROPPABLE_SECTIONS = (*OPTIONAL_SECTIONS, "transistors", "defects")  # what a file may leave out of what it extends


class ChipSection(Section):
    """Capacities; the only place where they stand."""

    n_cores: count(1, MOST_CORES)
    n_chips: count(1, 1024) | None = None
    n_neurons_per_core: count(1, 4096)
    n_cam_words: count(1, 4096)
    n_sram_words: count(1, 64)
    tag_bits: count(1, 22)
    n_virtual_sources: count(0, 65536)
    reserved: ADDRESSES

    @model_validator(mode="after")
    def _consistent(self) -> "ChipSection":
        chips, cores, neurons = self.n_chips, self.n_cores.value, self.n_neurons_per_core.value
        if chips is not None and cores % chips.value:
            raise ValueError(f"n_cores = {cores} is not a multiple of n_chips = {chips.value}; allowed equal chips")
        each = "" if chips is None else " / n_chips"
        cores //= 1 if chips is None else chips.value
        if cores * neurons > 2**self.tag_bits.value:
            raise ValueError(
                f"tag_bits = {self.tag_bits.value} tells {2**self.tag_bits.value} senders apart; "
                f"allowed at least {cores * neurons} (n_cores x n_neurons_per_core{each})"
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

    parameter: Literal[SETTABLE] | None = None
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
    return WITH_MASKS if weights == "masks" else PARAMETERS


def check_current_order(circuit: Mapping[str, float]) -> None:
    """A neuron must reset above its floor and below its threshold; ValueError with the three currents."""
    order = [name for name in ("I0", "I_reset", "I_spkthr") if name in circuit]
    threshold = circuit.get("I_spkthr", float("inf"))  # a bias may set it
    if not circuit["I0"] <= circuit["I_reset"] < threshold:
        shown = ", ".join(f"{name} = {show(circuit[name], 'A')}" for name in order)
        raise ValueError(f"{shown} are out of order; allowed I0 <= I_reset < I_spkthr")


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


class TracesSection(Section):
    """A fast and a slow trace of each neuron's spikes: plastic synapses read their difference as change of its rate."""

    fast: quantity("s", 1e-4, 10.0, '"20 ms"')
    slow: quantity("s", 1e-4, 10.0, '"60 ms"')
    mismatch: SIGMA_LN

    @model_validator(mode="after")
    def _ordered(self) -> "TracesSection":
        if self.fast.value >= self.slow.value:
            raise ValueError(
                f"fast: {show(self.fast.value, 's')} is not below slow, {show(self.slow.value, 's')}; allowed a fast "
                "trace that is shorter"
            )
        return self


class PowerSection(Section):
    """Power without events, the energy of a hop to the next chip, and the time that an event takes."""

    static_core: quantity("W", 0.0, 1.0, '"10 uW"')
    static_chip: quantity("W", 0.0, 1.0, '"0 W"')
    hop: ENERGY
    broadcast_time: EVENT_TIME
    hop_time: EVENT_TIME
    event_rate: quantity("Hz", 1.0, 1e12, '"30 MHz"')


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
    traces: TracesSection | None = None
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
        if (self.traces is not None) != ("rate_change" in self.signals):
            faults.append("signals: 'rate_change' is the difference of the table traces; allowed both or neither")
        if self.traces is not None and self.plastic is None:
            faults.append("traces are read by plastic synapses; allowed only beside the table plastic")
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
