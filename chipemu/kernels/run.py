"""The parallel loop over many dies."""

import numpy as np
from numba import prange

from chipemu.kernels.die import run_die
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import BLOCK, LANES, PULSES
from chipemu.kernels.lesson import attend


@kernel(parallel=True)
def run_dies(
    X, pending, addresses, clock, keys, floor, slow, wiring, amplitude, events, plastic, store, features, depression,
    transit, spikes, probes, lesson,
):  # fmt: skip
    """Advance every run by ``clock.n_steps``; runs share nothing, so any batch and thread count gives the same bits.

    Parameters
    ----------
    X : (r, n_blocks * BLOCK) float32 or float64, state and parameters, advanced in place
    pending : (r, n_blocks) int32, above 0 where a neuron may have spiked in the last step
    addresses : (n) uint32, core * 65536 + neuron, the address of the noise
    keys : (r, 2) uint64, (noise seed, die seed)
    floor : (r, 2) of X's type: leakage floor I0 [pA] and ln(I0 / pA), which rise with temperature
    slow : flicker and supply noise, part of the state
    amplitude : (r, e) of X's type, words with their slot spread
    features : (n_blocks) int32, bits of ``dendrite``: what some blocks do beyond the rest
    depression : connections whose events find less than their whole weight
    transit : events and pulses on their way, part of the state
    lesson : presentations that every run attends in place of ``events``, if there are any
    """
    n_blocks = X.shape[1] // BLOCK
    pulse = np.zeros((X.shape[0], n_blocks * PULSES), X.dtype)
    places = np.empty((X.shape[0], n_blocks * PULSES + 1), np.int32)
    fired = np.empty((X.shape[0], n_blocks * LANES), np.int32)
    work = np.ones((X.shape[0], 3 * LANES), X.dtype)
    before = np.empty((X.shape[0], 4 * LANES), X.dtype)
    flags = np.empty((X.shape[0], 2 * LANES), np.int32)
    for run in prange(X.shape[0]):
        if clock.active[run] and lesson.order.shape[1] > 0:
            attend(
                X[run], pending[run], pulse[run], places[run], fired[run], work[run], before[run], flags[run],
                addresses, run, clock, keys[run], floor[run], slow, wiring, amplitude[run], plastic, store, features,
                depression, transit, spikes, probes, lesson,
            )  # fmt: skip
        elif clock.active[run]:
            run_die(
                X[run], pending[run], pulse[run], places[run], fired[run], work[run], before[run], flags[run],
                addresses, run, clock.first_step[run], clock.n_steps, clock, keys[run], floor[run], slow, wiring,
                amplitude[run], events, plastic, store, features, depression, transit, spikes, probes,
            )  # fmt: skip
