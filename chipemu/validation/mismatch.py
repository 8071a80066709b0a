"""The spread from neuron to neuron against the statistics of one silicon core of 256 neurons.

Every quantity is measured as in a laboratory, from the membrane voltage, a synaptic current or spikes, with the
within-core mismatch as the only effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.mismatch import sample_factors
from chipemu.stimulus import regular
from chipemu.validation.check import Check, Target, target, targets
from chipemu.validation.synapse import time_constant
from chipemu.validation.testbench import bench, cells, counted_rates, dies, holding_current, one_event, set_dc, silence

N_NEURONS = 256  # of the measured core
EFFECTS = ("mismatch_within_core",)
INPUT_RATE = 200.0  # Hz, regular
DIES = tuple(range(1, 21))
_SETTLE = 0.5  # s
_REGROUPINGS = 10


@dataclass(frozen=True, eq=False)
class Spread:
    """What 256 neurons of some dies show, each (die, neuron), SI."""

    tau_mem: np.ndarray
    t_ref: np.ndarray
    tau_syn: np.ndarray
    epsp: np.ndarray
    rate: np.ndarray


def median_cv(values: np.ndarray) -> float:
    """Coefficient of variation over the neurons of a die, median over dies."""
    return float(np.median(values.std(1) / values.mean(1)))


def membrane_time_constants(
    device: DeviceSpec, point: OperatingPoint, seeds: Sequence[int], effects: Sequence[str] = EFFECTS, **die: float
) -> np.ndarray:
    """tau_mem (die, neuron) from the straight fall of V_mem, slope -U_T / (kappa tau), after a DC step [s]."""
    dc = holding_current(device, point, 200e-12)  # far above the soma gain, far below the positive feedback
    chips = dies(device, point, seeds, effects, **die)
    emulator = bench(cells(device, point, N_NEURONS), point, chips, dc=[dc] * len(seeds))
    emulator.advance(silence(emulator, _SETTLE), _SETTLE)
    set_dc(emulator, [0.0] * len(seeds))
    recording = emulator.run(silence(emulator, 10e-3), 10e-3, ("I_mem",), every=1e-3)
    return -1 / _slopes(recording.time.values, np.log(recording.I_mem.values))


def refractory_periods(device: DeviceSpec, point: OperatingPoint, seeds: Sequence[int]) -> np.ndarray:
    """t_ref (die, neuron) as the inter-spike interval under a current that charges the membrane at once [s]."""
    duration, dc = 0.2, 5e-6
    emulator = bench(cells(device, point, N_NEURONS), point, dies(device, point, seeds, EFFECTS), dc=[dc] * len(seeds))
    window = emulator.advance(silence(emulator, duration), duration, record=True)
    cell = window.run * N_NEURONS + window.neuron
    time = (window.step + window.fraction) * emulator.dt
    first, last = np.full(cell.max() + 1, np.inf), np.zeros(cell.max() + 1)
    np.minimum.at(first, cell, time)
    np.maximum.at(last, cell, time)
    return (last - first).reshape(len(seeds), -1) / (window.count - 1)


def synaptic_responses(
    device: DeviceSpec, point: OperatingPoint, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """tau_syn [s] and EPSP height [V] of every neuron (die, neuron) after one event through one AMPA word."""
    mapped = cells(device, point, N_NEURONS, words=1)
    emulator = bench(mapped, point, dies(device, point, seeds, EFFECTS))
    recording = emulator.run(one_event(1e-3), 40e-3, ("V_mem", "I_ampa"), every=5e-4)
    voltage, time = recording.V_mem.values, recording.time.values
    tau = time_constant(device, point, "ampa")
    falling = (time > 1e-3 + emulator.dt) & (time < 1e-3 + tau)
    tau_syn = -1 / _slopes(time[falling], np.log(recording.I_ampa.values[:, :, falling]))
    return tau_syn, voltage.max(2) - voltage[:, :, 0]


def driven_rates(
    device: DeviceSpec, point: OperatingPoint, words: int, seeds: Sequence[int], duration: float
) -> np.ndarray:
    """Firing rates (window of 0.1 s, die, neuron) under regular 200 Hz through some AMPA words, after settling [Hz]."""
    mapped, step = cells(device, point, N_NEURONS, words=words), 0.1
    emulator = bench(mapped, point, dies(device, point, seeds, EFFECTS), precision="float32")
    drive = np.full((len(seeds), 1), INPUT_RATE)
    emulator.advance(regular(drive, _SETTLE, emulator.dt), _SETTLE)
    windows = round(duration / step)
    return np.stack([counted_rates(emulator, regular(drive, step, emulator.dt), step) for _ in range(windows)])


def measure(
    device: DeviceSpec, point: OperatingPoint, words: int, seeds: Sequence[int], duration: float = 1.0
) -> Spread:
    """Every spread at an operating point; ``words`` is the input that gives the firing rate."""
    tau_syn, epsp = synaptic_responses(device, point, seeds)
    return Spread(
        tau_mem=membrane_time_constants(device, point, seeds),
        t_ref=refractory_periods(device, point, seeds),
        tau_syn=tau_syn,
        epsp=epsp,
        rate=driven_rates(device, point, words, seeds, duration).mean(0),
    )


def cluster_cv(rates: np.ndarray, size: int, rng: np.random.Generator) -> float:
    """CV of the mean rate of clusters, as measured: 10 random regroupings of one finite core, population-style.

    Parameters
    ----------
    rates : (window, die, neuron) array
        Firing rates.
    size
        Neurons in a cluster; divides the number of neurons.
    rng
        Regrouping.

    Returns
    -------
    float
        Mean over windows and regroupings, median over dies.
    """
    cvs = []
    for _ in range(_REGROUPINGS):
        shuffled = rates[:, :, rng.permutation(rates.shape[2])]
        clusters = shuffled.reshape(*rates.shape[:2], -1, size).mean(3)
        cvs.append((clusters.std(2) / clusters.mean(2)).mean(0))
    return float(np.median(np.mean(cvs, axis=0)))


def _slopes(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least-squares slope along the last axis."""
    centred = time - time.mean()
    return values @ centred / (centred @ centred)


