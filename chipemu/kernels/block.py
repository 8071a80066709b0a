"""The dense pass: one time step of every neuron of one block, in the chip's order of events.

Each function is one loop over the 16 lanes of a block, with constant offsets from one base index, so that the compiler
turns it into packed instructions (``tests/kernels/test_assembly.py`` looks).
"""

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.dpi import charge
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import normals_of_word, words_at
from chipemu.kernels.soma import SIGMOID, move_exponentially, net_current


@kernel
def draw_noise(X, base, addresses, first, quarter, key_a, key_b):
    """Fill the block's normals for steps 4 * quarter to 4 * quarter + 3 of absolute chip time."""
    base = base & at.INDEX
    first = first & at.INDEX
    for lane in range(LANES):
        q = base + lane
        a, b, c, d = words_at(addresses[first + lane], quarter, at.STREAM_NOISE, key_a, key_b)
        m0, i0 = normals_of_word(a, X[q])
        m1, i1 = normals_of_word(b, X[q])
        m2, i2 = normals_of_word(c, X[q])
        m3, i3 = normals_of_word(d, X[q])
        X[q + at.NORMAL * LANES] = m0
        X[q + (at.NORMAL + 1) * LANES] = i0
        X[q + (at.NORMAL + 2) * LANES] = m1
        X[q + (at.NORMAL + 3) * LANES] = i1
        X[q + (at.NORMAL + 4) * LANES] = m2
        X[q + (at.NORMAL + 5) * LANES] = i2
        X[q + (at.NORMAL + 6) * LANES] = m3
        X[q + (at.NORMAL + 7) * LANES] = i3


@kernel(inline=True)
def gather(pulse, places, n, place, amplitude):
    """Add an event to the pulse at ``place``, and the place to the list of ``n`` that have one; returns its length."""
    t = np.int64(place) & at.INDEX
    places[n] = t
    n += np.int64((pulse[t] == 0) & (amplitude != 0))
    pulse[t] += amplitude
    return n


