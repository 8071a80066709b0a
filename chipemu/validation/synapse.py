"""The synapse against closed forms and published curves: decay of the current, EPSP against words, pulse width."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.errors import InputError
from chipemu.network import RECEPTORS
from chipemu.units import thermal_voltage
from chipemu.validation.check import Check, target, targets
from chipemu.validation.testbench import bench, cells, dies, one_event, parameters

_BEFORE = 1e-3  # s; rest before the event
_WORDS = 48  # enough charge to stay far above the leakage floor for three time constants


def time_constant(device: DeviceSpec, point: OperatingPoint, receptor: str) -> float:
    """tau = C U_T / (kappa I_tau) of a synapse, by design values [s]."""
    value = parameters(device, point)
    leak = value["kappa"] * value[f"I_tau_{receptor}"]
    return value[f"C_syn_{receptor}"] * thermal_voltage(point.temperature) / leak


def decay_error(device: DeviceSpec, point: OperatingPoint, precision: str) -> float:
    """Largest deviation of a synaptic current from I(0) exp(-t / tau), relative to I(0).

    All four receptors, over three time constants after one event.
    """
    worst = 0.0
    for receptor in RECEPTORS:
        mapped = cells(device, point, 1, receptor=receptor, words=_WORDS)
        emulator = bench(mapped, point, dies(device, point, [0]), precision=precision)
        tau = time_constant(device, point, receptor)
        duration = _BEFORE + round(3 * tau / emulator.dt) * emulator.dt
        recording = emulator.run(one_event(_BEFORE), duration, (f"I_{receptor}",))
        after = recording.time.values > _BEFORE
        current, time = recording[f"I_{receptor}"].values[0, 0, after], recording.time.values[after]
        expected = np.exp(-(time - time[0]) / tau)
        worst = max(worst, float(np.max(np.abs(current / current[0] - expected))))
    return worst


def epsp_peaks(device: DeviceSpec, point: OperatingPoint, words: Sequence[int], duration: float = 0.08) -> np.ndarray:
    """Height of the membrane voltage over rest after one event through parallel AMPA words [V].

    Parameters
    ----------
    device, point
        Where.
    words : (n,) sequence of int
        Words of each of n neurons.
    duration
        Time to look for the peak [s].

    Returns
    -------
    (n,) array
        Peaks; infinite where the neuron fires, because a spike is no EPSP.
    """
    emulator = bench(cells(device, point, len(words), words=words), point, dies(device, point, [0]))
    recording = emulator.run(one_event(_BEFORE), duration, ("V_mem",))
    voltage = recording.V_mem.values[0]
    peaks = voltage.max(1) - voltage[:, 0]
    peaks[recording.spike_neuron.values] = np.inf
    return peaks


def epsp_rms(device: DeviceSpec, point: OperatingPoint) -> float:
    """Root mean square deviation of the EPSP peaks from the measured curve [V]."""
    lines = targets("epsp_words")
    peaks = epsp_peaks(device, point, [int(line.drive) for line in lines])
    return float(np.sqrt(np.mean((peaks - [line.expected * 1e-3 for line in lines]) ** 2)))


def refuses_long_pulse(device: DeviceSpec, point: OperatingPoint) -> bool:
    """Whether a pulse longer than the time step is refused by the name of its bias."""
    (name,) = (name for name, bias in device.biases.items() if bias.parameter == "I_pulse")
    value = parameters(device, point)
    mapped = cells(device, point, 1)
    width = 1.5 * bench(mapped, point, dies(device, point, [0])).dt
    long = {**point.biases, name: value["V_th"] * value["C_pulse"] / width}
    try:
        bench(mapped, dataclasses.replace(point, biases=long), dies(device, point, [0]))
    except InputError as refusal:
        return name in str(refusal)
    return False


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module."""
    checks = []
    for precision in ("float64", "float32"):
        line = target("synapse", f"EPSC decay against exp(-t/tau), {precision}")
        checks.append(line.compare(decay_error(device, load_point(line.operating_point, device), precision)))
    line = target("synapse", "EPSP peak against words, RMS")
    checks.append(line.compare(epsp_rms(device, load_point(line.operating_point, device)) * 1e3))
    line = target("synapse", "pulse longer than dt is refused by name")
    checks.append(line.compare(float(refuses_long_pulse(device, load_point(line.operating_point, device)))))
    return checks
