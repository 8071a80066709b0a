"""The time loop of one die.

The event contract: within a step, delivery only sums pulse amplitude per (neuron, receptor) in the order of senders;
the nonlinear charge is evaluated once in the dense pass; a spike arrives in the next step, or later (``transit``).

Axes: r runs (die x noise seed), n neurons padded to whole blocks, e connections, p plastic synapses, q probes.
Senders are numbered inputs first, then neurons.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.block import advance_noisy, advance_quiet, charge_synapses, draw_noise, gather
from chipemu.kernels.dendrite import DENDRITES, REGULATED, SENSED, SHAPED, charge_dendrite, regulate, shape_dendrites
from chipemu.kernels.depression import strength
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import BLOCK, LANES, PULSES
from chipemu.kernels.plastic import step_cell, step_code
from chipemu.kernels.slow import move_slow
from chipemu.kernels.store import CODE, read
from chipemu.kernels.transit import LOST, delay_pulses, deliver_pulses, hold_back, steps_held

_UNKNOWN = -1.0  # where in its step an input was sent


class Wiring(NamedTuple):
    """Who reaches whom: connections sorted by sender, shared by all runs but for their delays."""

    n_inputs: int
    offset: np.ndarray  # (senders + 1) int64, first connection of each sender
    target: np.ndarray  # (e) int32, place of (neuron, receptor) in a run's pulses
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
    n_steps: int  # of a call without lessons
    noise: bool
    inject: float  # 1, or 0 where feedback currents are sensed but not injected


@kernel(inline=True)
def _deliver(X, pulse, places, n, sender, wiring, amplitude, depression, run, step):
    for e in range(wiring.offset[sender], wiring.offset[sender + 1]):
        n = gather(
            pulse, places, n, wiring.target[e], strength(X, e, wiring.target[e], amplitude, depression, run, step)
        )
    return n


@kernel(inline=True)
def _deliver_codes(X, pulse, places, n, sender, plastic, run, step, key_a, key_b):
    # the synapse is read first and learns after: an event never sees its own update
    for p in range(plastic.offset[sender], plastic.offset[sender + 1]):
        code = plastic.code[run, p]
        t = plastic.target[p] + (at.AMPA if code > 0 else at.GABA_B) * LANES
        n = gather(pulse, places, n, t, real(abs(code), X[0]) * plastic.word[run, p])
        if plastic.learn[run] != 0:
            step_code(X, plastic, run, p, step, key_a, key_b)
    return n


@kernel
def _deliver_cells(X, pulse, places, n, sender, plastic, store, run, step, key_a, key_b):
    for p in range(plastic.offset[sender], plastic.offset[sender + 1]):
        weight = read(store, run, p, plastic.code[run, p], plastic.address[p], step, key_a, key_b)
        t = plastic.target[p] + (at.AMPA if weight > 0 else at.GABA_B) * LANES
        n = gather(pulse, places, n, t, real(abs(weight), X[0]) * plastic.word[run, p])
        if plastic.learn[run] != 0:
            step_cell(X, plastic, store, run, p, step, key_a, key_b)
    return n


# What hands an event on is copied into its caller: a call would pass every array of every tuple by value, which costs
# more than the event.
@kernel(inline=True)
def _arrive(
    X, pulse, places, n, sender, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b
):
    if transit.pulse.shape[1] > 1:
        n = delay_pulses(X, pulse, places, n, sender, wiring, amplitude, depression, transit, run, step)
    else:
        n = _deliver(X, pulse, places, n, sender, wiring, amplitude, depression, run, step)
    if store.kind == CODE:
        n = _deliver_codes(X, pulse, places, n, sender, plastic, run, step, key_a, key_b)
    else:
        n = _deliver_cells(X, pulse, places, n, sender, plastic, store, run, step, key_a, key_b)
    return n


@kernel(inline=True)
def _is_held(transit, sender, fraction, run, step, key_a, key_b):
    # True for an event that is lost, or that the arbiter keeps beyond this step
    if transit.held.shape[1] == 1:
        return False
    held = steps_held(transit, run, sender, step, fraction, key_a, key_b)
    if held > 0:
        hold_back(transit, run, sender, step + held)
    return held > 0 or held == LOST


@kernel
def _arrive_held(
    X, pulse, places, n, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b
):  # fmt: skip
    row = step % transit.held.shape[1]
    transit.n_held[run, row] = 0
    for sender in range(transit.held.shape[2]):
        for _ in range(transit.held[run, row, sender]):
            n = _arrive(
                X, pulse, places, n, sender, wiring, amplitude, plastic, store, depression, transit,
                run, step, key_a, key_b,
            )  # fmt: skip
        transit.held[run, row, sender] = 0
    return n


@kernel
def _charge_dendrites(X, pulse, places, n, features):
    """Charge the synapses that have a dendrite, and clear their pulses."""
    for i in range(n):
        block, place = divmod(places[i], PULSES)
        receptor = place // LANES
        if features[block] & SHAPED and receptor < DENDRITES and pulse[places[i]] != 0:
            charge_dendrite(X, block * BLOCK, pulse, block * PULSES + receptor * LANES, receptor)


@kernel(inline=True)
def _place(lane, field):
    # of a field of one lane in a run's state
    return lane // LANES * BLOCK + field * LANES + lane % LANES


@kernel
def _fired(X, pending, lanes):
    """List the lanes that spiked in the step just done, in order; returns how many."""
    n = 0
    for block in range(pending.size):
        if pending[block] > 0:
            for lane in range(LANES):
                if X[_place(block * LANES + lane, at.SPIKE)] != 0:
                    lanes[n] = block * LANES + lane
                    n += 1
    return n


@kernel
def run_die(
    X, pending, pulse, places, fired, work, before, flags, addresses, run, first_step, n_steps, clock, keys, floor,
    slow, wiring, amplitude, events, plastic, store, features, depression, transit, spikes, probes,
):  # fmt: skip
    """Advance one run by ``n_steps`` from absolute step ``first_step``; arrays as in ``run_dies``, without their first
    axis where a run has its own: ``X``, ``pending``, ``keys``, ``floor``, ``amplitude``, and room to work in."""
    n_blocks = X.size // BLOCK
    key_a = keys[0]
    key_b = keys[1]
    cursor = events.offset[run]
    recorded = 0
    capacity = spikes.step.shape[1]
    n_fired = _fired(X, pending, fired)
    noisy = clock.noise or slow.state.shape[1] > 0
    inject = real(clock.inject, floor[0])
    has = 0
    for b in range(n_blocks):
        has |= features[b]
    for k in range(n_steps):
        step = first_step + k
        n = 0  # synapses that have a pulse in this step
        if transit.pulse.shape[1] > 1:
            n = deliver_pulses(pulse, places, transit, run, step)
        if transit.n_held[run, step % transit.n_held.shape[1]] > 0:
            n = _arrive_held(
                X, pulse, places, n, wiring, amplitude, plastic, store, depression, transit, run, step, key_a, key_b
            )
        # inputs of this step, then spikes of the last
        spike = 0
        while True:
            if cursor < events.offset[run + 1] and events.step[cursor] == k:
                sender = np.int64(events.source[cursor])
                fraction = _UNKNOWN
                cursor += 1
            elif spike < n_fired:
                sender = wiring.n_inputs + fired[spike]
                fraction = np.float64(X[_place(fired[spike], at.SPIKE_FRACTION)])
                spike += 1
            else:
                break
            if not _is_held(transit, sender, fraction, run, step, key_a, key_b):
                n = _arrive(
                    X, pulse, places, n, sender, wiring, amplitude, plastic, store, depression, transit,
                    run, step, key_a, key_b,
                )  # fmt: skip
        if has & SHAPED:
            _charge_dendrites(X, pulse, places, n, features)
        charge_synapses(X, pulse, places, n, work)
        for spike in range(n_fired):
            X[_place(fired[spike], at.SPIKE)] = 0
        if slow.state.shape[1] > 0 and step % slow.every == 0:
            for b in range(n_blocks):
                move_slow(X, b * BLOCK, b, slow, run, addresses, step, key_a, key_b)
        if clock.noise and (step % 4 == 0 or k == 0):
            for b in range(n_blocks):
                draw_noise(X, b * BLOCK, addresses, b * LANES, np.uint64(step // 4), key_a, key_b)
        if has & SHAPED:
            for b in range(n_blocks):
                if features[b] & SHAPED:
                    shape_dendrites(X, b * BLOCK, floor[0])
        for b in range(0, n_blocks, 2):
            # blocks of a pair agree in whether they are sensed
            acting = real(0.0, inject) if features[b] & SENSED else inject
            if noisy:
                spiked = advance_noisy(X, b * BLOCK, before, flags, step, acting, floor[0], floor[1])
            else:
                spiked = advance_quiet(X, b * BLOCK, before, flags, step, acting, floor[0], floor[1])
            pending[b] = spiked
            pending[b + 1] = spiked
        if has & REGULATED:
            for b in range(n_blocks):
                if features[b] & REGULATED:
                    regulate(X, b * BLOCK, floor[0])
        n_fired = _fired(X, pending, fired)
        for spike in range(n_fired):
            spikes.count[run, fired[spike]] += 1
            if recorded < capacity:
                spikes.step[run, recorded] = k
                spikes.neuron[run, recorded] = fired[spike]
                spikes.fraction[run, recorded] = X[_place(fired[spike], at.SPIKE_FRACTION)]
            recorded += 1
        if probes.every > 0 and (k + 1) % probes.every == 0:
            for q in range(probes.index.size):
                probes.values[run, q, (k + 1) // probes.every - 1] = X[probes.index[q]]
    spikes.total[run] = recorded
