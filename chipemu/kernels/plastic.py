"""The plastic synapse of the design study: a few-bit signed code that steps stochastically at a presynaptic event.

The step follows the neuron's own feedback current, w <- w + eta I_fb s_pre (Haag et al. 2026, arXiv 2603.24113, the
update of section 2 in spike form), written as a probability so that a few bits suffice:

    I_fb = I_nmda - balance I_gaba_a,     P(step) = min(1, |I_fb| t_window / Q_step),     code += sign(I_fb).

A synapse may wait for its neuron to have been active of late: it steps only while the neuron's adaptation current,
which every spike raises, stands above a threshold.

Every circuit constant of it is assumed; no such synapse has been built.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import uniform, words_at
from chipemu.kernels.store import CAPACITOR, die_time, move, write


class Plastic(NamedTuple):
    """Plastic synapses sorted by sender; ``code`` and ``writes`` change while the chip runs."""

    first: np.ndarray  # (senders) int64, first synapse of each sender on the blocks that a thread steps
    last: np.ndarray  # (senders) int64, synapse after the last
    lane: np.ndarray  # (p) int64, position of the postsynaptic neuron's first field in the state
    target: np.ndarray  # (p) int32, position of its first receptor in the pulses
    address: np.ndarray  # (p) uint32, postsynaptic core, neuron and slot: the address of the draw
    code: np.ndarray  # (r, p) int32
    word: np.ndarray  # (r, p) of the state's type, pulse amplitude of one code step [CAM words]
    rate: np.ndarray  # (r, p) float64, t_window / Q_step of the synapse [1/pA]; below 0 the step is turned round
    active: np.ndarray  # (p) float64, adaptation current above the floor that lets it step [pA]; below 0 always
    learn: np.ndarray  # (r) uint8, the learn-enable line
    rule: np.ndarray  # (2) float64: balance, largest code
    floor: np.ndarray  # (r) float64, leakage floor [pA]
    writes: np.ndarray  # (r) int64, code changes


@kernel(inline=True)
def drawn_step(X, plastic, run, p, step, key_a, key_b):
    """Step of the code, -1, 0 or 1, that the neuron's feedback current draws for synapse ``p`` in absolute step."""
    q = plastic.lane[p]
    rule = plastic.rule
    floor = plastic.floor[run]
    if np.float64(X[q + at.I_AHP * LANES]) - floor <= plastic.active[p]:
        return 0
    feedback = np.float64(X[q + at.NMDA * LANES]) - floor - rule[0] * (np.float64(X[q + at.GABA_A * LANES]) - floor)
    word = words_at(plastic.address[p], np.uint64(step), at.STREAM_PLASTIC, key_a, key_b)
    drive = plastic.rate[run, p] * feedback
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
