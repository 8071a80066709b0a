"""The works in Brian2, run by `peers.py` in an interpreter that has Brian2: the same neurons, dies and inputs.

Synapses and membrane are integrated by forward Euler, all dies side by side in one group. With ``--target cpp`` the
network becomes a C++ program (standalone, no OpenMP) whose own CPU time is measured.

Left out: the gain law of the DPI (a pulse adds its linear charge), and slow noise.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time

import brian2 as b2
import numpy as np
from peer_talk import serve, start_of_process

RECEPTORS = ("ampa", "nmda", "gaba_a", "gaba_b")
MODEL = """
dImem/dt = x*(Iin*I_gain/(I_gain + x) - I_tau - x_ahp - x_gaba_a + Ifb)/(charge_unit*ms) : 1 (unless refractory)
dIahp/dt = -Iahp/tau_ahp : 1
dIampa/dt = -Iampa/tau_ampa : 1
dInmda/dt = -Inmda/tau_nmda : 1
dIgaba_a/dt = -Igaba_a/tau_gaba_a : 1
dIgaba_b/dt = -Igaba_b/tau_gaba_b : 1
x = clip(Imem, I_floor, 1e9) : 1
x_ahp = clip(Iahp - I_floor, 0, 1e9) : 1
x_gaba_a = clip(Igaba_a - I_floor, 0, 1e9) : 1
x_nmda = clip(Inmda - I_floor, 0, 1e9) : 1
difference = clip(Iampa, I_floor, 1e9) - clip(Igaba_b, I_floor, 1e9) : 1
Iin = clip((x_nmda*x/(x + I_nmda_thr) + difference + I_dc)*factor, I_floor, 1e9) : 1
Ifb = I_fb_gain/(1 + exp((I_fb_th - x)*fb_inv_norm)) : 1
tau_ahp : second (constant)
tau_ampa : second (constant)
tau_nmda : second (constant)
tau_gaba_a : second (constant)
tau_gaba_b : second (constant)
t_ref : second (constant)
"""
PLAIN = (
    "I_gain", "I_tau", "I_dc", "I_nmda_thr", "I_fb_gain", "I_fb_th", "fb_inv_norm", "charge_unit", "I_thr", "I_reset",
    "ahp_jump",
)  # fmt: skip
TIMES = ("tau_ahp", *(f"tau_{name}" for name in RECEPTORS), "t_ref")
QUIET, NOISY = "factor = 1 : 1\n", "factor = 1 + ou : 1\nou : 1\nmembrane_kick : 1 (constant)\nou_kick : 1 (constant)\n"
KICKS = "Imem = Imem*exp(membrane_kick*randn())\nou = ou_keep*ou + ou_kick*randn()"


def neurons(die, noise: bool, dt: float):
    """All neurons of all dies; ``dt`` in ms."""
    model = MODEL + "".join(f"{name} : 1 (constant)\n" for name in PLAIN) + (NOISY if noise else QUIET)
    floor = float(die["floor"])
    names = {"I_floor": floor, "ou_keep": float(np.exp(-dt / die["tau_noise"]))}
    group = b2.NeuronGroup(
        die["I_tau"].size,
        model,
        threshold="Imem > I_thr",
        reset="Imem = I_reset; Iahp += ahp_jump",
        refractory="t_ref",
        method="euler",
        namespace=names,
    )
    for name in ("Imem", "Iahp", *(f"I{receptor}" for receptor in RECEPTORS)):
        setattr(group, name, floor)
    for name in PLAIN:
        setattr(group, name, die[name].ravel())
    for name in TIMES:
        setattr(group, name, die[name].ravel() * b2.ms)
    if noise:
        in_file = float(die["grid"]) * 1e3
        group.membrane_kick = die["membrane_kick"].ravel() * np.sqrt(dt / in_file)
        stationary = die["ou_kick"] / np.sqrt(1 - die["ou_keep"] ** 2)
        group.ou_kick = stationary.ravel() * np.sqrt(1 - names["ou_keep"] ** 2)
        group.run_regularly(KICKS, dt=dt * b2.ms)
    return group


def inputs(die, dt: float):
    """Input spikes on the time grid; at most one a step and input, as Brian2 asks."""
    step = np.floor(die["input_step"] * float(die["grid"]) * 1e3 / dt + 1e-6).astype(np.int64)
    n = int(die["n_inputs"])
    step, source = np.divmod(np.unique(step * n + die["input_source"]), n)
    return b2.SpikeGeneratorGroup(n, source, (step + 1e-4) * dt * b2.ms)


def synapses(die, source, group):
    """One object for each receptor from inputs and from neurons."""
    n_inputs, n, n_dies = int(die["n_inputs"]), int(die["n_neurons"]), int(die["n_dies"])
    shift = (np.arange(n_dies) * n)[:, None]
    for from_inputs in (True, False):
        for r, receptor in enumerate(RECEPTORS):
            chosen = ((die["pre"] < n_inputs) == from_inputs) & (die["receptor"] == r)
            pre = die["pre"][chosen][None] + (0 * shift if from_inputs else shift - n_inputs)
            links = b2.Synapses(source if from_inputs else group, group, "w : 1", on_pre=f"I{receptor}_post += w")
            links.connect(i=pre.ravel(), j=(die["post"][chosen][None] + shift).ravel())
            links.w = die["weight"][:, chosen].ravel()
            yield links


def build(die, dt: float, noise: bool):
    """Network and its spike monitor."""
    b2.defaultclock.dt = dt * b2.ms
    group, source = neurons(die, noise, dt), inputs(die, dt)
    monitor = b2.SpikeMonitor(group)
    return b2.Network(group, source, monitor, *synapses(die, source, group)), monitor


def in_process(network, monitor, duration: float):
    """A run with generated NumPy or Cython code; returns a callable that reports one run."""
    network.store()

    def run():
        network.restore()
        start = time.process_time(), time.perf_counter()
        network.run(duration * b2.second)
        taken = time.process_time() - start[0], time.perf_counter() - start[1]
        return {"cpu_s": taken[0], "wall_s": taken[1], "n_spikes": int(monitor.num_spikes)}

    return run


def standalone(network, duration: float, folder: str):
    """A compiled program; returns a callable that reports one run of it, with the time of its loop apart."""
    network.run(duration * b2.second)
    b2.device.build(run=False, compile=True, directory=folder, debug=False)

    def run():
        before, start = _children(), time.perf_counter()
        subprocess.run(["./main"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        with open(os.path.join(folder, "results", "last_run_info.txt")) as file:
            loop = float(file.read().split()[0])
        results = os.listdir(os.path.join(folder, "results"))
        name = next(name for name in results if name.startswith("_dynamic_array_spikemonitor_i_"))
        n_spikes = os.path.getsize(os.path.join(folder, "results", name)) // 4
        return {"cpu_s": _children() - before, "wall_s": wall, "loop_wall_s": loop, "n_spikes": n_spikes}

    return run


def _children() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def main() -> None:
    """Build one work at one step and run it as often as the driver asks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arrays")
    parser.add_argument("--dt", type=float, required=True, help="ms")
    parser.add_argument("--target", choices=("cpp", "cython", "numpy"), default="cpp")
    parser.add_argument("--noise", action="store_true")
    options = parser.parse_args()
    die = dict(np.load(options.arrays))
    folder = tempfile.mkdtemp(prefix="brian2-")
    try:
        if options.target == "cpp":
            b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
            b2.prefs.devices.cpp_standalone.openmp_threads = 0
        else:
            b2.prefs.codegen.target = options.target
        network, monitor = build(die, options.dt, options.noise)
        duration = float(die["duration"])
        if options.target == "cpp":
            run = standalone(network, duration, folder)
        else:
            run = in_process(network, monitor, duration)
        serve(run, start_of_process(), f"brian2 {b2.__version__}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
