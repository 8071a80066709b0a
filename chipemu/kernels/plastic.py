"""The plastic synapse of the design study: a few-bit signed code that steps stochastically at a presynaptic event.

What drives the step is a table of terms, for each synapse one coefficient for each local signal of its neuron,

    drive = sum of coefficient x signal,     P(step) = min(1, |drive| t_window / Q_step),     code += sign(drive).

The one term of the usual rule is the feedback current, w <- w + eta I_fb s_pre (Haag et al. 2026, arXiv 2603.24113, the
update of section 2 in spike form), written as a probability so that a few bits suffice, with

    I_fb = I_nmda - balance I_gaba_a.

Signals, each a column: the feedback current [pA]; recent activity, the adaptation current above the floor [pA]; and the
change of the rate [Hz], a fast trace of the neuron's spikes less a slow one, each sum of exp(-(t - t_spike)/tau)/tau.

A synapse may wait for its neuron to have been active of late: it steps only while the neuron's adaptation current,
which every spike raises, stands above a threshold.

Every circuit constant of it is assumed; no such synapse has been built.
"""

import math
from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import uniform, words_at
from chipemu.kernels.store import CAPACITOR, die_time, move, write

FEEDBACK, ACTIVITY, RATE_CHANGE = 0, 1, 2  # columns of the table of terms
N_TERMS = 3


class Traces(NamedTuple):
    """Two traces of the spikes of every neuron, as they were after its last one; (r, 0, 2) where no synapse reads any.

    They change while the chip runs.
    """

    rate: np.ndarray  # (r, n, 2) float64, fast and slow [Hz]
    step: np.ndarray  # (r, n) int64, absolute step of the last spike
    jump: np.ndarray  # (r, n, 2) float64, of a spike [Hz]
    loss: np.ndarray  # (2) float64, dt / tau


class Plastic(NamedTuple):
    """Plastic synapses sorted by sender; ``code``, ``writes`` and ``traces`` change while the chip runs."""

    first: np.ndarray  # (senders) int64, first synapse of each sender on the blocks that a thread steps
    last: np.ndarray  # (senders) int64, synapse after the last
    lane: np.ndarray  # (p) int64, position of the postsynaptic neuron's first field in the state
    neuron: np.ndarray  # (p) int64, lane of that neuron
    target: np.ndarray  # (p) int32, position of its first receptor in the pulses
    address: np.ndarray  # (p) uint32, postsynaptic core, neuron and slot: the address of the draw
    code: np.ndarray  # (r, p) int32
    word: np.ndarray  # (r, p) of the state's type, pulse amplitude of one code step [CAM words]
    rate: np.ndarray  # (r, p) float64, t_window / Q_step of the synapse [1/pA]; below 0 the step is turned round
    terms: np.ndarray  # (p, N_TERMS) float64, coefficients [1, 1, pA/Hz]
    active: np.ndarray  # (p) float64, adaptation current above the floor that lets it step [pA]; below 0 always
    learn: np.ndarray  # (r) uint8, the learn-enable line
    rule: np.ndarray  # (2) float64: balance, largest code
    floor: np.ndarray  # (r) float64, leakage floor [pA]
    writes: np.ndarray  # (r) int64, code changes
    traces: Traces


@kernel
def trace_spike(traces, run, neuron, step):
    """Enter a spike in an absolute step into the traces of its neuron."""
    since = step - traces.step[run, neuron]
    for k in range(2):
        kept = traces.rate[run, neuron, k] * math.exp(-since * traces.loss[k])
        traces.rate[run, neuron, k] = kept + traces.jump[run, neuron, k]
    traces.step[run, neuron] = step


@kernel
def rate_change(traces, run, neuron, step):
    """Fast trace less slow trace of a neuron in an absolute step [Hz]."""
    since = step - traces.step[run, neuron]
    fast = traces.rate[run, neuron, 0] * math.exp(-since * traces.loss[0])
    return fast - traces.rate[run, neuron, 1] * math.exp(-since * traces.loss[1])


@kernel(inline=True)
def drawn_step(X, plastic, run, p, step, key_a, key_b):
    """Step of the code, -1, 0 or 1, that the table of terms draws for synapse ``p`` in absolute step."""
    q = plastic.lane[p]
    rule = plastic.rule
    floor = plastic.floor[run]
    activity = np.float64(X[q + at.I_AHP * LANES]) - floor
    if activity <= plastic.active[p]:
        return 0
    feedback = np.float64(X[q + at.NMDA * LANES]) - floor - rule[0] * (np.float64(X[q + at.GABA_A * LANES]) - floor)
    drive = plastic.terms[p, FEEDBACK] * feedback + plastic.terms[p, ACTIVITY] * activity
    if plastic.terms[p, RATE_CHANGE] != 0.0:
        drive += plastic.terms[p, RATE_CHANGE] * rate_change(plastic.traces, run, plastic.neuron[p], step)
    word = words_at(plastic.address[p], np.uint64(step), at.STREAM_PLASTIC, key_a, key_b)
    drive *= plastic.rate[run, p]
    if uniform(word[0], rule[0]) < abs(drive):
        return 1 if drive > 0 else -1
    return 0


@kernel(inline=True)
def step_code(X, plastic, run, p, step, key_a, key_b):
    """One stochastic update of a code at a presynaptic event."""
    before = plastic.code[run, p]
    after = before + drawn_step(X, plastic, run, p, step, key_a, key_b)
    after = min(max(after, -np.int32(plastic.rule[1])), np.int32(plastic.rule[1]))
    if after != before:
        plastic.code[run, p] = after
        plastic.writes[run] += 1


@kernel
def step_cell(X, plastic, store, run, p, step, key_a, key_b):
    """One stochastic update at a presynaptic event of a synapse that keeps its code in a weight store."""
    if store.kind == CAPACITOR:
        direction = drawn_step(X, plastic, run, p, step, key_a, key_b)
        if direction != 0:
            plastic.code[run, p] = move(store, run, p, direction, die_time(store, run, step))
            plastic.writes[run] += 1
        return
    before = plastic.code[run, p]
    step_code(X, plastic, run, p, step, key_a, key_b)
    after = plastic.code[run, p]
    if after != before:
        write(store, run, p, after, plastic.address[p], die_time(store, run, step), key_a, key_b)
