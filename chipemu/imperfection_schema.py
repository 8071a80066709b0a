"""The form of the tables of a device file that say what is imperfect: mismatch, noise, temperature, drift, defects."""

from typing import Literal

from pydantic import Field, model_validator

from chipemu.ageing import DRIFT_KINDS
from chipemu.device_fields import (
    FACTORS,
    FRACTION,
    NAME,
    RISING_CURRENTS,
    SIGMA_LN,
    Section,
    choice,
    quantity,
)
from chipemu.parameter_names import PARAMETERS, SETTABLE
from chipemu.quantity import Quantity
from chipemu.temperature import BIAS_KINDS
from chipemu.transistor import CHANNELS

_ABSENT = ("assumed", "not in the file")


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

    within_core: dict[Literal["default", *SETTABLE, "I_reset"], SIGMA_LN]
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
