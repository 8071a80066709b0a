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
from chipemu.kernels.plastic import step_cell, step_code, trace_spike
from chipemu.kernels.slow import move_slow
from chipemu.kernels.store import CODE, read
from chipemu.kernels.substep import BATCH, step_again
from chipemu.kernels.team import list_fired, meet, merge_fired, place_of
from chipemu.kernels.transit import LOST, delay_pulses, deliver_pulses, hold_back, steps_held

_UNKNOWN = -1.0  # where in its step an input was sent


class Wiring(NamedTuple):
    """Who reaches whom: connections sorted by sender, shared by all runs but for their delays."""

    n_inputs: int
    first: np.ndarray  # (senders) int64, first connection of each sender to the blocks that a thread steps
    last: np.ndarray  # (senders) int64, connection after the last
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


class Room(NamedTuple):
    """What one thread works in: nothing in it lasts from one call to the next."""

    pulse: np.ndarray  # (n_blocks * PULSES) of the state's type, zero between steps
    places: np.ndarray  # (n_blocks * PULSES + 1) int32
    fired: np.ndarray  # (n) int32, lanes that spiked in the last step
    fraction: np.ndarray  # (n) float64, where in that step
    work: np.ndarray  # (48) of the state's type
    before: np.ndarray  # (64) of the state's type
    flags: np.ndarray  # (32) int32
    again: np.ndarray  # (n) int32, who takes a step again
    kept: np.ndarray  # (3 n) of the state's type
    batch: np.ndarray  # (240) of the state's type


def room(X: np.ndarray) -> Room:
    """Room for runs with states like those of ``X``."""
    n_blocks = X.shape[1] // BLOCK
    return Room(
        np.zeros(n_blocks * PULSES, X.dtype),
        np.empty(n_blocks * PULSES + 1, np.int32),
        np.empty(n_blocks * LANES, np.int32),
        np.empty(n_blocks * LANES),
        np.ones(3 * LANES, X.dtype),
        np.empty(4 * LANES, X.dtype),
        np.empty(2 * LANES, np.int32),
        np.empty(n_blocks * LANES, np.int32),
        np.empty(3 * n_blocks * LANES, X.dtype),
        np.empty(BATCH, X.dtype),
    )


class Clock(NamedTuple):
    """Chip time of each run and the constants of a call."""

    first_step: np.ndarray  # (r) int64, absolute chip time of the call's first step
    active: np.ndarray  # (r) bool, runs whose chip is on; the others keep their state and their time
    n_steps: int  # of a call without lessons
    noise: bool
    inject: float  # 1, or 0 where feedback currents are sensed but not injected


@kernel(inline=True)
def _deliver(X, pulse, places, n, sender, wiring, amplitude, depression, run, step):
    for e in range(wiring.first[sender], wiring.last[sender]):
        n = gather(
            pulse, places, n, wiring.target[e], strength(X, e, wiring.target[e], amplitude, depression, run, step)
        )
    return n


@kernel(inline=True)
def _deliver_codes(X, pulse, places, n, sender, plastic, run, step, key_a, key_b):
    # the synapse is read first and learns after: an event never sees its own update
    for p in range(plastic.first[sender], plastic.last[sender]):
        code = plastic.code[run, p]
        t = plastic.target[p] + (at.AMPA if code > 0 else at.GABA_B) * LANES
        n = gather(pulse, places, n, t, real(abs(code), X[0]) * plastic.word[run, p])
        if plastic.learn[run] != 0:
            step_code(X, plastic, run, p, step, key_a, key_b)
    return n


@kernel
def _deliver_cells(X, pulse, places, n, sender, plastic, store, run, step, key_a, key_b):
    for p in range(plastic.first[sender], plastic.last[sender]):
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
def _clear_spikes(X, team, parity):
    for i in range(team.n_fired[team.index, parity, 0]):
        X[place_of(team.fired[team.index, parity, i], at.SPIKE)] = 0


@kernel(inline=True)
def _count_spikes(team, parity, count, traces, run, step):
    for i in range(team.n_fired[team.index, parity, 0]):
        neuron = team.fired[team.index, parity, i]
        count[neuron] += 1
        if traces.rate.shape[1] > 0:
            trace_spike(traces, run, neuron, step)


