"""Counter-based random numbers: a number depends on its key and its address, never on the order of asking.

Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2), tested
against its published known-answer vectors.  Keys are (seed, die seed); counters are (address, time, stream, word).
"""

import math

import numpy as np

from chipemu.kernels.elementary import half_turn, log
from chipemu.kernels.jit import kernel, real

_MASK = np.uint64(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_HALF = np.uint64(32)


@kernel(inline=True)
def _round(c0, c1, c2, c3, k0, k1):
    p0 = _M0 * c0
    p1 = _M1 * c2
    return (
        (p1 >> _HALF) ^ c1 ^ k0,
        p1 & _MASK,
        (p0 >> _HALF) ^ c3 ^ k1,
        p0 & _MASK,
        (k0 + _W0) & _MASK,
        (k1 + _W1) & _MASK,
    )


@kernel(inline=True)
def philox(c0, c1, c2, c3, k0, k1):
    """Four 32-bit words (as uint64) from a counter of four and a key of two 32-bit words (as uint64)."""
    # ten rounds written out: an inner loop would keep the caller's loop over lanes from being packed
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@kernel(inline=True)
def words_at(address, time, stream, key_a, key_b):
    """Four words that belong to an address at an absolute time (uint64), of one stream (see ``layout``)."""
    return philox(np.uint64(address), time & _MASK, np.uint64(stream), time >> _HALF, key_a, key_b)


@kernel
def uniform(word, like):
    """A uniform number in (0, 1] from the upper 24 bits of a word; never 0, so that its logarithm exists."""
    return (real(np.int32(word >> np.uint64(8)), like) + real(0.5, like)) * real(2.0**-24, like)


@kernel
def _on_circle(u, t, like):
    # Box and Muller 1958, of two uniform numbers
    radius = math.sqrt(real(-2.0, like) * log(u))
    sine, cosine = half_turn(t - real(0.5, like))
    two = real(2.0, like)
    # angle 2 pi t from the half angle: cos = 1 - 2 sin^2, sin = 2 sin cos
    return radius * (real(1.0, like) - two * sine * sine), radius * two * sine * cosine


@kernel
def normal_pair(word_a, word_b, like):
    """Two independent standard normals (Box and Muller 1958); the tail ends at 5.9 standard deviations."""
    return _on_circle(uniform(word_a, like), uniform(word_b, like), like)


@kernel
def normals_of_word(word, like):
    """Two independent standard normals from one word: 20 bits of radius, 12 of angle; the tail ends at 5.4 deviations.

    4096 equal angles leave every moment below the 4096th as it is.
    """
    radius_bits = np.int32(word >> np.uint64(12))
    angle_bits = np.int32(word & np.uint64(0xFFF))
    u = (real(radius_bits, like) + real(0.5, like)) * real(2.0**-20, like)
    t = (real(angle_bits, like) + real(0.5, like)) * real(2.0**-12, like)
    return _on_circle(u, t, like)


@kernel(inline=True)
def _fixed_words(address, stream, index, key_a, key_b):
    # words of an address that no time changes
    return philox(
        np.uint64(address),
        np.uint64(index),
        np.uint64(stream),
        np.uint64(0),
        np.uint64(key_a) & _MASK,
        np.uint64(key_b) & _MASK,
    )


@kernel
def fill_normals(addresses, stream, index, key_a, key_b, out):
    """Standard normals for an array of addresses.

    Parameters
    ----------
    addresses : (n,) uint32
        What the number belongs to, e.g. core * 65536 + neuron.
    stream, index : int
        Stream (see ``layout``) and which number of that stream.
    key_a, key_b : int
        Seeds.
    out : (n,) float64
        Filled in place.
    """
    like = out[0]
    for i in range(addresses.size):
        word = _fixed_words(addresses[i], stream, index, key_a, key_b)
        out[i] = normal_pair(word[0], word[1], like)[0]


@kernel
def fill_uniforms(addresses, stream, index, key_a, key_b, out):
    """Uniform numbers in (0, 1] for an array of addresses; parameters as for `fill_normals`."""
    like = out[0]
    for i in range(addresses.size):
        word = _fixed_words(addresses[i], stream, index, key_a, key_b)
        out[i] = uniform(word[0], like)
