"""Slow noise of currents: flicker of each neuron's input and leak, and a supply that all neurons of a core share.

Every process is Ornstein-Uhlenbeck with unit variance, brought forward exactly (Gillespie 1996, eq. 3.1) from tick to
tick of absolute chip time:

    x(t + T) = x(t) exp(-T / tau) + sqrt(1 - exp(-2 T / tau)) n,      factor = exp(sum of w x) of a current,

so a current never becomes negative.  Between ticks a factor is held.  Not modelled: the correlation of flicker with the
current it rides on, and the part of the spectrum above half the rate of ticks.

Axes: r runs, b blocks, m processes (input, leak, supply), each with the lanes of a block side by side.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.elementary import exp
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import normal_pair, philox

N_FLICKER = 6  # processes of one current; of two currents they take twelve normals, three draws
SUPPLY = 2 * N_FLICKER
N_SLOW = SUPPLY + 1
_MASK = np.uint64(0xFFFFFFFF)
_WHOLE_CORE = np.uint64(0xFFFF)  # neuron part of an address that means the core itself
_INDEX = 0x7FFFFFFF
_PER_DRAW = 4
_SUB_STREAM = 256  # which draw of a tick, above the stream in the third counter word


class Slow(NamedTuple):
    """State and size of slow noise; without any, ``state`` is (r, 0) and no tick is done."""

    every: int  # steps from tick to tick
    keep: np.ndarray  # (m) of the state's type, exp(-T / tau)
    kick: np.ndarray  # (m) sqrt(1 - keep^2)
    weight: np.ndarray  # (r, m) standard deviation in ln(current)
    state: np.ndarray  # (r, b * m * LANES)


@kernel
def _draw(x, first, draw, keep, kick, addresses, lane_0, tick, key_a, key_b):
    first = first & _INDEX
    lane_0 = lane_0 & _INDEX
    m = _PER_DRAW * draw
    for lane in range(LANES):
        q = first + m * LANES + lane
        a, b, c, d = philox(
            np.uint64(addresses[lane_0 + lane]),
            tick & _MASK,
            np.uint64(at.STREAM_SLOW + _SUB_STREAM * draw),
            tick >> np.uint64(32),
            key_a,
            key_b,
        )
        n0, n1 = normal_pair(a, b, x[q])
        n2, n3 = normal_pair(c, d, x[q])
        x[q] = x[q] * keep[m] + kick[m] * n0
        x[q + LANES] = x[q + LANES] * keep[m + 1] + kick[m + 1] * n1
        x[q + 2 * LANES] = x[q + 2 * LANES] * keep[m + 2] + kick[m + 2] * n2
        x[q + 3 * LANES] = x[q + 3 * LANES] * keep[m + 3] + kick[m + 3] * n3


@kernel
def _draw_supply(x, first, keep, kick, addresses, lane_0, tick, key_a, key_b):
    # keyed by the core, so that every neuron of a core draws the same number
    first = first & _INDEX
    lane_0 = lane_0 & _INDEX
    for lane in range(LANES):
        q = first + SUPPLY * LANES + lane
        a, b, _, _ = philox(
            np.uint64(addresses[lane_0 + lane]) | _WHOLE_CORE,
            tick & _MASK,
            np.uint64(at.STREAM_SLOW + _SUB_STREAM * (N_SLOW // _PER_DRAW)),
            tick >> np.uint64(32),
            key_a,
            key_b,
        )
        x[q] = x[q] * keep[SUPPLY] + kick[SUPPLY] * normal_pair(a, b, x[q])[0]


@kernel
def _set_factors(X, base, x, first, weight):
    base = base & _INDEX
    first = first & _INDEX
    for lane in range(LANES):
        q = first + lane
        supply = weight[SUPPLY] * x[q + SUPPLY * LANES]
        on_input = supply
        on_leak = supply
        for m in range(N_FLICKER):
            on_input += weight[m] * x[q + m * LANES]
            on_leak += weight[N_FLICKER + m] * x[q + (N_FLICKER + m) * LANES]
        X[base + at.SLOW_INPUT * LANES + lane] = exp(on_input)
        X[base + at.SLOW_LEAK * LANES + lane] = exp(on_leak)


@kernel
def move_slow(X, base, block, slow, run, addresses, step, key_a, key_b):
    """Bring the slow noise of a block to the tick at absolute ``step``."""
    x, keep, kick = slow.state[run], slow.keep, slow.kick
    first = block * N_SLOW * LANES
    lane_0 = block * LANES
    tick = np.uint64(step // slow.every)
    for draw in range(SUPPLY // _PER_DRAW):
        _draw(x, first, draw, keep, kick, addresses, lane_0, tick, key_a, key_b)
    _draw_supply(x, first, keep, kick, addresses, lane_0, tick, key_a, key_b)
    _set_factors(X, base, x, first, slow.weight[run])
