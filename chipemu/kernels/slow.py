"""Slow noise of currents: flicker of each neuron's input and leak, and a supply that all neurons of a core share.

Every process is Ornstein-Uhlenbeck with unit variance, brought forward exactly (Gillespie 1996, eq. 3.1) from tick to
tick of absolute chip time:

    x(t + T) = x(t) exp(-T / tau) + sqrt(1 - exp(-2 T / tau)) n,      factor = exp(sum of w x) of a current,

so a current never becomes negative.  Between ticks a factor is held, and slower processes move at every 8th or 64th
tick only, which suits bands of four decades (over two, the spectrum errs by up to 17 % instead of 12 %).  Not modelled:
the correlation of flicker with the current it rides on, and the part of the spectrum above half the rate of ticks.

Axes: r runs, b blocks, m processes, each with the lanes of a block side by side: the two fastest of the input, the two
fastest of the leak, then the next two of each, and so on; the supply is the last.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.elementary import exp
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import normal_pair, words_at

N_GROUPS = 3  # of processes that move together, a draw of four normals each: two of the input and two of the leak
_PER_DRAW = 4
RARER = 8  # a group moves so many times more rarely than the group before
SUPPLY = N_GROUPS * _PER_DRAW
N_SLOW = SUPPLY + 1
_SUB_STREAM = 256  # which draw of a tick, above the stream in the third counter word


class Slow(NamedTuple):
    """State and size of slow noise; without any, ``state`` is (r, 0) and no tick is done."""

    every: int  # steps from tick to tick
    keep: np.ndarray  # (m) of the state's type, exp(-T / tau), T from one move of the process to its next
    kick: np.ndarray  # (m) sqrt(1 - keep^2)
    weight: np.ndarray  # (r, m) standard deviation in ln(current)
    state: np.ndarray  # (r, b * m * LANES)


@kernel
def _draw(x, first, draw, keep, kick, addresses, lane_0, tick, key_a, key_b):
    m = _PER_DRAW * draw
    first = (first + m * LANES) & at.INDEX
    lane_0 = lane_0 & at.INDEX
    # read before the loop: the compiler cannot know that writing x leaves them as they are
    keep_0, keep_1, keep_2, keep_3 = keep[m], keep[m + 1], keep[m + 2], keep[m + 3]
    kick_0, kick_1, kick_2, kick_3 = kick[m], kick[m + 1], kick[m + 2], kick[m + 3]
    for lane in range(LANES):
        q = first + lane
        a, b, c, d = words_at(addresses[lane_0 + lane], tick, at.STREAM_SLOW + _SUB_STREAM * draw, key_a, key_b)
        n0, n1 = normal_pair(a, b, x[q])
        n2, n3 = normal_pair(c, d, x[q])
        x[q] = x[q] * keep_0 + kick_0 * n0
        x[q + LANES] = x[q + LANES] * keep_1 + kick_1 * n1
        x[q + 2 * LANES] = x[q + 2 * LANES] * keep_2 + kick_2 * n2
        x[q + 3 * LANES] = x[q + 3 * LANES] * keep_3 + kick_3 * n3


@kernel
def _draw_supply(x, first, keep, kick, addresses, lane_0, tick, key_a, key_b):
    # keyed by the core, so that every neuron of a core draws the same number
    first = first & at.INDEX
    lane_0 = lane_0 & at.INDEX
    keep_s, kick_s = keep[SUPPLY], kick[SUPPLY]
    for lane in range(LANES):
        q = first + SUPPLY * LANES + lane
        core = addresses[lane_0 + lane] | np.uint32(at.WHOLE_CORE)
        a, b, _, _ = words_at(core, tick, at.STREAM_SLOW + _SUB_STREAM * N_GROUPS, key_a, key_b)
        x[q] = x[q] * keep_s + kick_s * normal_pair(a, b, x[q])[0]


@kernel(inline=True)
def _pair(weight, x, m, p):
    return weight[m] * x[p] + weight[m + 1] * x[p + LANES]


@kernel
def _set_factors(X, base, x, first, weight):
    base = base & at.INDEX
    first = first & at.INDEX
    for lane in range(LANES):
        p = first + lane
        common = weight[SUPPLY] * x[p + SUPPLY * LANES]
        # written out: an inner loop would keep the loop over lanes from being packed
        on_input = _pair(weight, x, 0, p) + _pair(weight, x, 4, p + 4 * LANES) + _pair(weight, x, 8, p + 8 * LANES)
        p += 2 * LANES
        on_leak = _pair(weight, x, 2, p) + _pair(weight, x, 6, p + 4 * LANES) + _pair(weight, x, 10, p + 8 * LANES)
        X[base + at.SLOW_INPUT * LANES + lane] = exp(common + on_input)
        X[base + at.SLOW_LEAK * LANES + lane] = exp(common + on_leak)


@kernel
def move_slow(X, base, block, slow, run, addresses, step, key_a, key_b):
    """Bring the slow noise of a block to the tick at absolute ``step``."""
    x, keep, kick = slow.state[run], slow.keep, slow.kick
    first = block * N_SLOW * LANES
    lane_0 = block * LANES
    tick = step // slow.every
    rarely = 1
    for draw in range(N_GROUPS):
        if tick % rarely == 0:
            _draw(x, first, draw, keep, kick, addresses, lane_0, np.uint64(tick), key_a, key_b)
        rarely *= RARER
    _draw_supply(x, first, keep, kick, addresses, lane_0, np.uint64(tick), key_a, key_b)
    _set_factors(X, base, x, first, slow.weight[run])
