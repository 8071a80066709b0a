"""The time loop of one die, and the parallel loop over many.

The event contract: within a step, delivery only sums pulse amplitude per (neuron, receptor) in the order of senders;
the nonlinear charge is evaluated once in the dense pass; a spike arrives in the next step, or later (``transit``).

Axes: r runs (die x noise seed), n neurons padded to whole blocks, e connections, p plastic synapses, q probes.
Senders are numbered inputs first, then neurons.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from chipemu.kernels import layout as at
from chipemu.kernels.block import advance, charge_synapses, draw_noise
from chipemu.kernels.dendrite import REGULATED, SHAPED, charge_dendrites, regulate, shape_dendrites
from chipemu.kernels.depression import strength
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import BLOCK, LANES
from chipemu.kernels.plastic import step_cell, step_code
from chipemu.kernels.slow import move_slow
from chipemu.kernels.store import CODE, read
from chipemu.kernels.transit import LOST, delay_pulses, deliver_pulses, hold_back, steps_held

_UNKNOWN = -1.0  # where in its step an input was sent


class Wiring(NamedTuple):
    """Who reaches whom: connections sorted by sender, shared by all runs but for their delays."""

    n_inputs: int
    offset: np.ndarray  # (senders + 1) int64, first connection of each sender
    target: np.ndarray  # (e) int64, index of the PULSE field of (neuron, receptor) in a run's state
    delay: np.ndarray  # (r, e) int32, steps by which a connection delays a pulse; (0, 0) where none does


class Events(NamedTuple):
    """Input spikes of each run, sorted by step."""

    offset: np.ndarray  # (r + 1) int64
    step: np.ndarray  # int32, counted from the first step of the call
    source: np.ndarray  # int32


class Spikes(NamedTuple):
    """Recorded spikes; ``step`` has shape (r, 0) where nothing is recorded."""

    step: np.ndarray  # (r, capacity) int32, counted from the first step of the call
    neuron: np.ndarray  # (r, capacity) int32
    fraction: np.ndarray  # (r, capacity) float32, where in the step
    count: np.ndarray  # (r, n) int32, spikes of each neuron in the call
    total: np.ndarray  # (r) int64, spikes that should have been recorded


class Probes(NamedTuple):
    """Fields to sample every ``every`` steps, after the step."""

    index: np.ndarray  # (q) int64, positions in a run's state
    every: int
    values: np.ndarray  # (r, q, samples)


class Clock(NamedTuple):
    """Chip time of each run and the constants of a call."""

    first_step: np.ndarray  # (r) int64, absolute chip time of the call's first step
    active: np.ndarray  # (r) bool, runs whose chip is on; the others keep their state and their time
    n_steps: int
    noise: bool


@kernel(inline=True)
def _deliver(X, sender, wiring, amplitude, depression, run, step, touched):
    for e in range(wiring.offset[sender], wiring.offset[sender + 1]):
        t = wiring.target[e]
        block = t // BLOCK
        receptor = (t - block * BLOCK) // LANES - at.PULSE
        touched[block] |= 1 << receptor
        X[t] += strength(X, e, t - (at.PULSE + receptor) * LANES, amplitude, depression, run, step)


@kernel(inline=True)
def _deliver_codes(X, sender, plastic, run, step, key_a, key_b, touched):
    # the synapse is read first and learns after: an event never sees its own update
    for p in range(plastic.offset[sender], plastic.offset[sender + 1]):
        lane = plastic.lane[p]
        code = plastic.code[run, p]
        receptor = at.AMPA if code > 0 else at.GABA_B
        X[lane + (at.PULSE + receptor) * LANES] += real(abs(code), X[lane]) * plastic.word[run, p]
        touched[lane // BLOCK] |= 1 << receptor
        if plastic.learn[run] != 0:
            step_code(X, plastic, run, p, step, key_a, key_b)


@kernel
def _deliver_cells(X, sender, plastic, store, run, step, key_a, key_b, touched):
    for p in range(plastic.offset[sender], plastic.offset[sender + 1]):
        lane = plastic.lane[p]
        weight = read(store, run, p, plastic.code[run, p], plastic.address[p], step, key_a, key_b)
        receptor = at.AMPA if weight > 0 else at.GABA_B
        X[lane + (at.PULSE + receptor) * LANES] += abs(weight) * plastic.word[run, p]
        touched[lane // BLOCK] |= 1 << receptor
        if plastic.learn[run] != 0:
            step_cell(X, plastic, store, run, p, step, key_a, key_b)


# What hands an event on is copied into its caller: a call would pass every array of every tuple by value, which costs
# more than the event.
@kernel(inline=True)
def _deliver_plastic(X, sender, plastic, store, run, step, key_a, key_b, touched):
    if store.kind == CODE:
        _deliver_codes(X, sender, plastic, run, step, key_a, key_b, touched)
    else:
        _deliver_cells(X, sender, plastic, store, run, step, key_a, key_b, touched)


@kernel(inline=True)
def _arrive(X, sender, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched):
    if transit.pulse.shape[1] > 1:
        delay_pulses(X, sender, wiring, amplitude, depression, transit, run, step, touched)
    else:
        _deliver(X, sender, wiring, amplitude, depression, run, step, touched)
    _deliver_plastic(X, sender, plastic, store, run, step, key_a, key_b, touched)


@kernel(inline=True)
def _send(
    X, sender, fraction, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched
):
    if transit.held.shape[1] > 1:
        held = steps_held(transit, run, sender, step, fraction, key_a, key_b)
        if held > 0:
            hold_back(transit, run, sender, step + held)
        if held > 0 or held == LOST:
            return
    _arrive(X, sender, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched)


@kernel
def _arrive_held(X, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched):
    row = step % transit.held.shape[1]
    transit.n_held[run, row] = 0
    for sender in range(transit.held.shape[2]):
        for _ in range(transit.held[run, row, sender]):
            _arrive(X, sender, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched)
        transit.held[run, row, sender] = 0


@kernel
def _run_die(
    X, pending, touched, addresses, run, clock, keys, floor, slow, wiring, amplitude, events, plastic, store, features,
    depression, transit, spikes, probes,
):  # fmt: skip
    n_blocks = X.size // BLOCK
    key_a = keys[0]
    key_b = keys[1]
    cursor = events.offset[run]
    recorded = 0
    capacity = spikes.step.shape[1]
    for k in range(clock.n_steps):
        step = clock.first_step[run] + k
        if transit.pulse.shape[1] > 1:
            deliver_pulses(X, transit, run, step, touched)
        if transit.n_held[run, step % transit.n_held.shape[1]] > 0:
            _arrive_held(X, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched)
        while cursor < events.offset[run + 1] and events.step[cursor] == k:
            _send(
                X, events.source[cursor], _UNKNOWN, wiring, amplitude, plastic, store, depression, transit,
                run, step, key_a, key_b, touched,
            )  # fmt: skip
            cursor += 1
        for b in range(n_blocks):
            if pending[b] > 0:
                for lane in range(LANES):
                    if X[b * BLOCK + at.SPIKE * LANES + lane] != 0:
                        _send(
                            X, wiring.n_inputs + b * LANES + lane,
                            np.float64(X[b * BLOCK + at.SPIKE_FRACTION * LANES + lane]),
                            wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b, touched,
                        )  # fmt: skip
        half = step % 2
        ticks = slow.state.shape[1] > 0 and step % slow.every == 0
        for b in range(n_blocks):
            base = b * BLOCK
            if ticks:
                move_slow(X, base, b, slow, run, addresses, step, key_a, key_b)
            if clock.noise and (half == 0 or k == 0):
                draw_noise(X, base, addresses, b * LANES, np.uint64(step // 2), key_a, key_b)
            if touched[b] != 0:
                if features[b] & SHAPED:
                    touched[b] = charge_dendrites(X, base, touched[b])
                charge_synapses(X, base, touched[b])
                touched[b] = 0
            if features[b] & SHAPED:
                shape_dendrites(X, base, floor[0])
            pending[b] = advance(X, base, half, floor[0], floor[1])
            if features[b] & REGULATED:
                regulate(X, base, floor[0])
        for b in range(n_blocks):
            if pending[b] > 0:
                for lane in range(LANES):
                    if X[b * BLOCK + at.SPIKE * LANES + lane] != 0:
                        neuron = b * LANES + lane
                        spikes.count[run, neuron] += 1
                        if recorded < capacity:
                            spikes.step[run, recorded] = k
                            spikes.neuron[run, recorded] = neuron
                            spikes.fraction[run, recorded] = X[b * BLOCK + at.SPIKE_FRACTION * LANES + lane]
                        recorded += 1
        if probes.every > 0 and (k + 1) % probes.every == 0:
            for q in range(probes.index.size):
                probes.values[run, q, (k + 1) // probes.every - 1] = X[probes.index[q]]
    spikes.total[run] = recorded


@kernel(parallel=True)
def run_dies(
    X, pending, addresses, clock, keys, floor, slow, wiring, amplitude, events, plastic, store, features, depression,
    transit, spikes, probes,
):  # fmt: skip
    """Advance every run by ``clock.n_steps``; runs share nothing, so any batch and thread count gives the same bits.

    Parameters
    ----------
    X : (r, n_blocks * BLOCK) float32 or float64, state and parameters, advanced in place
    pending : (r, n_blocks) int32, spikes of the last step still to be delivered
    addresses : (n) uint32, core * 65536 + neuron, the address of the noise
    keys : (r, 2) uint64, (noise seed, die seed)
    floor : (r, 2) of X's type: leakage floor I0 [pA] and ln(I0 / pA), which rise with temperature
    slow : flicker and supply noise, part of the state
    amplitude : (r, e) of X's type, words with their slot spread
    features : (n_blocks) int32, bits of ``dendrite``: what some blocks do beyond the rest
    depression : connections whose events find less than their whole weight
    transit : events and pulses on their way, part of the state
    """
    touched = np.zeros((X.shape[0], X.shape[1] // BLOCK), np.int64)
    for run in prange(X.shape[0]):
        if clock.active[run]:
            _run_die(
                X[run], pending[run], touched[run], addresses, run, clock, keys[run], floor[run], slow,
                wiring, amplitude[run], events, plastic, store, features, depression, transit, spikes, probes,
            )  # fmt: skip
