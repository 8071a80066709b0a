"""A chip's description, read from its file and frozen.

A `DeviceSpec` says what a design is: capacities, registers, circuit constants, and how much its dies differ. It knows
no particular die, and no operating point.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipemu.ageing import Drift
from chipemu.bias import BiasGenerator, Generator
from chipemu.device_fields import Section
from chipemu.device_file import content_hash, read_device
from chipemu.device_latches import EXTRA_PARAMETERS, Delays, Depression, Homeostasis, Latch, LatchEntry
from chipemu.device_parts import (
    Bias,
    Capacity,
    DefectRates,
    Energy,
    Mismatch,
    Noise,
    Plastic,
    Power,
    Routing,
    Structure,
    Traces,
)
from chipemu.device_schema import DeviceFile, required_parameters
from chipemu.device_text import device_text
from chipemu.errors import UnknownNameError
from chipemu.frozen_map import FrozenMap
from chipemu.generator_schema import build_generators, shared_generator
from chipemu.imperfection_schema import TemperatureSection, TransistorSection
from chipemu.operating_point import OperatingPoint, load_point
from chipemu.parameter_names import PARAMETERS
from chipemu.quantity import Quantity, look_up
from chipemu.store import Capacitor, Cmo, Pcm, Rram, WeightStore
from chipemu.store_schema import StoreSection
from chipemu.temperature import Temperature
from chipemu.transistor import TransistorClass, Transistors
from chipemu.trim import Trim

__all__ = [
    "PARAMETERS",
    "Bias",
    "BiasGenerator",
    "Capacity",
    "DefectRates",
    "DeviceSpec",
    "Drift",
    "Energy",
    "Mismatch",
    "Noise",
    "OperatingPoint",
    "Plastic",
    "Power",
    "Quantity",
    "Structure",
    "Transistors",
    "Trim",
    "load_device",
    "load_point",
]


@dataclass(frozen=True)
class DeviceSpec:
    """A chip design, as its file describes it. Numbers in SI.

    Parameters
    ----------
    name, title, summary, path : str
        What it is and where it was read.
    lineage : tuple of str
        Its name and those of the devices it extends.
    hash, capacity_hash : str
        SHA-256 of the resolved content, and of the capacities alone (sources and notes left out).
    references : mapping
        Source key to full reference.
    chip : Capacity
        Counts.
    bias_generator : BiasGenerator or None
        The generator that all registers share; None where each has its own, or currents are exact.
    generators : mapping
        Generator of each register that sets a parameter, by its name; empty where currents are exact.
    biases : mapping
        Register name to `Bias`.
    circuit : mapping
        Constant name to value.
    mismatch, noise, plastic, traces
        What differs between dies, in time, and under learning; ``plastic`` is None without plastic synapses, and
        ``traces`` where these read no change of rates.
    temperature : Temperature or None
        How currents follow temperature; None if the device does not say: then U_T alone follows.
    drift : Drift or None
        How biases wander with age; None if they do not.
    trim : Trim or None
        Trimming cells of every neuron; None where all neurons of a core share every bias.
    transistors : Transistors or None
        Sizes of the transistors that copy biases; None if the file does not say.
    energy : Energy or None
        What an event costs; None if the file does not say.
    power : Power or None
        What waiting costs, and how long an event takes; None if the file does not say.
    defects : DefectRates
        Dead and stuck elements; all zero if the file does not say.
    store : Pcm, Rram, Cmo, Capacitor or None
        What plastic synapses keep their weight in; None where the code itself acts.
    weights : {"words", "float", "masks"}
        Whether a weight is a number of CAM words, any number, or words that each choose among four base currents.
    routing : Routing
        Tags and hops.
    signals : tuple of str
        Local signals that a plasticity rule may read.
    not_modelled : tuple of str
        What the description leaves out.
    latches : mapping
        Latch name to `Latch`; empty where every circuit is permanently connected.
    homeostasis, depression, delays
        Constants that latches need; None without them.
    """

    name: str
    title: str
    summary: str
    path: str
    lineage: tuple[str, ...]
    hash: str
    capacity_hash: str
    references: Mapping[str, str]
    chip: Capacity
    bias_generator: BiasGenerator | None
    generators: Mapping[str, Generator]
    biases: Mapping[str, Bias]
    circuit: Mapping[str, float]
    mismatch: Mismatch
    noise: Noise
    temperature: Temperature | None
    drift: Drift | None
    trim: Trim | None
    transistors: Transistors | None
    plastic: Plastic | None
    traces: Traces | None
    energy: Energy | None
    power: Power | None
    defects: DefectRates
    store: WeightStore | None
    weights: str
    routing: Routing
    signals: tuple[str, ...]
    not_modelled: tuple[str, ...]
    latches: Mapping[str, Latch]
    homeostasis: Homeostasis | None
    depression: Depression | None
    delays: Delays | None
    quantities: Mapping[str, Quantity] = field(repr=False)

    def __hash__(self) -> int:
        return hash(self.hash)

    def quantity(self, key: str) -> Quantity:
        """Value, unit and source of a number of the file.

        Parameters
        ----------
        key : str
            Key path, e.g. ``"circuit.C_mem"``.

        Returns
        -------
        Quantity
            As written in the file, in SI.

        Raises
        ------
        UnknownNameError
            No such number.

        Examples
        --------
        >>> print(load_device("dynapse1").quantity("circuit.C_mem"))
        2 pF
        """
        return look_up(self.quantities, key, self.path)

    @property
    def modelled_biases(self) -> tuple[str, ...]:
        """Names of the biases that set a parameter, in the order of the file."""
        return tuple(name for name, entry in self.biases.items() if entry.parameter is not None)

    def register(self, parameter: str) -> str:
        """Name of the bias that sets a neuron parameter.

        Raises
        ------
        UnknownNameError
            No bias of this device sets it.

        Examples
        --------
        >>> load_device("dynapse1").register("I_tau"), load_device("dynapse2").register("I_tau")
        ('IF_TAU1_N', 'SOIF_LEAK_N')
        """
        for name, entry in self.biases.items():
            if entry.parameter == parameter:
                return name
        known = [entry.parameter for entry in self.biases.values() if entry.parameter]
        raise UnknownNameError("parameter", parameter, known, where=self.path)

    def __str__(self) -> str:
        return device_text(self)


def load_device(name_or_path: str | Path) -> DeviceSpec:
    """Read a chip's description.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped name (`chipemu.library.list_names`) or a path to a TOML file.

    Returns
    -------
    DeviceSpec
        Validated and frozen.

    Raises
    ------
    DeviceFileError
        The file breaks the schema; one line for every fault.
    UnknownNameError
        No device of that name.

    Examples
    --------
    >>> device = load_device("dynapse1")
    >>> device.chip.n_cores, device.chip.n_neurons_per_core, len(device.biases)
    (4, 256, 25)
    """
    path, tables, checked, lineage = read_device(name_or_path)
    capacity = Capacity(**_values(checked.chip))
    quantities = FrozenMap(dict(_collect(checked)))
    biases = {name: Bias(name, entry.parameter, entry.summary) for name, entry in checked.biases.items()}
    return DeviceSpec(
        name=checked.name,
        title=checked.title,
        summary=checked.summary,
        path=path,
        lineage=lineage,
        hash=content_hash(tables),
        capacity_hash=content_hash(_values(checked.chip) | (_values(checked.routing) if checked.routing else {})),
        references=FrozenMap(dict(checked.references)),
        chip=capacity,
        bias_generator=shared_generator(checked.bias_generator),
        generators=FrozenMap(build_generators(checked.bias_generator, checked.biases)),
        biases=FrozenMap(biases),
        circuit=FrozenMap(_values(checked.circuit)),
        mismatch=_mismatch(checked),
        noise=Noise(**_values(checked.noise)) if checked.noise else Noise(),
        temperature=_temperature(checked.temperature),
        drift=Drift(**_values(checked.drift)) if checked.drift else None,
        trim=Trim(**_values(checked.trim)) if checked.trim else None,
        transistors=_transistors(checked.transistors),
        plastic=Plastic(**_values(checked.plastic)) if checked.plastic else None,
        traces=Traces(**_values(checked.traces)) if checked.traces else None,
        energy=Energy(**_values(checked.energy)) if checked.energy else None,
        power=Power(**_values(checked.power)) if checked.power else None,
        defects=DefectRates(**_values(checked.defects)) if checked.defects else DefectRates(),
        store=_store(checked.store) if checked.store else None,
        weights=checked.weights,
        routing=Routing(**_values(checked.routing)) if checked.routing else Routing(),
        signals=tuple(checked.signals),
        not_modelled=tuple(checked.not_modelled),
        latches=FrozenMap({name: _latch(name, entry) for name, entry in checked.latches.items()}),
        homeostasis=Homeostasis(**_values(checked.homeostasis)) if checked.homeostasis else None,
        depression=Depression(**_values(checked.depression)) if checked.depression else None,
        delays=Delays(**_values(checked.delays)) if checked.delays else None,
        quantities=quantities,
    )


def _values(section: Section) -> dict[str, Any]:
    given = ((name, getattr(section, name)) for name in type(section).model_fields)
    return {name: quantity.value for name, quantity in given if quantity is not None}


def _store(section: StoreSection) -> WeightStore:
    kinds = {"pcm": Pcm, "rram": Rram, "cmo": Cmo, "capacitor": Capacitor}
    (kind,) = (kind for kind in kinds if getattr(section, kind) is not None)
    return kinds[kind](**_values(getattr(section, kind)))


def _collect(section: Any, prefix: str = "") -> Iterator[tuple[str, Quantity]]:
    """All quantities of a validated file with their key paths."""
    if isinstance(section, Quantity):
        yield prefix, section
        return
    items = section.items() if isinstance(section, dict) else ()
    if isinstance(section, Section):
        items = ((name, getattr(section, name)) for name in type(section).model_fields)
    for name, value in items:
        yield from _collect(value, f"{prefix}.{name}" if prefix else name)


def _temperature(section: TemperatureSection | None) -> Temperature | None:
    if section is None:
        return None
    per_kelvin = {name: value.value for name, value in section.per_kelvin.items()}
    rest = {name: getattr(section, name).value for name in type(section).model_fields if name != "per_kelvin"}
    return Temperature(**rest, per_kelvin=FrozenMap(per_kelvin))


def _latch(name: str, entry: LatchEntry) -> Latch:
    return Latch(name, entry.register_, entry.default, entry.source, entry.note)


def _transistors(section: TransistorSection | None) -> Transistors | None:
    if section is None:
        return None
    classes = {
        name: TransistorClass(name, entry.channel.value, entry.W.value, entry.L.value, tuple(entry.parameters))
        for name, entry in section.classes.items()
    }
    rest = {name: getattr(section, name).value for name in type(section).model_fields if name != "classes"}
    return Transistors(**rest, classes=FrozenMap(classes))


def _mismatch(checked: DeviceFile) -> Mismatch:
    section = checked.mismatch
    bias_names = [name for name, entry in checked.biases.items() if entry.parameter]
    extra = [entry.parameter for entry in checked.biases.values() if entry.parameter in EXTRA_PARAMETERS]

    def complete(table: str, names: list[str]) -> Mapping[str, float]:
        given = getattr(section, table) if section else {}
        return FrozenMap({name: given.get(name, given["default"]).value if given else 0.0 for name in names})

    return Mismatch(
        within_core=complete("within_core", [*required_parameters(checked.weights), "I_reset", "I_spkthr", *extra]),
        between_cores=complete("between_cores", bias_names),
        between_dies=complete("between_dies", bias_names),
        slot=section.slot.value if section else 0.0,
        against_current=FrozenMap(
            {name: (table.current.value, table.factor.value) for name, table in section.against_current.items()}
            if section
            else {}
        ),
        structure=Structure(**_values(section.structure)) if section and section.structure else Structure(),
    )
