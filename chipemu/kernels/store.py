"""What plastic synapses keep their weight in: a code, a pair of memristive conductances, or a leaking capacitor.

Laws and their sources stand in ``chipemu/store.py``; a kernel gets them as tables over the size of the code, so that
another device is other numbers. A conductance is drawn anew by every write, keyed by (noise seed, die, synapse, number
of the write), and nothing about it changes afterwards: its drift is worked out from its age whenever it is read. A die
that ages, or a call that is cut in two, therefore touches no state.

Conductances are in code steps, times in s of the die's life. Axes: r runs, p plastic synapses, c sizes of a code.
"""

import math
from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.elementary import exp, log
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.random import normal_pair, philox, words_at

CODE, PAIR, CAPACITOR = 0, 1, 2
WRITTEN, EXPONENT, DEVIATE = 0, 1, 2  # of a conductance; a capacitor holds its voltage in WRITTEN of side 0
LEAK, REFRESH, THRESHOLD, TOP = 0, 1, 2, 3  # of a capacitor: code steps a second, code steps a second, code, code

_MASK = np.uint64(0xFFFFFFFF)


class Store(NamedTuple):
    """State and laws of the weight store; every real array but times has the state's type."""

    kind: int
    time: np.ndarray  # (3) float64: length of a step, t_0, t_read [s]
    idle: np.ndarray  # (r) float64, time that the die has lain idle [s]
    cell: np.ndarray  # (r, p, 2, 3) what the last write left: side of the pair; WRITTEN, EXPONENT, DEVIATE
    since: np.ndarray  # (r, p) float64, time of the last write [s]
    count: np.ndarray  # (r, p) int64, writes so far
    gain: np.ndarray  # (r) compensation of drift, one factor a die
    target: np.ndarray  # (c) conductance asked for
    error: np.ndarray  # (r, c) standard deviation of the programming error
    exponent: np.ndarray  # (r, c, 2) mean and standard deviation of the drift exponent
    knot: np.ndarray  # (k) ln(t / t_0) of the columns of ``shift``
    shift: np.ndarray  # (r, c, k, 2) mean and standard deviation of the additive drift
    read: np.ndarray  # (r, c, 2) read noise, fixed and relative
    noisy: np.ndarray  # (r) bool, whether reading has any noise
    slope: np.ndarray  # (r, 4) LEAK, REFRESH, THRESHOLD, TOP of the capacitor


@kernel
def die_time(store, run, step):
    """Time that a die has lived in absolute step ``step`` [s]."""
    return store.idle[run] + step * store.time[0]


@kernel
def _write_pair(store, run, p, code, address, now, key_a, key_b):
    count = store.count[run, p] + 1
    store.count[run, p] = count
    store.since[run, p] = now
    like = store.cell[run, p, 0, WRITTEN]
    for side in range(2):
        size = max(code if side == 0 else -code, 0)
        a, b, c, d = philox(
            np.uint64(address), np.uint64(count) & _MASK, np.uint64(at.STREAM_PROGRAM), np.uint64(side), key_a, key_b
        )
        error, exponent = normal_pair(a, b, like)
        deviate = normal_pair(c, d, like)[0]
        written = store.target[size] + store.error[run, size] * error
        store.cell[run, p, side, WRITTEN] = max(written, real(0.0, like))
        store.cell[run, p, side, EXPONENT] = abs(
            store.exponent[run, size, 0] + store.exponent[run, size, 1] * exponent
        )  # fmt: skip
        store.cell[run, p, side, DEVIATE] = deviate


@kernel
def write(store, run, p, code, address, now, key_a, key_b):
    """Write a code into synapse ``p`` of ``run`` at time ``now`` [s]."""
    if store.kind == PAIR:
        _write_pair(store, run, p, code, address, now, key_a, key_b)
    elif store.kind == CAPACITOR:
        store.cell[run, p, 0, WRITTEN] = real(code, store.cell[run, p, 0, WRITTEN])
        store.since[run, p] = now


@kernel
def _shift(store, run, size, log_time, deviate):
    # additive drift: a line in ln(t / t_0) between knots, constant after the last
    last = store.knot.size - 1
    left = 0
    while left < last - 1 and log_time > store.knot[left + 1]:
        left += 1
    width = store.knot[left + 1] - store.knot[left]
    one = real(1.0, deviate)
    part = min((log_time - store.knot[left]) / width, one)
    mean = store.shift[run, size, left, 0] * (one - part) + store.shift[run, size, left + 1, 0] * part
    sigma = store.shift[run, size, left, 1] * (one - part) + store.shift[run, size, left + 1, 1] * part
    return mean + sigma * deviate


