"""What is calibrated: the quantities, the biases that move them, and the drive at which each is looked at.

All drives are chosen on the nominal chip, so that the rate looked at is neither silent nor saturated there.  Spikes
alone do not tell the gain of the soma from the weight of a synapse (their product charges the membrane), so weights
carry both.  Where all receptors share their base currents (DYNAP-SE2), the gain of a synapse stands for its weight.

    zero         little excitation      current at which firing starts: leak (soma gain, where the leak is held), and
                                        the constant current if there is one
    excitation   medium excitation      rate gain: weight of the exciting synapse
    refractory   strong excitation      dead time
    inhibition   strong AMPA + GABA_B   balance, a small difference of large currents: weight of GABA_B
    raising      little AMPA + NMDA     weight of NMDA
    shunting     strong AMPA + GABA_A   weight of GABA_A
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.calibration.bench import WINDOW, Bench
from chipemu.device import DeviceSpec
from chipemu.parameters import nominal_charge

QUANTITIES = ("zero", "excitation", "refractory", "inhibition", "raising", "shunting")
_EXCITING = ("ampa", "nmda")
ZERO_RATE, MEDIUM_RATE, STRONG_RATE, RAISED_RATE = 20.0, 65.0, 150.0, 65.0  # Hz
# Part of the strong rate that inhibition leaves. A shunted soma falls silent from a high rate at once (its feedback
# latches), so shunting is looked at above the cliff.
BALANCED_PART, SHUNTED_PART = 0.33, 0.7
_RESTING = 12.0  # Hz, from which the constant current alone is a zero to look at
_DEAD_PART = 0.5  # of the interval between spikes where the dead time is looked at
_HEALTHY = (8.0, 250.0)  # Hz, outside which a population counts as silent or saturated
_MOVED = 0.15  # change of ln(rate) that the added receptor must make
_CURRENTS = np.geomspace(0.5e-12, 20e-9, 28)  # A, mean synaptic currents tried on the nominal chip
_MOST_EVENTS = 20e3  # 1/s, what the spike generators of a receptor play together at most
_WINDOW = 0.6  # s, for choosing drives
_ADDED = (  # quantity, receptor added, on top of the drive of, rate aimed at [Hz] from the rate without it
    ("inhibition", "gaba_b", "refractory", lambda rate: BALANCED_PART * rate),
    ("raising", "nmda", "zero", lambda rate: max(RAISED_RATE, 1.5 * rate)),
    ("shunting", "gaba_a", "refractory", lambda rate: SHUNTED_PART * rate),
)
_DC_PART = 0.1  # of the leak: a smaller constant current moves nothing


@dataclass(frozen=True, eq=False)
class Probe:
    """One quantity at one operating point.

    Attributes
    ----------
    knobs : biases that move it
    drive : receptor -> events [1/s]
    unobserved : why it cannot be looked at; empty if it can
    """

    knobs: tuple[str, ...]
    drive: Mapping[str, float]
    unobserved: str = ""


class _Explorer:
    """Nominal rate against drive; every candidate drive is one copy of the nominal chip."""

    def __init__(self, bench: Bench, points: Mapping):
        self._bench, self._points = bench, points

    def sweep(self, receptor: Mapping[str, str], fixed: Mapping[str, Mapping[str, float]]) -> dict[str, "_Curve"]:
        """Curve of each point against the drive of its receptor, on top of a fixed drive."""
        device = self._bench.mapped.device
        events = {
            point: np.minimum(_CURRENTS / nominal_charge(device, self._points[point], name), _MOST_EVENTS)
            for point, name in receptor.items()
        }
        return self._curves(receptor, fixed, events)

    def zoom(self, receptor, fixed, curves: Mapping[str, "_Curve"], target: Mapping[str, float]) -> dict[str, "_Curve"]:
        """The same between the two drives where each curve passes its target."""
        events = {point: np.geomspace(*curve.bracket(target[point]), len(_CURRENTS)) for point, curve in curves.items()}
        return self._curves(receptor, fixed, events)

    def _curves(self, receptor, fixed, events: Mapping[str, np.ndarray]) -> dict[str, "_Curve"]:
        if not receptor:
            return {}
        drives = [
            {p: {**fixed.get(p, {}), name: events[p][k]} for p, name in receptor.items()} for k in range(len(_CURRENTS))
        ]
        rates, core_point = self._bench.measure(drives, window=_WINDOW), self._bench.mapped.core_point
        return {p: _Curve(events[p], rates[:, core_point.index(p)]) for p in receptor}


@dataclass(frozen=True, eq=False)
class _Curve:
    """Nominal rates [Hz] against drive [1/s]."""

    events: np.ndarray
    rates: np.ndarray

    def bracket(self, target: float) -> tuple[float, float]:
        """Neighbouring drives between which the rate first passes the target; the nearest tried where it never does."""
        side = np.sign(self.rates - target)
        turns = np.flatnonzero(side != side[0])
        if side[0] == 0 or not turns.size:
            nearest = float(self.events[np.argmin(np.abs(self.rates - target))])
            return nearest, nearest
        return float(self.events[turns[0] - 1]), float(self.events[turns[0]])

    def reach(self, target: float) -> float:
        """Drive at which the rate first passes the target, or comes nearest."""
        low, high = self.bracket(target)
        if low == high:
            return low
        at_low, at_high = (self.rates[np.searchsorted(self.events, events)] for events in (low, high))
        part = (target - at_low) / (at_high - at_low)
        return float(low ** (1 - part) * high**part)

    def fault(self, events: float) -> str:
        """Why the rate at a drive cannot be used; empty if it can."""
        rate, (low, high) = float(np.interp(events, self.events, self.rates)), _HEALTHY
        return "" if low <= rate <= high else f"nominal rate {rate:.0f} Hz, outside {low:g} to {high:g} Hz"


def choose_probes(
    device: DeviceSpec, points: Mapping, used: Mapping[str, Sequence[str]], bench: Bench, held: Sequence[str] = ()
) -> dict[str, dict[str, Probe]]:
    """Quantities of each operating point, with drives that suit the nominal chip.

    Parameters
    ----------
    device, points
    used : receptors of each point
    bench : nominal chips, as many as :func:`n_candidates`
    held : biases that no rate may move, because membranes tell what they should be
    """
    explorer = _Explorer(bench, points)
    exciting = {p: next((r for r in _EXCITING if r in receptors), None) for p, receptors in used.items()}
    exciting = {p: r for p, r in exciting.items() if r is not None}
    nothing = {"excitation": Probe((), {}, "the network excites none of its neurons")}
    probes: dict[str, dict[str, Probe]] = {p: {} if p in exciting else nothing for p in used}
    for point, curve in explorer.sweep(exciting, {}).items():
        probes[point] = _excited(device, points[point], exciting[point], curve, held)
    for quantity, receptor, base, aim in _ADDED:
        added = {p: receptor for p, r in exciting.items() if receptor in used[p] and r != receptor}
        below = {p: probes[p][base].drive for p in added}
        coarse = explorer.sweep(added, below)
        target = {p: aim(curve.rates[0]) for p, curve in coarse.items()}
        for point, curve in explorer.zoom(added, below, coarse, target).items():
            events = whole(curve.reach(target[point]))
            drive = {**below[point], receptor: events}
            why = curve.fault(events) or _unmoved(coarse[point], receptor, events)
            probes[point][quantity] = Probe((weight_knob(device, receptor),), drive, why)
    return probes


def _excited(device: DeviceSpec, point, receptor: str, curve: _Curve, held: Sequence[str]) -> dict[str, Probe]:
    """Quantities that excitation alone shows, at little, medium and strong drive."""
    rest = curve.rates[0]  # what the constant current does by itself
    leak, gain, fed = (device.register(name) for name in ("I_tau", "I_gain", "I_dc"))
    zero = [gain if leak in held else leak]
    if point.biases[fed] > _DC_PART * point.biases[leak]:
        zero.append(fed)
    strong = max(min(STRONG_RATE, _DEAD_PART / dead_time(device, point)), 2 * rest)
    wanted = (
        ("zero", zero, ZERO_RATE),
        ("excitation", (weight_knob(device, receptor),), max(MEDIUM_RATE, 2 * rest)),
        ("refractory", (device.register("I_ref"),), strong),
    )
    at = {name: whole(curve.reach(target)) for name, _, target in wanted}
    if rest >= _RESTING:
        at["zero"] = 0.0
    probes = {}
    for name, knobs, _ in wanted:
        turned = tuple(knob for knob in knobs if knob not in held and not _trimmed(device, knob))
        why = curve.fault(at[name]) if turned else "membranes are read instead"
        probes[name] = Probe(turned, {receptor: at[name]}, why)
    return probes


def _trimmed(device: DeviceSpec, knob: str) -> bool:
    """Whether neurons are trimmed to what a bias sets. The constant current is fine-tuned for the core all the same:
    a neuron near its rheobase tells more of it than its membrane does."""
    return (
        device.trim is not None
        and knob != device.register("I_dc")
        and device.biases[knob].parameter in device.trim.parameters
    )


def weight_knob(device: DeviceSpec, receptor: str) -> str:
    """The bias that sets the weight of one receptor alone."""
    own = f"I_w_{receptor}"
    set_by_bias = {entry.parameter for entry in device.biases.values()}
    return device.register(own if own in set_by_bias else f"I_gain_{receptor}")


def _unmoved(curve: _Curve, receptor: str, events: float) -> str:
    before, after = np.maximum(np.interp([0, events], curve.events, curve.rates), 1.0)
    return (
        "" if abs(np.log(after / before)) >= _MOVED else f"{receptor} moves the nominal rate by less than {_MOVED:.0%}"
    )


def whole(events: float) -> float:
    """A drive with a whole number of events in the counting window, so that every window holds the same [1/s]."""
    return max(round(events * WINDOW), 1) / WINDOW


def n_candidates() -> int:
    """Copies of the nominal chip that choosing the drives takes."""
    return len(_CURRENTS)


def dead_time(device: DeviceSpec, point) -> float:
    """Nominal refractory period of an operating point [s]."""
    capacity = point.circuit.get("C_ref", device.circuit["C_ref"])
    return device.circuit["V_th"] * capacity / point.biases[device.register("I_ref")]