def _spreads(device: DeviceSpec, rates: np.ndarray) -> list[Check]:
    lines = {line.check: line for line in targets("mismatch")}
    line = lines["rate CV"]
    point = load_point(line.operating_point, device)
    seeds = DIES[:5]
    tau_syn, epsp = synaptic_responses(device, point, seeds)
    got = {
        "tau_mem CV": 100 * median_cv(membrane_time_constants(device, point, seeds)),
        "t_ref CV": 100 * median_cv(refractory_periods(device, point, seeds)),
        "tau_syn CV": 100 * median_cv(tau_syn),
        "EPSP CV": 100 * median_cv(epsp),
        "EPSP of one word": 1e3 * float(epsp.mean()),
        "mean rate": float(rates.mean()),
        "rate CV": 100 * median_cv(rates.mean(0)),
    }
    return [lines[name].compare(value) for name, value in got.items()]


def _clusters(rates: np.ndarray) -> list[Check]:
    """CV against cluster size and window: at size 1 as it is, then scaled so that size 1 is as measured."""
    checks, rng = [], np.random.default_rng(0)
    lines = targets("rate_cv")
    for name in dict.fromkeys(line.check for line in lines):
        mine = [line for line in lines if line.check == name]
        window = _window(mine[0])
        averaged = rates.reshape(-1, window, *rates.shape[1:]).mean(1)
        got = [cluster_cv(averaged, int(line.drive), rng) for line in mine]
        scale = mine[0].expected / got[0]
        checks.append(mine[0].compare(100 * got[0]))
        checks += [line.compare(scale * cv) for line, cv in zip(mine[1:], got[1:], strict=True)]
    return checks


def _window(line: Target) -> int:
    """Integration window named in ``rate CV of clusters, window 5 s``, in units of 0.1 s."""
    return round(float(line.check.split()[-2]) / 0.1)


def _sampling(device: DeviceSpec) -> list[Check]:
    """Requested against sampled CV of many lognormal factors."""
    address = np.arange(100_000, dtype=np.uint32)
    checks = []
    for line in targets("mismatch", "sampled CV over requested"):
        factors = sample_factors(1, address, "I_tau", line.drive)
        checks.append(line.compare(factors.std() / factors.mean() / np.sqrt(np.expm1(line.drive**2))))
    return checks


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module; on a device without mismatch only the sampler's."""
    checks = _sampling(device)
    if any(device.mismatch.within_core.values()):
        line = target("mismatch", "rate CV")
        point = load_point(line.operating_point, device)
        rates = driven_rates(device, point, int(line.drive), DIES, 5.0)
        checks += _spreads(device, rates) + _clusters(rates)
    return checks
