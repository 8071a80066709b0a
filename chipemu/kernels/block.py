"""The dense pass: one time step of every neuron of one block, in the chip's order of events.

Each function is one loop over the 16 lanes of a block, with constant offsets from one base index, so that the compiler
turns it into packed instructions (``tests/kernels/test_assembly.py`` looks).
"""

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.dpi import charge
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import normal_pair, words_at
from chipemu.kernels.soma import net_current


@kernel
def draw_noise(X, base, addresses, first, pair, key_a, key_b):
    """Fill the block's normals for steps 2 * pair and 2 * pair + 1 of absolute chip time."""
    base = base & at.INDEX
    first = first & at.INDEX
    for lane in range(LANES):
        q = base + lane
        a, b, c, d = words_at(addresses[first + lane], pair, at.STREAM_NOISE, key_a, key_b)
        m0, i0 = normal_pair(a, b, X[q])
        m1, i1 = normal_pair(c, d, X[q])
        X[q + at.NORMAL * LANES] = m0
        X[q + (at.NORMAL + 1) * LANES] = i0
        X[q + (at.NORMAL + 2) * LANES] = m1
        X[q + (at.NORMAL + 3) * LANES] = i1


@kernel
def charge_synapses(X, base, receptors):
    """Give the pulses gathered in this step to the synapses, and clear them; bit r of ``receptors`` is receptor r."""
    base = base & at.INDEX
    zero = real(0.0, X[base])
    for receptor in range(at.N_RECEPTORS):
        if receptors & (1 << receptor):
            o = base + receptor * LANES
            for lane in range(LANES):
                q = o + lane
                linear = X[q + at.CHARGE * LANES] * X[q + at.PULSE * LANES]
                X[q] = charge(X[q], X[q + at.I_GAIN_SYN * LANES], linear)
                X[q + at.PULSE * LANES] = zero


@kernel
def advance(X, base, half, i0, y_floor):
    """One step of synapse decay, adaptation, soma, spike and reset for 16 neurons; returns how many spiked.

    The soma takes a Heun step (second order) over the part of the step in which it is not refractory; the threshold
    crossing is interpolated, and the dead time runs from that instant, so that rates do not snap to the grid.
    ``half`` selects which of the two prepared pairs of normals belongs to this step.
    """
    zero = real(0.0, X[base])
    one = real(1.0, zero)
    halved = real(0.5, zero)
    base = base & at.INDEX
    noise = at.NORMAL + 2 * (half & 1)
    for lane in range(LANES):
        q = base + lane
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
        ou = (
            X[q + at.INPUT_NOISE * LANES] * X[q + at.OU_KEEP * LANES]
            + X[q + at.OU_KICK * LANES] * X[q + (noise + 1) * LANES]
        )
        # what the soma sees: currents above the leakage floor
        dc = X[q + at.I_DC * LANES]
        leak = X[q + at.I_TAU * LANES] * X[q + at.SLOW_LEAK * LANES]
        inject_n = X[q + at.INJECT_NMDA * LANES]
        inject_s = X[q + at.INJECT_GABA_A * LANES]
        gain = X[q + at.I_GAIN * LANES]
        nmda_thr = X[q + at.I_NMDA_THR * LANES]
        fb_gain = X[q + at.FB_GAIN * LANES]
        fb_th = X[q + at.FB_TH * LANES]
        fb_n = X[q + at.FB_INV_NORM * LANES]
        y0 = X[q + at.Y * LANES]
        dead = X[q + at.REFRACTORY * LANES]
        active = min(max(one - dead, zero), one)  # fraction of the step outside the dead time
        h = X[q + at.STEP_PER_CHARGE * LANES] * active
        factor = (one + ou) * X[q + at.SLOW_INPUT * LANES]
        k1 = net_current(
            y0, (n0 - i0) * inject_n, a0 - b0 + dc, leak + (h0 - i0) + (s0 - i0) * inject_s,
            gain, nmda_thr, fb_gain, fb_th, fb_n, i0, factor,
        )  # fmt: skip
        ye = max(y0 + h * k1, y_floor)
        k2 = net_current(
            ye, (n1 - i0) * inject_n, a1 - b1 + dc, leak + (h1 - i0) + (s1 - i0) * inject_s,
            gain, nmda_thr, fb_gain, fb_th, fb_n, i0, factor,
        )  # fmt: skip
        kick = X[q + at.MEMBRANE_KICK * LANES] * X[q + noise * LANES] * active
        y1 = max(y0 + halved * h * (k1 + k2) + kick, y_floor)
        threshold = X[q + at.Y_THR * LANES]
        # 1 or 0, and blended by arithmetic: several selects on one condition become a branch, and scalar code
        fired = one if y1 >= threshold else zero
        kept = one - fired
        # linear interpolation of the crossing inside the active part of the step
        crossing = (threshold - y0) / max(y1 - y0, real(1e-12, zero))
        when = (one - active) + active * min(max(crossing, zero), one)
        X[q] = a1
        X[q + LANES] = n1
        X[q + 2 * LANES] = s1
        X[q + 3 * LANES] = b1
        X[q + at.I_AHP * LANES] = h1 + fired * X[q + at.AHP_JUMP * LANES]
        X[q + at.INPUT_NOISE * LANES] = ou
        X[q + at.Y * LANES] = fired * X[q + at.Y_RESET * LANES] + kept * y1
        X[q + at.REFRACTORY * LANES] = fired * (X[q + at.T_REF * LANES] - one + when) + kept * max(dead - one, zero)
        X[q + at.SPIKE * LANES] = fired
        X[q + at.SPIKE_FRACTION * LANES] = when
    total = np.int32(0)
    for lane in range(LANES):
        # kept in 32 bits: a sum that widens would not be packed
        total = np.int32(total + np.int32(X[base + at.SPIKE * LANES + lane]))
    return total
