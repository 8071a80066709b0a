"""Every non-ideality: its name, what it changes, and its switch.

``EFFECTS`` is the one table; the command line, ``print(chip)`` and the tests all read it.  An effect's scale is 0 when
switched off, 1 as the device file says, or any other non-negative factor on its standard deviation, or on its fraction
of dead elements.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chipemu.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Effect:
    """One non-ideality: name, unit of its size, the arrays it changes, one line of documentation."""

    name: str
    unit: str
    changes: tuple[str, ...]
    summary: str
    scalable: bool = True


CALIBRATION = "calibration"
_TABLE = (
    Effect("mismatch_within_core", "sigma(ln)", ("neuron_factor",), "spread of every current from neuron to neuron"),
    Effect("mismatch_correlated", "sigma(ln)", ("neuron_factor",), "what neighbours of a core have in common"),
    Effect("mismatch_outliers", "sigma(ln)", ("neuron_factor",), "extra spread of a few currents: a heavy tail"),
    Effect("mismatch_gradient", "sigma(ln)", ("neuron_factor",), "slope across the die, in a direction of its own"),
    Effect("mismatch_between_cores", "sigma(ln)", ("core_factor",), "spread of every bias from core to core"),
    Effect("mismatch_between_dies", "sigma(ln)", ("core_factor",), "spread of every bias from die to die"),
    Effect("mismatch_slot", "sigma(ln)", ("slot_factor",), "spread of the pulse from CAM word to CAM word"),
    Effect("mismatch_trace", "sigma(ln)", ("trace_factor",), "spread of the gain of every spike trace"),
    Effect(
        "thermal_noise",
        "sqrt(kT/C)",
        ("membrane_kick",),
        "shot and thermal noise, as white noise on the membrane",
    ),
    Effect("input_noise", "relative", ("input_kick",), "slow (Ornstein-Uhlenbeck) noise on the summed input current"),
    Effect("flicker_noise", "V^2/Hz", ("flicker",), "1/f noise of a neuron's input and leak; size on a gate at 1 Hz"),
    Effect("supply_noise", "relative", ("supply",), "slow noise that all currents of a core share"),
    Effect("event_jitter", "s", ("event_jitter",), "the arbiter holds every event back for a random time"),
    Effect("event_loss", "probability", ("event_loss",), "events that reach no synapse"),
    Effect(
        "temperature",
        "-",
        ("leakage", "bias_at_work", "thermal_voltage"),
        "the die is at its own temperature, not that of its operating points",
        False,
    ),
    Effect("bias_drift", "sigma(ln)", ("bias_at_work",), "every bias of every core wanders with age"),
    Effect("programming_noise", "sigma(G)", ("programming_error",), "error of every write of a memristive weight"),
    Effect("read_noise", "sigma(G)", ("read_spread",), "noise of a memristive weight from event to event"),
    Effect("conductance_drift", "law of G(t)", ("drift_law",), "memristive weights drift with the time since a write"),
    Effect("weight_leak", "I_leak", ("leak_rate",), "weights on capacitors leak towards the lower level"),
    Effect("bias_quantisation", "code", ("bias_current",), "biases take the nearest coarse/fine code", False),
    Effect(
        "dead_words", "fraction", ("slot_factor",), "CAM words and plastic synapses without a pulse, in few neurons"
    ),
    Effect(
        "stuck_words", "fraction", ("stuck_words",), "CAM words that keep their first content; codes without a step"
    ),
    Effect("dead_neurons", "fraction", ("threshold", "positive_feedback"), "neurons that never spike"),
    Effect("dead_tags", "fraction", ("dead_tags",), "tags that a core does not hear"),
    Effect(
        CALIBRATION, "-", ("bias_current", "trim_code"), "biases are tuned before use, per core or per neuron", False
    ),
)
EFFECTS: dict[str, Effect] = {effect.name: effect for effect in _TABLE}
GROUPS: dict[str, tuple[str, ...]] = {
    "mismatch": (
        "mismatch_within_core",
        "mismatch_correlated",
        "mismatch_outliers",
        "mismatch_gradient",
        "mismatch_between_cores",
        "mismatch_between_dies",
        "mismatch_slot",
        "mismatch_trace",
    ),
    "noise": (
        "thermal_noise",
        "input_noise",
        "flicker_noise",
        "supply_noise",
        "event_jitter",
        "event_loss",
        "programming_noise",
        "read_noise",
    ),
    "drift": ("bias_drift", "weight_leak", "conductance_drift"),
    "quantisation": ("bias_quantisation",),
    "dead": ("dead_words", "stuck_words", "dead_neurons", "dead_tags"),
}
MAX_SCALE = 100.0


def _members(name: str) -> tuple[str, ...]:
    if name in GROUPS:
        return GROUPS[name]
    if name in EFFECTS:
        return (name,)
    raise UnknownNameError("effect", name, [*GROUPS, *EFFECTS])


def all_but(names: Iterable[str]) -> tuple[str, ...]:
    """Every effect except some effects or groups: what to switch off to look at those alone.

    Calibration stays on: it is what a laboratory does about effects, and finds nothing to do on a die without any.

    Raises
    ------
    UnknownNameError
        If a name is neither an effect nor a group.

    Examples
    --------
    >>> "bias_drift" in all_but(["noise"]), "thermal_noise" in all_but(["noise"])
    (True, False)
    """
    kept = {member for name in names for member in _members(name)}
    return tuple(name for name in EFFECTS if name not in kept and name != CALIBRATION)


@dataclass(frozen=True)
class Switches:
    """Scale of every effect; build it with :func:`switches`."""

    scales: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(EFFECTS, 1.0))

    def scale(self, name: str) -> float:
        """Scale of one effect: 0 is off, 1 as the device file says."""
        return self.scales[name]

    def on(self, name: str) -> bool:
        """Whether an effect acts at all."""
        return self.scales[name] > 0


def switches(without: Iterable[str] = (), scale: Mapping[str, float] | None = None) -> Switches:
    """Switch effects or groups off, or scale them.

    Parameters
    ----------
    without
        Names of effects or groups to switch off, e.g. ``("noise", "mismatch_slot")``.
    scale
        Factor on the standard deviation of an effect or group, e.g. ``{"mismatch": 2.0}``.

    Raises
    ------
    UnknownNameError
        If a name is neither an effect nor a group.
    InputError
        If a factor is negative, not finite, above 100, or given for an effect that is only on or off.

    Examples
    --------
    >>> switches(without=["noise"], scale={"mismatch": 2}).scale("mismatch_slot")
    2.0
    """
    scales = dict.fromkeys(EFFECTS, 1.0)
    for name, factor in (scale or {}).items():
        if not 0 <= factor <= MAX_SCALE:
            raise InputError(f"scale of effect '{name}' is {factor:g}; allowed 0 to {MAX_SCALE:g}")
        for member in _members(name):
            if not EFFECTS[member].scalable and factor not in (0, 1):
                raise InputError(f"effect '{member}' is on or off, not scaled by {factor:g}; use --without {member}")
            scales[member] = float(factor)
    for name in without:
        for member in _members(name):
            scales[member] = 0.0
    return Switches(scales)
