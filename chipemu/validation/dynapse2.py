"""DYNAP-SE2 on the bench: what its masks let through and how that spreads, noise, firing, and the spread of times."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from chipemu.device import DeviceSpec, load_point
from chipemu.kernels import layout as at
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import regular
from chipemu.validation import mismatch, noise, timestep
from chipemu.validation.check import Check, target, targets
from chipemu.validation.testbench import bench, dies
from chipemu.wiring import Lanes

POINT = "se2-output"
_N_NEURONS = 256
_DIES = tuple(range(1, 21))
_FEW_DIES = _DIES[:5]
_SPREAD = ("mismatch_within_core",)


def strengths(device: DeviceSpec, weight: float, seeds: Sequence[int], effects: Sequence[str] = ()) -> np.ndarray:
    """Linear charge of one event through an AMPA synapse of some weight, (die, neuron) [pA].

    A pulse of a differential-pair integrator moves z = I + I_gain ln I by its linear charge, from whatever current I
    it finds; z is read before and after the event, and the decay of the one step between them is undone.
    """
    point = load_point(POINT, device)
    network = Network("strength")
    source, cells = network.sources("input", 1), network.population("cells", _N_NEURONS, point=POINT)
    network.project_signed(source, cells, positive="ampa", negative="gaba_b", name="weights")
    emulator = bench(map_network(network, device), point, dies(device, point, seeds, effects))
    emulator.upload({"weights": np.full(_N_NEURONS, weight)})
    lanes = Lanes(emulator.mapped)
    gain, decay = (lanes.fields(emulator.state, field) for field in (at.I_GAIN_SYN, at.DECAY))
    before = lanes.fields(emulator.state, at.I_SYN)
    emulator.advance(regular(np.full((len(seeds), 1), 1.0 / emulator.dt), emulator.dt, emulator.dt), emulator.dt)
    after = lanes.fields(emulator.state, at.I_SYN) / decay
    return after - before + gain * np.log(after / before)


def _masks(device: DeviceSpec) -> list[Check]:
    whole = strengths(device, 15, [0])[0, 0]
    lines = targets("dynapse2", "strength of a mask over a whole word")
    return [line.compare(strengths(device, line.drive, [0])[0, 0] / whole) for line in lines]


def _spread_of_masks(device: DeviceSpec) -> list[Check]:
    """Spread of ln(strength) over the neurons of many dies: its size, and its shape for a single base current."""
    checks = []
    logs = {}
    for line in targets("dynapse2", "sigma(ln strength) of a mask"):
        logs[line.drive] = np.log(strengths(device, line.drive, _DIES, _SPREAD)).ravel()
        checks.append(line.compare(logs[line.drive].std()))
    shape = target("dynapse2", "KS distance of ln(strength) from a normal")
    asked = device.mismatch.within_core["I_w0"]
    nominal = np.log(strengths(device, shape.drive, [0])[0, 0])
    distance = stats.kstest(logs[shape.drive], "norm", (nominal, asked)).statistic
    return [*checks, shape.compare(float(distance))]


def _noise(device: DeviceSpec) -> list[Check]:
    point = load_point(POINT, device)
    ratio = noise.thermal_variance(device, point) / noise.closed_form_variance(device, point, noise.HELD)
    std, time = noise.input_noise(device, point)
    got = {
        "variance of ln I_mem over closed form": ratio,
        "input noise, standard deviation": std,
        "input noise, correlation time": 1e3 * time,
    }
    return [target("dynapse2", name).compare(value) for name, value in got.items()]


def _firing(device: DeviceSpec) -> list[Check]:
    lines = targets("dynapse2", timestep.DC)
    return [line.compare(timestep.emulated_rate(device, line.check, POINT, line.drive)) for line in lines]


def _times(device: DeviceSpec) -> list[Check]:
    point = load_point(POINT, device)
    tau_syn, _ = mismatch.synaptic_responses(device, point, _FEW_DIES)
    got = {
        "t_ref CV": mismatch.median_cv(mismatch.refractory_periods(device, point, _FEW_DIES)),
        "tau_syn CV": mismatch.median_cv(tau_syn),
    }
    return [target("dynapse2", name).compare(100 * value) for name, value in got.items()]


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module."""
    return [*_masks(device), *_spread_of_masks(device), *_noise(device), *_firing(device), *_times(device)]