@kernel
def _conductance(store, run, p, side, size, log_time):
    cell = store.cell[run, p, side]
    # G(t) = G_prog (t / t_0)^-nu + shift(t), never below zero
    g = cell[WRITTEN] * exp(-cell[EXPONENT] * log_time)
    if store.knot.size > 0:
        g += _shift(store, run, size, log_time, cell[DEVIATE])
    return max(g, real(0.0, g))


@kernel
def read_pair(store, run, p, code, address, step, key_a, key_b):
    """Both conductances of a pair as an event in absolute step ``step`` finds them, in code steps."""
    now = die_time(store, run, step)
    like = store.cell[run, p, 0, WRITTEN]
    log_time = log(real(1.0 + (now - store.since[run, p]) / store.time[1], like))
    plus, minus = max(code, 0), max(-code, 0)
    up = _conductance(store, run, p, 0, plus, log_time)
    down = _conductance(store, run, p, 1, minus, log_time)
    if store.noisy[run]:
        growth = real(1.0, like)
        if store.time[2] > 0.0:
            # sqrt(ln((t + t_read) / (2 t_read))) with t = t_0 exp(log_time)
            growth = math.sqrt(log_time + log(real(store.time[1] / (2.0 * store.time[2]), like)))
        # the moment in steps of the die's life: a reading after an idle time is another one
        when = np.uint64(step + np.int64(store.idle[run] / store.time[0]))
        words = words_at(address, when, at.STREAM_READ, key_a, key_b)
        a, b = normal_pair(words[0], words[1], like)
        up += (store.read[run, plus, 0] + store.read[run, plus, 1] * up) * growth * a
        down += (store.read[run, minus, 0] + store.read[run, minus, 1] * down) * growth * b
    zero = real(0.0, like)
    return max(up, zero), max(down, zero)


@kernel
def voltage(store, run, p, now):
    """What a capacitor holds at time ``now``, in codes: the closed form of the law of `chipemu.store.Capacitor`."""
    v = store.cell[run, p, 0, WRITTEN]
    leak, refresh = store.slope[run, LEAK], store.slope[run, REFRESH]
    threshold, top = store.slope[run, THRESHOLD], store.slope[run, TOP]
    left = real(now - store.since[run, p], v)
    if v > threshold:
        rise = refresh - leak
        if rise >= real(0.0, v):
            return min(v + rise * left, top)
        until = (threshold - v) / rise
        if left <= until:
            return v + rise * left
        left -= until
        v = threshold
    return max(v - (leak + refresh) * left, -top)


@kernel
def read(store, run, p, code, address, step, key_a, key_b):
    """Signed weight that an event in absolute step ``step`` sees, in code steps; not for a store of codes."""
    if store.kind == CAPACITOR:
        return voltage(store, run, p, die_time(store, run, step))
    up, down = read_pair(store, run, p, code, address, step, key_a, key_b)
    return (up - down) * store.gain[run]


@kernel
def move(store, run, p, direction, now):
    """Move a capacitor by one code step, within its range; returns the nearest code."""
    top = store.slope[run, TOP]
    v = voltage(store, run, p, now) + real(direction, top)
    v = min(max(v, -top), top)
    store.cell[run, p, 0, WRITTEN] = v
    store.since[run, p] = now
    return np.int32(round(v))


@kernel
def write_all(store, code, address, chosen, step, keys):
    """Write the codes of the chosen (r, p) synapses, each run in its absolute step."""
    for run in range(code.shape[0]):
        for p in range(code.shape[1]):
            if chosen[run, p]:
                now = die_time(store, run, step[run])
                write(store, run, p, code[run, p], address[p], now, keys[run, 0], keys[run, 1])


@kernel
def read_all(store, code, address, step, keys, out):
    """Fill ``out`` (r, p) with what an event in each run's absolute step would see, in code steps."""
    for run in range(code.shape[0]):
        for p in range(code.shape[1]):
            out[run, p] = read(store, run, p, code[run, p], address[p], step[run], keys[run, 0], keys[run, 1])


@kernel
def read_pairs(store, code, address, step, keys, out):
    """Fill ``out`` (r, p, 2) with both conductances of every pair in each run's absolute step, in code steps."""
    for run in range(code.shape[0]):
        for p in range(code.shape[1]):
            up, down = read_pair(store, run, p, code[run, p], address[p], step[run], keys[run, 0], keys[run, 1])
            out[run, p, 0] = up
            out[run, p, 1] = down
