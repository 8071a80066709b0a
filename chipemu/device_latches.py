"""Latches: bits of a neuron or a synapse that switch parts of its circuit, on devices whose file lists them.

The names of the latches and biases of DYNAP-SE2 are published, the equations behind most of them are not; what the
emulator does instead is a modelling choice, and the files and ``chipemu show`` say so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from chipemu.device_fields import PLAIN_SOURCES, SIGMA_LN, SMALL_CAPACITANCE, Section, quantity, unknown

NEURON_LATCHES: Mapping[str, str] = {
    "alpha_ampa": "AMPA current is that of an excitatory minus that of an inhibitory DPI",
    "alpha_nmda": "NMDA current is that of an excitatory minus that of an inhibitory DPI",
    "conductance_ampa": "AMPA current falls to zero as the membrane nears the reversal potential",
    "conductance_nmda": "NMDA current falls to zero as the membrane nears the reversal potential",
    "nmda_gate": "NMDA current is gated by the membrane",
    "homeostasis_ampa": "gain of the AMPA dendrite follows the calcium current",
    "homeostasis_nmda": "gain of the NMDA dendrite follows the calcium current",
    "adaptation": "spikes feed the adaptation block",
    "dc": "constant current into the soma",
    "exponential": "positive feedback before the spike; without it a plain threshold",
    "kill": "the soma is held at rest",
    "apical": "NMDA and GABA_A charge an apical current, which synapses sense and which does not reach the soma",
}
SYNAPSE_LATCHES: Mapping[str, str] = {
    "stp": "short-term depression",
    "precise_delay": "one more delay, alike for all synapses of a core",
    "mismatched_delay": "one more delay, widely spread from synapse to synapse",
}
LATCHES = {**NEURON_LATCHES, **SYNAPSE_LATCHES}

_HOMEOSTASIS = ("I_tau_ca", "I_gain_ca", "I_w_ca", "I_ca_target")
LATCH_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "alpha_ampa": ("I_tau_ampa_i", "I_gain_ampa_i"),
    "alpha_nmda": ("I_tau_nmda_i", "I_gain_nmda_i"),
    "conductance_ampa": ("I_rev_ampa",),
    "conductance_nmda": ("I_rev_nmda",),
    "homeostasis_ampa": _HOMEOSTASIS,
    "homeostasis_nmda": _HOMEOSTASIS,
    "stp": ("I_recover_std", "I_strength_std"),
    "precise_delay": ("I_delay", "I_delay_precise"),
    "mismatched_delay": ("I_delay", "I_delay_mismatched"),
}
"""Currents that a latch needs; each is set by exactly one bias of a device that lists the latch."""
EXTRA_PARAMETERS = tuple(dict.fromkeys(name for names in LATCH_PARAMETERS.values() for name in names))
SECTION_OF = {
    "homeostasis_ampa": "homeostasis",
    "homeostasis_nmda": "homeostasis",
    "stp": "depression",
    "precise_delay": "delays",
    "mismatched_delay": "delays",
}
"""Tables of the device file with the constants that a latch needs."""


class LatchEntry(Section):
    """One latch: its register, and whether a neuron or synapse has it set that asks for nothing."""

    register_: str = Field(alias="register", min_length=1, max_length=80, description='register = "deam_alpha"')
    default: bool = Field(description="default = false")
    source: str
    note: str = ""


class HomeostasisSection(Section):
    """Constants of the calcium DPI and of the slow gain: tau_h = C_gain U_T / (kappa I_leak)."""

    C_ca: SMALL_CAPACITANCE
    C_gain: SMALL_CAPACITANCE
    I_leak: quantity("A", 1e-20, 1e-9, '"0.45 aA"')
    largest_gain: quantity("", 1.0, 1000.0, "10.0")


class DepressionSection(Section):
    """Capacitor that holds the resource of a synapse."""

    C_std: SMALL_CAPACITANCE


class DelaySection(Section):
    """Capacitor of a delay element, t = V_th C_delay / I, and the spread of the mismatched ones."""

    C_delay: SMALL_CAPACITANCE
    spread: SIGMA_LN
    longest: quantity("s", 1e-6, 10.0, '"0.2 s"')


@dataclass(frozen=True)
class Latch:
    """A bit of every neuron or synapse: its register, and its state where nothing is asked for."""

    name: str
    register: str
    default: bool
    source: str
    note: str


@dataclass(frozen=True)
class Homeostasis:
    """Capacitors of calcium and gain [F], leak of the gain's [A], and the largest factor on the gain."""

    C_ca: float
    C_gain: float
    I_leak: float
    largest_gain: float


@dataclass(frozen=True)
class Depression:
    """Capacitor that holds the resource of a synapse [F]."""

    C_std: float


@dataclass(frozen=True)
class Delays:
    """Capacitor of a delay element [F], sigma(ln) of the mismatched delays, and the longest delay [s]."""

    C_delay: float
    spread: float
    longest: float


def latch_faults(device: Any) -> Iterator[str]:
    """Faults of the latches of a device file: sources, missing or useless biases and tables."""
    known = (*PLAIN_SOURCES, *device.references)
    for name, latch in device.latches.items():
        if latch.source not in known:
            yield f"latches.{name}.source: {unknown('source', latch.source, known)}"
    needed = {parameter for name in device.latches for parameter in LATCH_PARAMETERS.get(name, ())}
    given = [bias.parameter for bias in device.biases.values()]
    for parameter in EXTRA_PARAMETERS:
        allowed = int(parameter in needed)
        if given.count(parameter) != allowed:
            why = "a latch of the device needs it" if allowed else "no latch of the device needs it"
            yield f"biases: parameter {parameter!r} is set by {given.count(parameter)} biases; allowed {allowed}: {why}"
    for name in device.latches:
        section = SECTION_OF.get(name)
        if section and getattr(device, section) is None:
            yield f"{section} is missing; latch {name!r} needs the table"
