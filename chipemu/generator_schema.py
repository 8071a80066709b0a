"""The form of a device file's bias generator, and the generators made from it: one for all registers, or one each."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chipemu.bias import BiasGenerator, Generator
from chipemu.bias_table import N_FINE, TableGenerator
from chipemu.device_fields import CURVE, FRACTIONS, RISING_CURRENTS, Section, count, quantity, unknown

_FLOOR = quantity("A", 1e-18, 1e-9, '"0.9 pA"')
_DROPS = ("drop_32", "drop_64", "drop_128")
_NEEDED = {"linear": ("I_max", "floor"), "table": ("n", "p", *_DROPS)}


class PolaritySection(Section):
    """Currents that reach a register of n or of p type."""

    I_max: RISING_CURRENTS
    floor: _FLOOR


class GeneratorSection(Section):
    """Bias generator: ``linear``, I = fine / (n_fine - 1) * I_max[coarse], or ``table``, see `chipemu.bias_table`."""

    kind: Literal["linear", "table"] = "linear"
    n_fine: count(2, 65536)
    I_max: RISING_CURRENTS | None = None
    floor: _FLOOR | None = None
    n: PolaritySection | None = None
    p: PolaritySection | None = None
    drop_32: FRACTIONS | None = None
    drop_64: FRACTIONS | None = None
    drop_128: FRACTIONS | None = None
    factors: Annotated[dict[str, CURVE], Field(max_length=50)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "GeneratorSection":
        given = {name for name in type(self).model_fields if getattr(self, name)} - {"kind", "n_fine", "factors"}
        for name in _NEEDED[self.kind]:
            if name not in given:
                raise ValueError(f"{name} is missing; a generator of kind {self.kind!r} has it")
        for name in sorted(given - set(_NEEDED[self.kind])):
            raise ValueError(f"{name} is unknown; a generator of kind {self.kind!r} does not have it")
        if self.kind == "table":
            self._check_ranges()
        return self

    def _check_ranges(self) -> None:
        if self.n_fine.value != N_FINE:
            raise ValueError(f"n_fine = {self.n_fine.value} is not usable; a table of cells has {N_FINE}")
        sizes = {"n.I_max": len(self.n.I_max.value)} | {name: len(getattr(self, name).value) for name in _DROPS}
        for name, size in sizes.items():
            if size != len(self.p.I_max.value):
                raise ValueError(f"{name} has {size} ranges, p.I_max {len(self.p.I_max.value)}; give one a coarse code")


def register_fault(generator: GeneratorSection | None, polarity: str | None, factor: str | None) -> str:
    """What is wrong with the generator keys of a register that sets a parameter; empty if nothing is."""
    if generator is None or generator.kind == "linear":
        return "polarity and factor belong to a generator of kind 'table'" if polarity or factor else ""
    if polarity is None or factor is None:
        return 'polarity or factor is missing; write polarity = "n", factor = "..."'
    return "" if factor in generator.factors else unknown("factor", factor, generator.factors)


def build_generators(section: GeneratorSection | None, registers: Mapping[str, Any]) -> dict[str, Generator]:
    """Generator of every register that sets a parameter, by name; empty where currents are exact."""
    modelled = {name: entry for name, entry in registers.items() if entry.parameter}
    if section is None:
        return {}
    if section.kind == "linear":
        return dict.fromkeys(modelled, shared_generator(section))
    drops = tuple(zip(*(getattr(section, name).value for name in _DROPS), strict=True))
    built = {}
    for name, entry in modelled.items():
        polarity = getattr(section, entry.polarity)
        curve = section.factors[entry.factor].value
        built[name] = TableGenerator(polarity.I_max.value, polarity.floor.value, drops, curve)
    return built


def shared_generator(section: GeneratorSection | None) -> BiasGenerator | None:
    """The one generator of all registers; None where there is none, or each has its own."""
    if section is None or section.kind == "table":
        return None
    return BiasGenerator(section.I_max.value, section.n_fine.value, section.floor.value)
