"""Circuits that latches switch (DYNAP-SE2) against closed forms: alpha shape, depression, homeostasis, delays.

What the chip does is not published beyond the names of its latches and biases; these rows hold the emulator to the
models it chose (`kernels.dendrite`, `kernels.depression`). Rows about latches that a device does not list are left out.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

from chipemu.device import DeviceSpec, OperatingPoint
from chipemu.emulator import Emulator
from chipemu.kernels import layout as at
from chipemu.mapping import map_network
from chipemu.network import RECEPTORS, Network
from chipemu.parameter_names import BASES
from chipemu.stimulus import EventList, regular
from chipemu.temperature import ROOM
from chipemu.units import thermal_voltage
from chipemu.validation.check import Check, target, targets
from chipemu.validation.testbench import CELLS, SOURCE, bench, dies, one_event, silence
from chipemu.wiring import Lanes

POINT = "se2-bench"
_PULSE = 20e-6  # s
_THRESHOLD = 2e-9  # A
_TAU = {"ampa": 20e-3, "nmda": 50e-3, "gaba_a": 10e-3, "gaba_b": 10e-3}  # s
_TAU_I = {"ampa": 5e-3, "nmda": 10e-3}  # s, inhibitory DPI of the alpha shape
_WORDS = 8
_RECOVERY, _USE = 0.1, 0.3  # s, 1
_TAU_CA, _CA_JUMP, _CA_TARGET = 0.5, 10e-12, 150e-12  # s, A, A: 30 Hz
_DELAY = {"I_delay": 1e-3, "I_delay_precise": 5e-3, "I_delay_mismatched": 10e-3}  # s
_N_SYNAPSES = 250
_SPEED_UP = 1.0  # s, tau_h on the bench


def bench_point(device: DeviceSpec, changes: Mapping[str, float] | None = None) -> OperatingPoint:
    """An operating point made from time constants, whatever the registers are called.

    Parameters
    ----------
    changes : currents by parameter [A], in place of those of the bench
    """
    currents = {**_currents(device), **(changes or {})}
    biases = {name: currents[bias.parameter] for name, bias in device.biases.items() if bias.parameter}
    return OperatingPoint(
        name=POINT, title="Bench", summary="Time constants for checks of latched circuits.", path="(bench)", hash=POINT,
        devices=device.lineage, temperature=ROOM, biases=biases, codes={}, circuit={}, quantities={},
    )  # fmt: skip


def leak(device: DeviceSpec, capacitor: float, tau: float) -> float:
    """Current that gives a capacitor a time constant, I = C U_T / (kappa tau) [A]."""
    return capacitor * thermal_voltage(ROOM) / (device.circuit["kappa"] * tau)


def delay_current(device: DeviceSpec, delay: float) -> float:
    """Current that gives a delay element a delay, I = V_th C / t [A]."""
    return device.circuit["V_th"] * device.delays.C_delay / delay


def _currents(device: DeviceSpec) -> dict[str, float]:
    circuit, floor = device.circuit, device.circuit["I0"]
    currents = {
        "I_tau": leak(device, circuit["C_mem"], 20e-3),
        "I_ref": circuit["V_th"] * circuit["C_ref"] / 2e-3,
        "I_dc": 0.0,
        "I_nmda_thr": 0.0,
        "I_ahp_tau": leak(device, circuit["C_ahp"], 50e-3),
        "I_ahp_gain": 0.0,
        "I_ahp_w": 0.0,
        "I_pulse": circuit["V_th"] * circuit["C_pulse"] / _PULSE,
    }
    currents["I_tau2"] = currents["I_tau"]
    currents["I_gain"] = 4 * currents["I_tau"]
    for receptor in RECEPTORS:
        capacitor = circuit[f"C_syn_{receptor}"]
        currents[f"I_tau_{receptor}"] = leak(device, capacitor, _TAU[receptor])
        currents[f"I_gain_{receptor}"] = floor
        # one word charges 100 times the gain current, so that the synapse is nearly linear
        currents[f"I_w_{receptor}"] = 100 * leak(device, capacitor, _PULSE)
        if receptor in _TAU_I:
            currents[f"I_tau_{receptor}_i"] = leak(device, capacitor, _TAU_I[receptor])
            currents[f"I_gain_{receptor}_i"] = floor  # equal jumps
            currents[f"I_rev_{receptor}"] = _THRESHOLD
    # on devices with masks a whole word holds four base currents
    currents |= {base: currents["I_w_ampa"] / len(BASES) for base in BASES}
    return currents | {"I_spkthr": _THRESHOLD} | _latch_currents(device)


def _latch_currents(device: DeviceSpec) -> dict[str, float]:
    currents = {}
    if device.homeostasis is not None:
        i_tau = leak(device, device.homeostasis.C_ca, _TAU_CA)
        currents |= {"I_tau_ca": i_tau, "I_gain_ca": i_tau, "I_w_ca": _CA_JUMP, "I_ca_target": _CA_TARGET}
    if device.depression is not None:
        capacitor = device.depression.C_std
        currents["I_recover_std"] = leak(device, capacitor, _RECOVERY)
        currents["I_strength_std"] = -np.log(1 - _USE) * leak(device, capacitor, _PULSE)
    if device.delays is not None:
        currents |= {name: delay_current(device, delay) for name, delay in _DELAY.items()}
        currents["I_delay"] = 0.0  # no delay, but where it is measured
    return currents


def latched(
    device: DeviceSpec,
    latches: tuple[str, ...],
    *,
    n: int = 1,
    receptor: str = "ampa",
    words: int = _WORDS,
    changes: Mapping[str, float] | None = None,
    **synapse,
) -> Emulator:
    """Cells with some latches and no effects, reached by one source; ``synapse`` goes to `Network.project`."""
    point, net = bench_point(device, changes), Network("bench")
    source, population = net.sources(SOURCE, 1), net.population(CELLS, n, point=POINT, latches=latches)
    net.project(source, population, receptor=receptor, words=words, **synapse)
    return bench(map_network(net, device), point, dies(device, point, [0]))


def alpha_peak(receptor: str) -> float:
    """Time from a pulse to the peak of I_E - I_I after equal jumps [s]."""
    tau_e, tau_i = _TAU[receptor], _TAU_I[receptor]
    return np.log(tau_e / tau_i) * tau_e * tau_i / (tau_e - tau_i)


def measured_peak(device: DeviceSpec, receptor: str) -> float:
    """The same on the emulated dendrite, between samples by a parabola [s]."""
    emulator = latched(device, (f"alpha_{receptor}",), receptor=receptor)
    current = emulator.run(one_event(0.0), 0.05, (f"I_{receptor}",))[f"I_{receptor}"].values[0, 0]
    k = int(np.argmax(current))
    before, peak, after = current[k - 1 : k + 2]
    return emulator.dt * (k + 1 + 0.5 * (before - after) / (before - 2 * peak + after))


def depressed(rate: float) -> float:
    """Resource found by regular events in the steady state, as a fraction of that of the first."""
    kept = np.exp(-1 / (rate * _RECOVERY))
    return (1 - kept) / (1 - (1 - _USE) * kept)


def measured_depression(device: DeviceSpec, rate: float) -> float:
    """Charge of the last of 40 regular events over that of the first, from the AMPA current."""
    emulator = latched(device, (), stp=True)
    time = np.arange(40) / rate + 10 * emulator.dt
    duration = round(time[-1] / emulator.dt + 10) * emulator.dt
    current = emulator.run(EventList(time, np.zeros(40, int)), duration, ("I_ampa",)).I_ampa.values[0, 0]
    at_event = np.round(time / emulator.dt).astype(int)
    decay = np.exp(-emulator.dt / _TAU["ampa"])
    before, after = current[at_event - 1], current[at_event] / decay
    charge = after - before + device.circuit["I0"] * np.log(after / before)
    return float(charge[-1] / charge[0])


def _faster(device: DeviceSpec) -> DeviceSpec:
    """The device with a gain that moves by one e-fold in a second: the chip takes hours."""
    constants = device.homeostasis
    return dataclasses.replace(
        device, homeostasis=dataclasses.replace(constants, I_leak=leak(device, constants.C_gain, _SPEED_UP))
    )


def gain_slope(device: DeviceSpec, receptor: str) -> float:
    """How fast the gain of a silent neuron rises, as a fraction of 1 / tau_h."""
    emulator = latched(device, (f"homeostasis_{receptor}",))
    duration = 1.0
    emulator.advance(silence(emulator, duration), duration)
    field = at.LN_GAIN + ("ampa", "nmda").index(receptor)
    constants = device.homeostasis
    tau = constants.C_gain * thermal_voltage(ROOM) / (device.circuit["kappa"] * constants.I_leak)
    return float(Lanes(emulator.mapped).fields(emulator.state, field)[0, 0]) * tau / duration


def settled_rate(device: DeviceSpec) -> float:
    """Rate at which homeostasis of AMPA holds a neuron, as a fraction of that whose mean calcium is the target."""
    emulator = latched(_faster(device), ("homeostasis_ampa",), words=2)
    drive, settle, duration = [200.0], 8.0, 8.0
    emulator.advance(regular([drive], settle, emulator.dt), settle)
    rate = emulator.advance(regular([drive], duration, emulator.dt), duration).count[0, 0] / duration
    return rate * _TAU_CA * _CA_JUMP / _CA_TARGET


def arrivals(device: DeviceSpec, delay: str | None, n: int) -> np.ndarray:
    """When one input spike reaches each of ``n`` cells through a synapse with a delay [s]."""
    base = {"I_delay": delay_current(device, _DELAY["I_delay"])}
    emulator = latched(device, (), n=n, changes=base, delay=delay)
    current = emulator.run(one_event(0.0), 0.1, ("I_ampa",)).I_ampa.values[0]
    return np.argmax(current > 1.5 * device.circuit["I0"], axis=1) * emulator.dt


def _delay_checks(device: DeviceSpec) -> list[Check]:
    checks = [target("se2", "base delay").compare(1e3 * arrivals(device, None, 1)[0])]
    if "precise_delay" in device.latches:
        checks.append(target("se2", "base and precise delay").compare(1e3 * arrivals(device, "precise", 1)[0]))
    if "mismatched_delay" in device.latches:
        element = arrivals(device, "mismatched", _N_SYNAPSES) - _DELAY["I_delay"]
        log = np.log(element / _DELAY["I_delay_mismatched"])
        checks.append(target("se2", "mismatched delay, KS against lognormal").compare(_ks_level(log, device)))
        checks.append(
            target("se2", "mismatched delay, sigma(ln) over requested").compare(log.std() / device.delays.spread)
        )
    return checks


def _ks_level(log: np.ndarray, device: DeviceSpec) -> float:
    """Kolmogorov-Smirnov distance from the lognormal of the device file over its critical value at a level of 1e-3."""
    distance = stats.kstest(log, stats.norm(0.0, device.delays.spread).cdf).statistic
    return float(distance / (1.95 / np.sqrt(len(log))))


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module about latches that the device lists."""
    checks = []
    for receptor in ("ampa", "nmda"):
        if f"alpha_{receptor}" in device.latches:
            line = target("se2", f"alpha peak time over closed form, {receptor}")
            checks.append(line.compare(measured_peak(device, receptor) / alpha_peak(receptor)))
        if f"homeostasis_{receptor}" in device.latches:
            line = target("se2", f"slope of the homeostatic gain over 1/tau_h, {receptor}")
            checks.append(line.compare(gain_slope(device, receptor)))
    if "homeostasis_ampa" in device.latches:
        checks.append(target("se2", "settled rate over target").compare(settled_rate(device)))
    if "stp" in device.latches:
        for line in targets("se2", "depressed over rested charge, over closed form"):
            checks.append(line.compare(measured_depression(device, line.drive) / depressed(line.drive)))
    return checks + (_delay_checks(device) if device.delays is not None else [])
