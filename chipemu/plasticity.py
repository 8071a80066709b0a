"""Plasticity rules as data: what drives the step of a plastic synapse at a presynaptic event.

A rule is a table of terms, a coefficient for each local signal of the postsynaptic neuron; its drive is their sum, in
the place of a feedback current [pA], see `chipemu.kernels.plastic`:

    signal             unit    what it is
    feedback_current   pA      I_nmda - balance I_gaba_a
    recent_activity    pA      adaptation current above the floor
    rate_change        Hz      a fast less a slow trace of the neuron's spikes, on devices with the table ``traces``

so that a rule is added, or terms are mixed, without touching compiled code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.errors import InputError, UnknownNameError
from chipemu.frozen_map import FrozenMap
from chipemu.kernels.plastic import ACTIVITY, FEEDBACK, N_TERMS, RATE_CHANGE

COLUMN = {"feedback_current": FEEDBACK, "recent_activity": ACTIVITY, "rate_change": RATE_CHANGE}
ALWAYS_READ = ("presynaptic_spike", "learn_enable")


@dataclass(frozen=True)
class PlasticityRule:
    """A rule of plastic synapses.

    Attributes
    ----------
    name : what it is called
    terms : coefficient of each signal: of currents without unit, of ``rate_change`` [pA/Hz]
    throughout : whether the learn-enable line is high in all of a controlled pass, and not in its last part alone

    Examples
    --------
    >>> PlasticityRule("mixed", {"feedback_current": 1.0, "rate_change": 0.5}, throughout=True).coefficients().tolist()
    [1.0, 0.0, 0.5]
    """

    name: str
    terms: Mapping[str, float]
    throughout: bool = False

    def __post_init__(self):
        for signal, coefficient in self.terms.items():
            if signal not in COLUMN:
                raise UnknownNameError("signal", signal, tuple(COLUMN))
            if not np.isfinite(coefficient):
                raise InputError(f"rule {self.name}: the coefficient of {signal} is {coefficient}; allowed finite ones")
        if not any(self.terms.values()):
            raise InputError(f"rule {self.name} has no term; give one of {', '.join(COLUMN)} a coefficient")

    def coefficients(self) -> np.ndarray:
        """The row of the table, (column,)."""
        row = np.zeros(N_TERMS)
        for signal, coefficient in self.terms.items():
            row[COLUMN[signal]] = coefficient
        return row

    def reads(self, signal: str) -> bool:
        """Whether a term of the rule is of this signal."""
        return self.terms.get(signal, 0.0) != 0

    def check(self, device: DeviceSpec) -> None:
        """Refuse a device that does not offer a signal that the rule reads.

        Raises
        ------
        InputError
            With the signals that are missing.
        """
        asked = (*ALWAYS_READ, *filter(self.reads, self.terms))
        missing = [signal for signal in asked if signal not in device.signals]
        if missing or device.plastic is None:
            lacks = ", ".join(missing) or "plastic synapses"
            instead = "dynapse1-extended" if "rate_change" in missing else "dynapse1-plastic, or --where host"
            raise InputError(
                f"rule {self.name} reads the local signals {', '.join(asked)}; {device.name} ({device.path}) does not "
                f"offer {lacks}. Use --device {instead}"
            )


# Haag et al. 2026 (arXiv 2603.24113), section 2: w <- w + eta I_fb at a presynaptic spike.
FEEDBACK_RULE = PlasticityRule("feedback", {"feedback_current": 1.0})
# Aceituno et al. 2023 (Frontiers in Computational Neuroscience 17:1136010), dw ~ r_pre dr_post/dt under top-down
# control: presynaptic spikes sample the change of the rate, which is over soon after control comes on. Left out: their
# symmetric form with a presynaptic trace. The coefficient, assumed, makes 1 Hz weigh as much as 1 pA.
DIFFERENTIAL_HEBBIAN = PlasticityRule("differential-hebbian", {"rate_change": 1.0}, throughout=True)
NO_RULES: Mapping[str, PlasticityRule] = FrozenMap({})
PLASTICITY_RULES = {rule.name: rule for rule in (FEEDBACK_RULE, DIFFERENTIAL_HEBBIAN)}


def plasticity_rule(rule: str | PlasticityRule) -> PlasticityRule:
    """A rule by its name, or the rule itself.

    Raises
    ------
    UnknownNameError
        If no rule has this name.
    """
    if isinstance(rule, PlasticityRule):
        return rule
    if rule not in PLASTICITY_RULES:
        raise UnknownNameError("rule", rule, tuple(PLASTICITY_RULES))
    return PLASTICITY_RULES[rule]
