"""The works in Rockpool's DynapSim (JAX), run by `peers.py` in an interpreter that has it: the same graph and inputs.

Work A is one compiled evolution, work B one over many draws of mismatch at once (``vmap``). The neurons are DynapSim's
own, with its own spread of 20 %: one synapse state instead of four (weights are signed), no NMDA gate, dense recurrent
weights. Rates are therefore not those of chipemu; the work of a dense network does not depend on them.
"""

import argparse
import os
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import rockpool
from peer_talk import serve, start_of_process
from rockpool.devices.dynapse import DynapSim
from rockpool.devices.dynapse.simulation import frozen_mismatch_prototype
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import LinearJax
from rockpool.transform.mismatch import mismatch_generator

SPREAD = 0.2
GAIN = 0.45 * np.array([1.0, 1.0, -0.55, -0.55], np.float32)  # weight of one synapse by receptor


def build(die, dt: float, frozen: bool):
    """Input weights and neurons; with ``frozen`` one draw of mismatch, else none yet. ``dt`` in ms."""
    n_inputs, n = int(die["n_inputs"]), int(die["n_neurons"])
    weights = np.zeros((n_inputs + n, n), np.float32)
    spread = np.random.default_rng(3).lognormal(0, SPREAD, len(die["pre"]))
    np.add.at(weights, (die["pre"], die["post"]), GAIN[die["receptor"]] * spread)
    cells = DynapSim(
        (n, n),
        w_rec=jnp.asarray(weights[n_inputs:]),
        percent_mismatch=SPREAD if frozen else None,
        has_rec=True,
        dt=dt * 1e-3,
        rng_key=jax.random.PRNGKey(0),
    )
    return Sequential(LinearJax((n_inputs, n), weight=jnp.asarray(weights[:n_inputs]), has_bias=False), cells)


def raster(die, dt: float, duration: float):
    """Input spikes, (1, step, input); ``dt`` in ms, ``duration`` in s."""
    n_steps = round(duration * 1e3 / dt)
    step = np.floor(die["input_step"] * float(die["grid"]) * 1e3 / dt + 1e-6).astype(np.int64)
    shown = np.zeros((1, n_steps, int(die["n_inputs"])), np.float32)
    inside = step < n_steps
    shown[0, step[inside], die["input_source"][inside]] = 1.0
    return jnp.asarray(shown)


def evolution(die, dt: float, duration: float):
    """A compiled callable that returns the spikes of every die."""
    n_dies, drive = int(die["n_dies"]), raster(die, dt, duration)
    network = build(die, dt, frozen=n_dies == 1)
    if n_dies == 1:
        evolve = jax.jit(lambda module, shown: module(shown, record=False)[0])
        return lambda: evolve(network, drive)
    draw = mismatch_generator(frozen_mismatch_prototype(network), percent_deviation=SPREAD)

    def one(key, shown):
        return network.set_attributes(draw(network, rng_key=key))(shown, record=False)[0][0]

    every = jax.jit(jax.vmap(one, in_axes=(0, None)))
    keys = jax.random.split(jax.random.PRNGKey(7), n_dies)
    return lambda: every(keys, drive)


def main() -> None:
    """Compile one work at one step and run it as often as the driver asks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arrays")
    parser.add_argument("--dt", type=float, required=True, help="ms")
    parser.add_argument("--duration", type=float, help="s; by default that of the work")
    options = parser.parse_args()
    die = dict(np.load(options.arrays))
    evolve = evolution(die, options.dt, options.duration or float(die["duration"]))

    def run():
        start = time.process_time(), time.perf_counter()
        spikes = np.asarray(jax.block_until_ready(evolve()))
        taken = time.process_time() - start[0], time.perf_counter() - start[1]
        return {"cpu_s": taken[0], "wall_s": taken[1], "n_spikes": int(spikes.sum())}

    serve(run, start_of_process(), f"rockpool {rockpool.__version__}, jax {jax.__version__}")


if __name__ == "__main__":
    main()
