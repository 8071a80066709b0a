"""Weight stores against their laws: moments of programming, drift and read noise, droop and refresh of a capacitor.

Each effect acts alone on many synapses that hold one code; the laws are those of `chipemu.store` with the numbers of
the device file, evaluated apart from the kernel that draws and ages the weights.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from scipy import constants, stats

from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.emulator import Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.store import Capacitor, Cmo, Pcm, Rram, noise_growth
from chipemu.validation.check import Check, Target, target, targets
from chipemu.validation.testbench import bench, dies

_SOURCES, _NEURONS, _DIES = 60, 250, (1, 2)  # 30 000 synapses
DAY, WEEK = constants.day, constants.week
WEIGHTS = "weights"


def programmed(device: DeviceSpec, point: OperatingPoint, code: int, *effects: str) -> Emulator:
    """Many synapses that were just written with one code, on dies where only ``effects`` act."""
    net = Network("store")
    sources, cells = net.sources("inputs", _SOURCES), net.population("cells", _NEURONS, point=point.name)
    plastic = device.plastic
    net.project_signed(
        sources, cells, positive=plastic.positive, negative=plastic.negative, name=WEIGHTS, store="plastic"
    )
    emulator = bench(map_network(net, device), point, dies(device, point, _DIES, effects))
    emulator.program({WEIGHTS: np.full(_SOURCES * _NEURONS, code)})
    return emulator


def aged(emulator: Emulator, duration: float) -> np.ndarray:
    """Conductances on the side of the code's sign after a further idle time [S]."""
    emulator.age(duration)
    return emulator.conductances()[WEIGHTS][:, :, 0].ravel()


def _code(device: DeviceSpec, line: Target) -> int:
    return max(1, round(line.drive * device.plastic.code_max))


def _asked(device: DeviceSpec, code: int) -> float:
    """Conductance asked for by a code [S]."""
    return float(device.store.target(device.plastic.code_max)[code])


def _programming_sigma(store: Pcm | Rram | Cmo, G: float) -> float:
    """Standard deviation of the programming error by the law [S]."""
    if isinstance(store, Cmo):
        return float(store.programming_sigma(G))
    g = G / store.G_max
    return float(store.spread(g)[0] if isinstance(store, Rram) else store.programming_sigma(g))


