"""Somata that must take a step again in smaller ones: those that fire, or bend too much, 16 of a die side by side.

In a sub-step ln(I_mem) and h J move no further than ``_SMALL_MOVE``, and the argument of the positive feedback's
sigmoid no further than ``_SMALL_REACH``.  The crossing of the threshold is interpolated, and the dead time runs from
that instant, so that rates do not snap to the grid.

Neurons are brought into ``batch``, all fields of 16 side by side; one that is done waits with no rest of its step left.
"""

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import LANES
from chipemu.kernels.soma import SIGMOID, move_exponentially, net_current

_SMALL_MOVE = 0.5
_SMALL_REACH = 2.0
_MOST_SUBSTEPS = 100

# fields of a batch
_Y, _H, _NMDA, _OTHER, _OUT, _GAIN, _NMDA_THR, _FB_GAIN, _FB_TH, _FB_INV, _KICK, _THR, _REST, _ACTIVE, _WHEN = range(15)
BATCH = 15 * LANES
_NOT_YET = -1.0  # when a neuron has not fired


@kernel(inline=True)
def _at_mid(X, q, field, decay, i0):
    # mean, above the floor, of a current that has already decayed to its end; one at the floor is taken to start there
    end = X[q + field * LANES]
    half = real(0.5, i0)
    return half * (end + end / max(X[q + decay * LANES], half)) - i0 if end > i0 else real(0.0, i0)


@kernel(inline=True)
def _crossing(y, after, threshold, start):
    # where a parabola through both ends with slope ``start`` (per step) at the first meets the threshold, 0..1
    tiny = real(1e-12, y)
    linear = (threshold - y) / max(after - y, tiny)
    s = (threshold - y) / max(start + (after - y - start) * linear, tiny)
    return min(max(s, real(0.0, y)), real(1.0, y))


@kernel
def _bring(X, q, y, dead, inject, batch, lane, noise, noisy, i0):
    """Bring a neuron into the batch, with the currents of mid-step."""
    zero = real(0.0, i0)
    one = real(1.0, i0)
    active = min(max(one - dead, zero), one)
    i_nmda = _at_mid(X, q, at.NMDA, at.DECAY + at.NMDA, i0) * inject
    i_other = _at_mid(X, q, at.AMPA, at.DECAY + at.AMPA, i0) - _at_mid(X, q, at.GABA_B, at.DECAY + at.GABA_B, i0)
    i_other += X[q + at.I_DC * LANES]
    i_out = _at_mid(X, q, at.I_AHP, at.AHP_DECAY, i0) + _at_mid(X, q, at.GABA_A, at.DECAY + at.GABA_A, i0) * inject
    leak = X[q + at.I_TAU * LANES]
    kick = zero
    if noisy:
        factor = (one + X[q + at.INPUT_NOISE * LANES]) * X[q + at.SLOW_INPUT * LANES]
        i_nmda *= factor
        i_other *= factor
        leak *= X[q + at.SLOW_LEAK * LANES]
        kick = X[q + at.MEMBRANE_KICK * LANES] * X[q + noise * LANES] * active
    batch[_Y * LANES + lane] = y
    batch[_H * LANES + lane] = X[q + at.STEP_PER_CHARGE * LANES] * active
    batch[_NMDA * LANES + lane] = i_nmda
    batch[_OTHER * LANES + lane] = i_other
    batch[_OUT * LANES + lane] = leak + i_out
    batch[_GAIN * LANES + lane] = X[q + at.I_GAIN * LANES]
    batch[_NMDA_THR * LANES + lane] = X[q + at.I_NMDA_THR * LANES]
    batch[_FB_GAIN * LANES + lane] = X[q + at.FB_GAIN * LANES]
    batch[_FB_TH * LANES + lane] = X[q + at.FB_TH * LANES]
    batch[_FB_INV * LANES + lane] = X[q + at.FB_INV_NORM * LANES]
    batch[_KICK * LANES + lane] = kick
    batch[_THR * LANES + lane] = X[q + at.Y_THR * LANES]
    batch[_REST * LANES + lane] = one
    batch[_ACTIVE * LANES + lane] = active
    batch[_WHEN * LANES + lane] = real(_NOT_YET, i0)