@kernel
def charge_synapses(X, pulse, places, n, work):
    """Give the pulses gathered in this step at ``n`` places to their synapses, and clear them.

    Few synapses of a large network have one in a step: they are brought side by side into ``work`` (48).
    """
    for first in range(0, n, LANES):
        together = min(LANES, n - first)
        for lane in range(together):
            t = np.int64(places[first + lane]) & at.INDEX
            q = (t // at.PULSES * at.BLOCK + t % at.PULSES) & at.INDEX
            work[lane] = X[q]
            work[LANES + lane] = X[q + at.I_GAIN_SYN * LANES]
            work[2 * LANES + lane] = X[q + at.CHARGE * LANES] * pulse[t]
            pulse[t] = 0
        for lane in range(LANES):
            work[lane] = charge(work[lane], work[LANES + lane], work[2 * LANES + lane])
        for lane in range(together):
            t = np.int64(places[first + lane]) & at.INDEX
            X[(t // at.PULSES * at.BLOCK + t % at.PULSES) & at.INDEX] = work[lane]


# A neuron takes a step again in smaller ones where it fires, where the slope of its current changes so much that
# ln(I_mem) would err by more than the first number, or where it would run through the positive feedback's sigmoid.
_LARGEST_ERROR = 0.01
_LARGEST_REACH = 3.0  # of the sigmoid's argument


@kernel(inline=True)
def _excess(h, move, bend, steep, x):
    # above 0 where a step is too long
    reach = steep * move
    through = min(min(real(SIGMOID, h) - x, x + reach + real(SIGMOID, h)), reach - real(_LARGEST_REACH, h))
    return max(h * bend * move * move * real(1 / 6, h) - real(_LARGEST_ERROR, h), through)


def _make_advance(noisy):
    # two kernels of one source: without noise a third of the memory is not read
    @kernel(inline=True)
    def step_lane(X, q, before, flags, place, noise, inject, i0, y_floor):
        zero = real(0.0, i0)
        one = real(1.0, i0)
        halved = real(0.5, i0)
        # synapses: value at the start and at the end of the step (exact exponential decay, floored)
        a0 = X[q]
        n0 = X[q + LANES]
        s0 = X[q + 2 * LANES]
        b0 = X[q + 3 * LANES]
        a1 = max(a0 * X[q + at.DECAY * LANES], i0)
        n1 = max(n0 * X[q + (at.DECAY + 1) * LANES], i0)
        s1 = max(s0 * X[q + (at.DECAY + 2) * LANES], i0)
        b1 = max(b0 * X[q + (at.DECAY + 3) * LANES], i0)
        h0 = X[q + at.I_AHP * LANES]
        h1 = max(h0 * X[q + at.AHP_DECAY * LANES], i0)
        # what the soma sees at mid-step: currents above the leakage floor
        i_nmda = (halved * (n0 + n1) - i0) * inject
        i_other = halved * ((a0 + a1) - (b0 + b1)) + X[q + at.I_DC * LANES]
        leak = X[q + at.I_TAU * LANES]
        i_out = (halved * (h0 + h1) - i0) + (halved * (s0 + s1) - i0) * inject
        y0 = X[q + at.Y * LANES]
        dead = X[q + at.REFRACTORY * LANES]
        active = min(max(one - dead, zero), one)  # fraction of the step outside the dead time
        h = X[q + at.STEP_PER_CHARGE * LANES] * active
        if noisy:
            ou = X[q + at.INPUT_NOISE * LANES] * X[q + at.OU_KEEP * LANES]
            ou += X[q + at.OU_KICK * LANES] * X[q + (noise + 1) * LANES]
            X[q + at.INPUT_NOISE * LANES] = ou
            factor = (one + ou) * X[q + at.SLOW_INPUT * LANES]
            i_nmda *= factor
            i_other *= factor
            leak *= X[q + at.SLOW_LEAK * LANES]
        net, slope, bend, steep, x = net_current(
            y0, i_nmda, i_other, leak + i_out, X[q + at.I_GAIN * LANES], X[q + at.I_NMDA_THR * LANES],
            X[q + at.FB_GAIN * LANES], X[q + at.FB_TH * LANES], X[q + at.FB_INV_NORM * LANES], i0,
        )  # fmt: skip
        move = move_exponentially(h, net, slope)
        y1 = y0 + move
        if noisy:
            y1 += X[q + at.MEMBRANE_KICK * LANES] * X[q + noise * LANES] * active
        y1 = max(y1, y_floor)
        doubt = max(y1 - X[q + at.Y_THR * LANES], _excess(h, move, bend, steep, x))
        X[q] = a1
        X[q + LANES] = n1
        X[q + 2 * LANES] = s1
        X[q + 3 * LANES] = b1
        X[q + at.I_AHP * LANES] = h1
        X[q + at.Y * LANES] = y1
        X[q + at.REFRACTORY * LANES] = max(dead - one, zero)
        before[place] = y0
        before[2 * LANES + place] = dead
        flags[place] = np.int32(1) if doubt >= zero else np.int32(0)

    @kernel
    def advance(X, base, before, flags, again, kept, n, step, inject, i0, y_floor):
        """One step of synapse decay, adaptation and soma for the neurons of two blocks; lists those that must take it
        again in smaller ones, and returns how many there are.

        Over the part of the step in which it is not refractory the soma takes an exponential Rosenbrock-Euler step
        (Pope 1963; Hochbruck, Ostermann and Schweitzer 2009, eq. 2.9; second order) with the input of mid-step,

            y1 = y0 + h phi_1(h J) f(y0),     J = df/dy,     phi_1(z) = (e^z - 1) / z.

        ``step``, of absolute chip time, tells which of the prepared normals are its own; ``inject`` is 1, or 0 where
        the feedback currents (NMDA, GABA_A) are sensed but not injected; ``before`` (64) and ``flags`` (32) are room;
        ``again`` and ``kept`` are the list, of ``n`` already, see ``substep``.
        """
        base = base & at.INDEX
        noise = at.NORMAL + 2 * (step & 3)
        for lane in range(LANES):
            # one lane of each block: two chains of operations side by side, each of which waits for itself
            step_lane(X, base + lane, before, flags, lane, noise, inject, i0, y_floor)
            step_lane(X, base + at.BLOCK + lane, before, flags, LANES + lane, noise, inject, i0, y_floor)
        doubtful = np.int32(0)
        for lane in range(2 * LANES):
            # kept in 32 bits: a sum that widens would not be packed
            doubtful = np.int32(doubtful + flags[lane])
        if doubtful > 0:
            for place in range(2 * LANES):
                if flags[place] != 0:
                    again[n] = base + place // LANES * at.BLOCK + place % LANES
                    kept[3 * n] = before[place]
                    kept[3 * n + 1] = before[2 * LANES + place]
                    kept[3 * n + 2] = inject
                    n += 1
        return n

    return advance


advance_noisy = _make_advance(True)
advance_quiet = _make_advance(False)