def _programming(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    for line in targets("store", "programming sigma over law"):
        code = _code(device, line)
        G = aged(programmed(device, point, code, "programming_noise"), 0.0)
        asked = _asked(device, code)
        sigma = _programming_sigma(device.store, asked)
        yield line.compare(G.std() / sigma)
        yield _line("programming mean over target", line.drive).compare(G.mean() / asked)
        distance = _line("programming error, KS distance from the normal law", line.drive)
        yield distance.compare(stats.kstest((G - asked) / sigma, "norm").statistic)


def _line(check: str, drive: float) -> Target:
    (line,) = (line for line in targets("store", check) if line.drive == drive)
    return line


def drift_exponents(device: DeviceSpec, point: OperatingPoint, code: int) -> np.ndarray:
    """Exponent nu of every synapse, from the slope of ln G against ln t between an hour and a week."""
    store, emulator = device.store, programmed(device, point, code, "conductance_drift")
    early, late = aged(emulator, constants.hour), aged(emulator, WEEK - constants.hour)
    return -np.log(late / early) / np.log((store.t_0 + WEEK) / (store.t_0 + constants.hour))


def _exponents(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    for line in targets("store", "drift exponent, mean over law"):
        code = _code(device, line)
        got = drift_exponents(device, point, code)
        mean, sigma = device.store.drift_exponent(_asked(device, code) / device.store.G_max)
        law = stats.foldnorm(mean / sigma, scale=sigma)  # a drawn exponent enters by its size
        yield line.compare(got.mean() / law.mean())
        yield _line("drift exponent, sigma over law", line.drive).compare(got.std() / law.std())
        distance = _line("drift exponent, KS distance from the law", line.drive)
        yield distance.compare(stats.kstest(got, law.cdf).statistic)


def _spreads(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    """RRAM: the spread around the target at the times at which it was measured."""
    store = device.store
    for line in targets("store", "spread after the first time over law"):
        code = _code(device, line)
        emulator = programmed(device, point, code, "programming_noise", "conductance_drift")
        law = store.spread(_asked(device, code) / store.G_max)
        yield line.compare(aged(emulator, store.times[0]).std() / law[1])
        late = _line("spread after the second time over law", line.drive)
        yield late.compare(aged(emulator, store.times[1] - store.times[0]).std() / law[2])


def _line_in_log_time(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    """CMO: mean and spread of the drift after a day."""
    store, line = device.store, target("store", "drift after a day, mean over law")
    code = _code(device, line)
    change = aged(programmed(device, point, code, "conductance_drift"), DAY) - _asked(device, code)
    log_t = np.log(1 + DAY / store.t_0)
    yield line.compare(change.mean() / (store.drift_mean * log_t))
    sigma = store.drift_sigma[0] * log_t + store.drift_sigma[1]
    yield target("store", "drift after a day, sigma over law").compare(change.std() / sigma)


def _read_sigma(store: Pcm | Rram | Cmo, G: float, age: float) -> float:
    """Standard deviation of the read noise by the law [S]."""
    if isinstance(store, Rram):
        return store.read_sigma * store.G_max
    growth = float(noise_growth(store.t_0 + age, store.t_read))
    if isinstance(store, Cmo):
        return float(store.read_sigma(G)) * growth
    return G * float(store.read_sigma(G / store.G_max)) * growth


def _reading(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    for line in targets("store", "read noise after a day over law"):
        code = _code(device, line)
        G = aged(programmed(device, point, code, "read_noise"), DAY)
        yield line.compare(G.std() / _read_sigma(device.store, _asked(device, code), DAY))


def _compensation(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    line = target("store", "mean weight after a week with compensation")
    emulator = programmed(device, point, _code(device, line), "programming_noise", "conductance_drift", "read_noise")
    before = emulator.read_weights()
    emulator.age(WEEK)
    emulator.compensate(before)
    emulator.age(1.0)  # so that the noise is not that of the reading that gave the gain
    yield line.compare(np.abs(emulator.read_weights()[WEIGHTS]).mean() / np.abs(before[WEIGHTS]).mean())


def _voltages(emulator: Emulator) -> np.ndarray:
    """Voltage over the middle of the two levels, (run, synapse) [V]."""
    device = emulator.mapped.device
    return emulator.read_weights()[WEIGHTS] / device.store.codes_per_volt(device.plastic.code_max)


def droop_rate(device: DeviceSpec, point: OperatingPoint, duration: float) -> float:
    """Mean dV/dt over an idle time, from the upper level with the bistable circuit switched off [V/s]."""
    alone = dataclasses.replace(device, store=dataclasses.replace(device.store, I_refresh=0.0))
    emulator = programmed(alone, point, device.plastic.code_max, "weight_leak")
    before = _voltages(emulator)
    emulator.age(duration)
    return float((_voltages(emulator) - before).mean() / duration)


def refreshed(device: DeviceSpec, point: OperatingPoint) -> float:
    """Share of synapses, a third of them above the threshold, that end at the level on their side."""
    store, top = device.store, device.plastic.code_max
    emulator = programmed(device, point, 0, "weight_leak")
    threshold = store.threshold(top)
    written = np.resize([round(threshold) + 2, round(threshold) - 2, -top], _SOURCES * _NEURONS)
    emulator.program({WEIGHTS: written})
    emulator.age(2 * (store.V_high - store.V_low) * store.C / (store.I_refresh - store.I_leak))
    return float(np.mean(emulator.weights()[WEIGHTS] == np.where(written > threshold, top, -top)))


def _capacitor(device: DeviceSpec, point: OperatingPoint) -> Iterator[Check]:
    store = device.store
    if store.I_leak > 0:
        line = target("store", "droop of a capacitor over I_leak / C")
        duration = 0.2 * (store.V_high - store.V_low) * store.C / store.I_leak
        yield line.compare(droop_rate(device, point, duration) / (-store.I_leak / store.C))
    if store.I_refresh > store.I_leak:
        yield target("store", "share refreshed to the right level").compare(refreshed(device, point))


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module; none on a device whose codes act by themselves."""
    if device.store is None:
        return []
    point = load_point(targets("store")[0].operating_point, device)
    pairs: tuple[Callable[[DeviceSpec, OperatingPoint], Iterator[Check]], ...] = (
        _programming,
        {Pcm: _exponents, Rram: _spreads, Cmo: _line_in_log_time}.get(type(device.store)),
        _reading,
        _compensation,
    )
    measures = (_capacitor,) if isinstance(device.store, Capacitor) else pairs
    return [check for measure in measures for check in measure(device, point)]
