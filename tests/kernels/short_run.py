"""Fifty steps of everything a kernel does; run as a script it writes what it saw, e.g. under NUMBA_DISABLE_JIT=1."""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from chipemu.chip import sample_chip
from chipemu.device import DeviceSpec, load_device, load_point
from chipemu.emulator import Emulator
from chipemu.kernels.random import fill_normals, fill_uniforms, philox
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.plasticity import DIFFERENTIAL_HEBBIAN
from chipemu.stimulus import EventList, poisson, regular
from chipemu.validation.se2 import POINT, bench_point
from chipemu.validation.testbench import set_dc

DT, DURATION = 1e-4, 5e-3  # 50 steps
RUNS = {"float64": (5e-6, 60), "float32": (10e-12, 12)}  # constant current [A], events: spiking, and without a spike


STORES = {
    "memristive": "float64",
    "memristive-rram": "float32",
    "memristive-cmo": "float64",
    "bistable": "float64",
    "dynapse1-extended": "float64",
}


def small(device: DeviceSpec) -> DeviceSpec:
    """A device of one core of 36 neurons: interpreted, a whole die takes many seconds to draw."""
    return dataclasses.replace(device, chip=dataclasses.replace(device.chip, n_cores=1, n_neurons_per_core=36))


def emulator(precision: str, dc: float, name: str = "dynapse1-plastic") -> Emulator:
    """Two noisy, mismatched dies with fixed, recurrent and plastic synapses through every receptor."""
    device, net = small(load_device(name)), Network("short")
    # so that about one event in three steps a code
    device = dataclasses.replace(device, plastic=dataclasses.replace(device.plastic, balance=1.0, step_charge=0.06e-12))
    # so that a fifth of the events is lost and half of the others late
    device = dataclasses.replace(device, noise=dataclasses.replace(device.noise, event_jitter=50e-6, event_loss=0.01))
    inputs, cells = net.sources("inputs", 4), net.population("cells", 16, point="mismatch-fit")
    net.project(inputs, cells, receptor="nmda", words=2)
    net.project(inputs, cells, receptor="gaba_a", words=3)
    net.project(cells, cells, receptor="ampa", pairs="one")
    net.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="weights", store="plastic")
    dies = [sample_chip(device, seed, without=["dead"], scale={"event_loss": 20}) for seed in (1, 2)]
    point = load_point("mismatch-fit", device)
    point = dataclasses.replace(point, biases={**point.biases, "IF_RFR_N": 1.05e-9})  # 1 ms: ends within the run
    emulator = Emulator(dies, map_network(net, device), points={point.name: point}, precision=precision)
    if device.traces is not None:
        emulator.set_rule("weights", DIFFERENTIAL_HEBBIAN)
    emulator.upload({"weights": np.random.default_rng(0).integers(-15, 16 if dc > 1e-9 else 1, 64)})
    set_dc(emulator, [dc, dc])
    return emulator


def latched(precision: str, dc: float) -> Emulator:
    """Two dies whose dendrites, gains and synapses do all that latches can switch on."""
    device, net = small(load_device(Path(__file__).parents[1] / "latched.toml")), Network("latched")
    latches = ("alpha_ampa", "alpha_nmda", "conductance_ampa", "conductance_nmda", "homeostasis_ampa", "dc")
    inputs, cells = net.sources("inputs", 4), net.population("cells", 16, point=POINT, latches=latches)
    net.project(inputs, cells, receptor="ampa", words=2, stp=True, delay="mismatched")
    net.project(inputs, cells, receptor="nmda")
    net.project(cells, cells, receptor="gaba_a", pairs="one", stp=True)
    # a dead time of 1 ms, and a delay of 0.5 ms
    point = bench_point(device, {"I_dc": dc, "I_ref": 1.05e-9, "I_delay_mismatched": 0.7e-9})
    dies = [sample_chip(device, seed) for seed in (1, 2)]
    return Emulator(dies, map_network(net, device), points={POINT: point}, precision=precision)


def events(n: int) -> EventList:
    """Input spikes in random steps, some of them together."""
    time = np.sort(np.random.default_rng(1).integers(0, 50, n)) * DT
    return EventList(time, np.arange(n) % 4)


def short_run() -> dict[str, np.ndarray]:
    """State, counts and random numbers by name; names of floating results end in the precision."""
    seen = {}
    for precision, (dc, n_events) in RUNS.items():
        chip = emulator(precision, dc)
        drive = events(n_events).events(2, DURATION, DT, 4)
        window = chip.advance(drive, DURATION, record=True, learn=np.ones(2, bool))
        seen[f"state_{precision}"] = chip.state
        seen[f"count_{precision}"] = window.count
        seen[f"spikes_{precision}"] = np.stack([window.run, window.step, window.neuron])
        seen[f"codes_{precision}"] = chip.weights()["weights"]
        chip = latched(precision, dc)
        seen[f"count_latched_{precision}"] = chip.advance(drive, DURATION).count
        seen[f"state_latched_{precision}"] = chip.state
        seen[f"resource_latched_{precision}"] = chip._depression.resource
    for name, precision in STORES.items():
        chip = emulator(precision, RUNS["float64"][0], name)
        chip.age(100.0)
        chip.advance(events(60).events(2, DURATION, DT, 4), DURATION, learn=np.ones(2, bool))
        seen[f"codes_{name}"] = chip.weights()["weights"]
        seen[f"weights_{name}_{precision}"] = chip.read_weights()["weights"]
    words = [philox(*(np.uint64(i * k) for k in (1, 2, 3, 4, 5, 6))) for i in range(20)]
    seen["philox"] = np.array(words, np.uint64)
    seen["normals_float64"] = np.empty(20)
    fill_normals(np.arange(20, dtype=np.uint32), 3, 4, 5, 6, seen["normals_float64"])
    seen["uniforms_float64"] = np.empty(20)
    fill_uniforms(np.arange(20, dtype=np.uint32), 3, 4, 5, 6, seen["uniforms_float64"])
    for name, trains in (
        ("regular", regular([[150.0, 333.0]], 0.02, DT)),
        ("poisson", poisson([[900.0, 400.0]], 0.02, DT, seed=1)),
    ):
        seen[name] = np.stack([trains.step, trains.source])
    return seen


if __name__ == "__main__":
    np.savez(sys.argv[1], **short_run())