@kernel
def substep(batch, last, i0, y_floor):
    """One sub-step of every neuron of the batch that has any of its step left; all of that in the ``last`` one."""
    zero = real(0.0, i0)
    one = real(1.0, i0)
    for lane in range(LANES):
        y = batch[_Y * LANES + lane]
        h = batch[_H * LANES + lane]
        kick = batch[_KICK * LANES + lane]
        threshold = batch[_THR * LANES + lane]
        rest = batch[_REST * LANES + lane]
        net, slope, _, steep, x = net_current(
            y, batch[_NMDA * LANES + lane], batch[_OTHER * LANES + lane], batch[_OUT * LANES + lane],
            batch[_GAIN * LANES + lane], batch[_NMDA_THR * LANES + lane], batch[_FB_GAIN * LANES + lane],
            batch[_FB_TH * LANES + lane], batch[_FB_INV * LANES + lane], i0,
        )  # fmt: skip
        # far from the sigmoid its argument may move up to where it bends
        room = max(abs(x) - real(SIGMOID, i0), real(_SMALL_REACH, i0))
        pace = max(max(abs(net), abs(slope)) * real(1 / _SMALL_MOVE, i0), abs(net) * steep / room)
        part = min(rest, max(one / max(h * pace, real(1e-9, i0)), last))
        after = max(y + move_exponentially(h * part, net, slope) + part * kick, y_floor)
        done = one - rest + part * _crossing(y, after, threshold, part * (h * net + kick))
        active = batch[_ACTIVE * LANES + lane]
        when = batch[_WHEN * LANES + lane]
        goes_on = rest > zero
        fires = goes_on & (after >= threshold)
        batch[_WHEN * LANES + lane] = (one - active) + active * done if fires else when
        batch[_Y * LANES + lane] = after if goes_on else y
        batch[_REST * LANES + lane] = zero if fires else rest - part


@kernel
def _rest(batch):
    most = batch[_REST * LANES]
    for lane in range(LANES):
        most = max(most, batch[_REST * LANES + lane])
    return most


@kernel
def _take_back(X, q, pending, batch, lane, i0):
    """Give a neuron its membrane back, or reset it if it fired."""
    one = real(1.0, i0)
    when = batch[_WHEN * LANES + lane]
    if when == real(_NOT_YET, i0):
        X[q + at.Y * LANES] = batch[_Y * LANES + lane]
        return
    X[q + at.I_AHP * LANES] += X[q + at.AHP_JUMP * LANES]
    X[q + at.Y * LANES] = X[q + at.Y_RESET * LANES]
    X[q + at.REFRACTORY * LANES] = X[q + at.T_REF * LANES] - one + when
    X[q + at.SPIKE * LANES] = one
    X[q + at.SPIKE_FRACTION * LANES] = when
    pending[q // at.BLOCK] = 1


@kernel
def step_again(X, pending, again, kept, n, batch, noise, noisy, i0, y_floor):
    """Take ``n`` neurons through their last step in sub-steps.

    Parameters
    ----------
    pending : (n_blocks) int32, set to 1 where one fires
    again : (n) int32, position of a neuron's first field
    kept : (3 n) its membrane at the start of the step, dead time left then, and whether feedback is injected
    batch : room, ``BATCH``
    noise : field of the step's own normals
    """
    for first in range(0, n, LANES):
        together = min(LANES, n - first)
        for lane in range(LANES):
            # an incomplete batch is filled up with its first neuron, which then has nothing to do
            i = first + lane if lane < together else first
            q = np.int64(again[i]) & at.INDEX
            _bring(X, q, kept[3 * i], kept[3 * i + 1], kept[3 * i + 2], batch, lane, noise, noisy, i0)
            if lane >= together:
                batch[_REST * LANES + lane] = real(0.0, i0)
        for k in range(_MOST_SUBSTEPS):
            substep(batch, real(1.0 if k == _MOST_SUBSTEPS - 1 else 0.0, i0), i0, y_floor)
            if _rest(batch) <= real(0.0, i0):
                break
        for lane in range(together):
            _take_back(X, np.int64(again[first + lane]) & at.INDEX, pending, batch, lane, i0)
