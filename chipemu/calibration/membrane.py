"""What a laboratory reads of single neurons where it sees their membranes through a converter.

Every reading is a current, or rises with one, so that a trimming cell moves all of them upwards:

    tau_mem    straight fall of V_mem when a constant current ends    1 / tau_mem ~ I_tau
    drive      straight rise from the floor when it begins            (I_dc - I_tau) / C
    leak       level at which it holds the membrane                   I_gain (I_dc / I_tau - 1)
    dead time  spikes under a current that charges at once            1 / interval
    reset      lowest voltage while firing                            I_reset
    threshold  highest voltage while firing                           I_spkthr
    tau_syn    time of a fall behind a leak ten times as fast         1 / tau_syn

The rows are in the order in which neurons are trimmed: a reading may lean on those above it.  Temperature is known to
the laboratory; offset and gain of the converter are taken as calibrated.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.calibration.bench import Bench
from chipemu.parameters import (
    BiasSetting,
    design_currents,
    neuron_temperature,
    nominal_charge,
    nominal_decay,
    with_currents,
)
from chipemu.stimulus import regular
from chipemu.units import thermal_voltage

READINGS = {
    "tau_mem": "I_tau",
    "drive": "I_dc",
    "leak": "I_gain",
    "dead time": "I_ref",
    "reset": "I_reset",
    "threshold": "I_spkthr",
    "tau_syn": "I_tau_ampa",
}
WEIGHTED = ("tau_syn",)  # readings through a synapse, which must not flood the membrane
_HELD, _START = 100e-12, 250e-12  # A, membrane currents far above the soma gain and below its positive feedback
_FLOODED = 5e-6  # A, charges a membrane within microseconds
_ABOVE = 3.0  # times the rheobase: levels are read between spikes, and neurons of far-off cores must fire too
_FASTER = 10.0  # leak over decay of the synapse that is read
_A_SPIKE = -2.0  # change of ln(I_mem) in one step; the fastest leak takes 0.1
_SETTLE = 0.3  # s, long enough to fall from threshold to the floor
_FALL, _RISE, _LEVEL, _FIRING = 10e-3, 2e-3, 10e-3, 0.4  # s
_DRIVEN = 0.15  # s, several time constants of a synapse
_MONITOR_STEP = 1e-3  # V, assumed, of the converter on a device whose file names none
_DROP = 0.7  # fall of ln(I_in) whose time is taken
_LONGEST = 2.5  # time constants, in which it is waited for
_FIRST = 10  # samples that say where the fall begins


class Membrane:
    """Readings of all neurons of a bench.

    Parameters
    ----------
    bench : dies on the bench
    used : receptors of each operating point
    adc_step : of the converter [V]; by default the device's, or 1 mV; 0 reads exactly
    """

    def __init__(self, bench: Bench, used: Mapping[str, Sequence[str]], adc_step: float | None = None):
        self._bench, self._mapped = bench, bench.mapped
        trim = bench.mapped.device.trim
        self._step = adc_step if adc_step is not None else trim.adc_step if trim is not None else _MONITOR_STEP
        self._dc, self._leak = (bench.mapped.device.register(name) for name in ("I_dc", "I_tau"))
        self._points = bench.emulator.points
        names = [bench.mapped.core_point[core] for core in bench.mapped.address[:, 0]]
        self._excited = np.array(["ampa" in used[name] for name in names])
        self._gain = np.array([self._design(name, "I_gain") for name in names])

    def read(self, reading: str, setting: BiasSetting, active: np.ndarray) -> np.ndarray:
        """(chip, neuron) natural logarithm of a reading; NaN where there is none, or the die is not ``active``."""
        how = {
            "tau_mem": self._fall, "drive": self._rise, "leak": self._level, "dead time": self._interval,
            "reset": self._reset, "threshold": self._threshold, "tau_syn": self._decay,
        }[reading]  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.log(how(setting, active))
        value[~np.isfinite(value) | ~active[:, None]] = np.nan
        return value

    # --- the readings ---------------------------------------------------------------------------------------

    def _fall(self, setting, active):
        self._apply(setting, {self._dc: self._holding}, _SETTLE, active)
        return -self._slope(self._trace(setting, {self._dc: _nothing}, _FALL, active))

    def _rise(self, setting, active):
        self._apply(setting, {self._dc: _nothing}, _SETTLE, active)
        return self._slope(self._trace(setting, {self._dc: self._holding}, _RISE, active))

    def _level(self, setting, active):
        self._apply(setting, {self._dc: self._holding}, _SETTLE, active)
        return np.exp(np.median(self._trace(setting, {self._dc: self._holding}, _LEVEL, active), axis=2))

    def _interval(self, setting, active):
        self._set(setting, {self._dc: lambda point: _FLOODED})
        emulator, n = self._bench.emulator, self._mapped.n_neurons
        window = emulator.advance(self._silence(_FIRING), _FIRING, record=True, active=active)
        cell, time = window.run * n + window.neuron, (window.step + window.fraction) * emulator.dt
        first, last = np.full(len(active) * n, np.inf), np.zeros(len(active) * n)
        np.minimum.at(first, cell, time)
        np.maximum.at(last, cell, time)
        return ((window.count.reshape(-1) - 1) / (last - first)).reshape(len(active), n)

    def _reset(self, setting, active):
        return np.exp(self._firing(setting, active).min(axis=2))

    def _threshold(self, setting, active):
        return np.exp(self._firing(setting, active).max(axis=2))

    def _firing(self, setting, active):
        self._apply(setting, {self._dc: self._above_rheobase}, _SETTLE, active)
        trace = self._trace(setting, {self._dc: self._above_rheobase}, _FIRING, active)
        # from above the positive feedback to below it between two samples: only a spike does that
        fired = np.any(np.diff(trace, axis=2) < _A_SPIKE, axis=2)
        return np.where(fired[:, :, None], trace, np.nan)

    def _decay(self, setting, active):
        biases = {self._dc: _nothing, self._leak: self._fast_leak}
        self._set(setting, biases)
        drive = {p: {"ampa": self._driving(p)} for p in self._points}
        self._bench.emulator.advance(self._bench.events([drive], _DRIVEN, active), _DRIVEN, active=active)
        tau = max(self._time_constant(p) for p in self._points)
        log_mem = self._trace(setting, biases, round(_LONGEST * tau, 4), active)
        behind = np.log(
            np.exp(log_mem) + self._gain[:, None]
        )  # ln(I_in) of the membrane that follows, but for a constant
        start = behind[:, :, :_FIRST].mean(axis=2, keepdims=True)
        above = np.sum(behind > start - _DROP, axis=2)  # a fast fall stays fast where it ends on the floor
        return np.where(self._excited, 1 / (above * self._bench.emulator.dt), np.nan)

    # --- the set-up -----------------------------------------------------------------------------------------

    def _trace(self, setting, biases, duration, active) -> np.ndarray:
        """(chip, neuron, sample) ln(I_mem / A) from V_mem as the converter gives it."""
        self._set(setting, biases)
        emulator, device = self._bench.emulator, self._mapped.device
        recording = emulator.run(self._silence(duration), duration, ("V_mem",), active=active)
        kelvin = np.stack([neuron_temperature(chip, self._mapped, self._points) for chip in emulator.chips])
        per_volt = device.circuit["kappa"] / thermal_voltage(kelvin)
        volt = recording.V_mem.values
        volt = np.round(volt / self._step) * self._step if self._step else volt
        return volt * per_volt[:, :, None] + np.log(device.circuit["I0"])

    def _slope(self, values: np.ndarray) -> np.ndarray:
        """Least-squares slope over the samples [1/s]."""
        time = np.arange(values.shape[2]) * self._bench.emulator.dt
        centred = time - time.mean()
        return values @ centred / (centred @ centred)

    def _silence(self, duration: float):
        emulator = self._bench.emulator
        return regular(np.zeros((emulator.n_runs, self._mapped.n_sources)), duration, emulator.dt)

    def _apply(self, setting, biases, duration, active) -> None:
        self._set(setting, biases)
        self._bench.emulator.advance(self._silence(duration), duration, active=active)

    def _set(self, setting: BiasSetting, biases: Mapping) -> None:
        """Give some biases another current on every core, as a function of its operating point."""
        chips = self._bench.emulator.chips
        for name, current in biases.items():
            wanted = [np.nan if point is None else current(point) for point in self._mapped.core_point]
            setting = with_currents(setting, chips, name, np.tile(wanted, (len(chips), 1)))
        self._bench.set_biases(setting)

    # --- currents of the design -----------------------------------------------------------------------------

    def _design(self, point: str, parameter: str) -> float:
        return design_currents(self._mapped.device, self._points[point])[parameter]

    def _holding(self, point: str) -> float:
        return self._design(point, "I_tau") * (1 + _HELD / self._design(point, "I_gain"))

    def _above_rheobase(self, point: str) -> float:
        """The largest input current that some membrane current x takes to hold: (I_tau - I_fb(x)) (1 + x / I_gain)."""
        circuit = {**self._mapped.device.circuit, **self._points[point].circuit}
        x = np.geomspace(circuit["I0"], circuit["I_spkthr"], 400)
        fed_back = circuit["I_fb_gain"] / (1 + np.exp(-(x - circuit["I_fb_th"]) / circuit["I_fb_norm"]))
        held = (self._design(point, "I_tau") - fed_back) * (1 + x / self._design(point, "I_gain"))
        return _ABOVE * float(held.max())

    def _fast_leak(self, point: str) -> float:
        circuit = {**self._mapped.device.circuit, **self._points[point].circuit}
        return _FASTER * self._design(point, "I_tau_ampa") * circuit["C_mem"] / circuit["C_syn_ampa"]

    def _time_constant(self, point: str) -> float:
        return nominal_decay(self._mapped.device, self._points[point], "ampa")

    def _driving(self, point: str) -> float:
        """Events on AMPA that hold the membrane at a current behind the fast leak [1/s]."""
        current = self._fast_leak(point) * (1 + _START / self._design(point, "I_gain"))
        return current / nominal_charge(self._mapped.device, self._points[point], "ampa")


def _nothing(point: str) -> float:
    return 0.0


class Deviations:
    """Readings of dies beside those of the nominal chip.

    Parameters
    ----------
    dies, nominal : benches with the dies, and with one nominal chip of one neuron an operating point
    used : receptors of each operating point
    names : readings that will be asked for
    active : (chip,) bool, dies that are read

    Attributes
    ----------
    target : reading -> (neuron,) ln of the nominal one
    trials : (chip,) readings so far
    """

    def __init__(
        self, dies: Bench, nominal: Bench, used: Mapping[str, Sequence[str]], names: Sequence[str], active: np.ndarray
    ):
        self._membrane, self._active = Membrane(dies, used), active
        self.trials = np.zeros(len(active), np.int64)
        one, everyone = Membrane(nominal, used), np.ones(1, bool)
        neuron = [nominal.mapped.core_point.index(dies.mapped.core_point[c]) for c in dies.mapped.address[:, 0]]
        neuron = [list(nominal.mapped.address[:, 0]).index(core) for core in neuron]
        exact = nominal.emulator.setting
        self.target = {name: one.read(name, exact, everyone)[0, neuron] for name in names}

    def __call__(self, name: str, setting: BiasSetting) -> np.ndarray:
        """(chip, neuron) ln(observed / nominal) of a reading."""
        self.trials += self._active
        return self._membrane.read(name, setting, self._active) - self.target[name]