@kernel(inline=True)
def _record_spikes(room, n_fired, k, spikes, run, recorded):
    for i in range(min(n_fired, spikes.step.shape[1] - recorded)):
        spikes.step[run, recorded + i] = k
        spikes.neuron[run, recorded + i] = room.fired[i]
        spikes.fraction[run, recorded + i] = room.fraction[i]
    return recorded + n_fired


@kernel(inline=True)
def _sample(X, team, probes, run, sample):
    for q in range(probes.index.size):
        if team.first <= probes.index[q] // BLOCK < team.last:
            probes.values[run, q, sample] = X[probes.index[q]]


@kernel
def run_die(
    X, pending, room, team, addresses, run, first_step, n_steps, clock, keys, floor, slow, wiring, amplitude, events,
    plastic, store, features, depression, transit, spikes, probes,
):  # fmt: skip
    """Advance one run by ``n_steps`` from absolute step ``first_step``; arrays as in ``run_dies``, without their first
    axis where a run has its own: ``X``, ``pending``, ``keys``, ``floor`` and ``amplitude``."""
    pulse = room.pulse
    places = room.places
    key_a = keys[0]
    key_b = keys[1]
    cursor = events.offset[run]
    recorded = 0
    noisy = clock.noise or slow.state.shape[1] > 0
    i0, low = floor[0], floor[1]
    inject = real(clock.inject, i0)
    has = 0
    for b in range(features.size):
        has |= features[b]
    list_fired(X, pending, team, 0)
    meet(team, 1)
    n_fired = merge_fired(team, 0, room.fired, room.fraction)
    for k in range(n_steps):
        step = first_step + k
        n = 0  # synapses that have a pulse in this step
        if transit.pulse.shape[1] > 1:
            n = deliver_pulses(pulse, places, team, transit, run, step)
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
                sender = wiring.n_inputs + room.fired[spike]
                fraction = room.fraction[spike]
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
        charge_synapses(X, pulse, places, n, room.work)
        _clear_spikes(X, team, k & 1)
        if slow.state.shape[1] > 0 and step % slow.every == 0:
            for b in range(team.first, team.last):
                move_slow(X, b * BLOCK, b, slow, run, addresses, step, key_a, key_b)
        if clock.noise and (step % 4 == 0 or k == 0):
            for b in range(team.first, team.last):
                draw_noise(X, b * BLOCK, addresses, b * LANES, np.uint64(step // 4), key_a, key_b)
        if has & SHAPED:
            for b in range(team.first, team.last):
                if features[b] & SHAPED:
                    shape_dendrites(X, b * BLOCK, i0)
        n_again = 0  # neurons that must take the step again
        for b in range(team.first, team.last, 2):
            # blocks of a pair agree in whether they are sensed
            acting = real(0.0, inject) if features[b] & SENSED else inject
            pending[b] = 0
            pending[b + 1] = 0
            if noisy:
                n_again = advance_noisy(
                    X,
                    b * BLOCK,
                    room.before,
                    room.flags,
                    room.again,
                    room.kept,
                    n_again,
                    step,
                    acting,
                    floor[0],
                    floor[1],
                )
            else:
                n_again = advance_quiet(
                    X,
                    b * BLOCK,
                    room.before,
                    room.flags,
                    room.again,
                    room.kept,
                    n_again,
                    step,
                    acting,
                    floor[0],
                    floor[1],
                )
        noise = at.NORMAL + 2 * (step & 3)
        step_again(X, pending, room.again, room.kept, n_again, room.batch, noise, noisy, i0, low)
        if has & REGULATED:
            for b in range(team.first, team.last):
                if features[b] & REGULATED:
                    regulate(X, b * BLOCK, i0)
        parity = 1 - (k & 1)
        list_fired(X, pending, team, parity)
        _count_spikes(team, parity, spikes.count[run], plastic.traces, run, step)
        meet(team, k + 2)
        n_fired = merge_fired(team, parity, room.fired, room.fraction)
        if team.index == 0:
            recorded = _record_spikes(room, n_fired, k, spikes, run, recorded)
        if probes.every > 0 and (k + 1) % probes.every == 0:
            _sample(X, team, probes, run, (k + 1) // probes.every - 1)
    if team.index == 0:
        spikes.total[run] = recorded
