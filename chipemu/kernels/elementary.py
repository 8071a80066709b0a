"""Exponential, logarithm and unit circle: pure arithmetic in float32 (so that 16 lanes go at once), libm in float64.

Stated errors of the float32 forms, tested in ``tests/kernels/test_elementary.py``: exp 3e-7 relative in [-80, 80],
log 2e-7 absolute + 2e-7 relative for normal numbers, sine and cosine 5e-7 absolute.
"""

import math

import numba
import numpy as np
from numba.extending import overload

from chipemu.kernels.jit import INTERPRETED, bits32, float32_from_bits, kernel


@kernel
def _exp32(x):
    # exp(x) = 2^k exp(r), r = x - k ln2 in [-ln2/2, ln2/2]; Taylor to r^7 (remainder < 6e-9)
    x = min(max(x, np.float32(-80.0)), np.float32(80.0))
    # adding 1.5 * 2^23 leaves no fraction bits: rounds to the nearest integer without a library call
    k = np.float32(x * np.float32(1.442695041) + np.float32(12582912.0)) - np.float32(12582912.0)
    # ln2 in two parts: the first has few bits, so that k times it is exact
    r = (x - k * np.float32(0.693359375)) + k * np.float32(2.12194440e-4)
    # pairs of terms side by side (Estrin): the chain of operations that wait for each other is half as long
    r2 = r * r
    low = (r + np.float32(1.0)) + r2 * (r * np.float32(1 / 6) + np.float32(0.5))
    high = (r * np.float32(1 / 120) + np.float32(1 / 24)) + r2 * (r * np.float32(1 / 5040) + np.float32(1 / 720))
    p = low + r2 * r2 * high
    return p * float32_from_bits((np.int32(k) + np.int32(127)) << np.int32(23))


@kernel
def _log32(x):
    # x = 2^e m, m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(z), z = (m-1)/(m+1), |z| < 0.172
    # integers are kept in 32 bits: Numba widens sums and shifts, and half as many lanes would go at once
    i = np.int32(bits32(x) - np.int32(0x3F3504F3))
    e = np.int32(i >> np.int32(23))
    m = float32_from_bits(np.int32((i & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)))
    z = (m - np.float32(1.0)) / (m + np.float32(1.0))
    w = z * z
    w2 = w * w
    low = np.float32(2.0) + w * np.float32(2 / 3)
    high = np.float32(2 / 5) + w * np.float32(2 / 7) + w2 * np.float32(2 / 9)
    p = low + w2 * high
    return p * z + np.float32(e) * np.float32(0.6931471806)


@kernel
def _rough_exp32(x):
    # as exp, to r^3: 6e-4
    x = min(max(x, np.float32(-80.0)), np.float32(80.0))
    k = np.float32(x * np.float32(1.442695041) + np.float32(12582912.0)) - np.float32(12582912.0)
    r = x - k * np.float32(0.6931471806)
    p = (r + np.float32(1.0)) + r * r * (r * np.float32(1 / 6) + np.float32(0.5))
    return p * float32_from_bits((np.int32(k) + np.int32(127)) << np.int32(23))


@kernel
def _rough_log32(x):
    # x = 2^e m, m in [1, 2): a parabola in m through both ends errs by 6e-3
    i = bits32(x)
    m = float32_from_bits(np.int32((i & np.int32(0x007FFFFF)) | np.int32(0x3F800000)))
    e = np.float32(np.int32(i >> np.int32(23)) - np.int32(127))
    return (e - np.float32(1.6748748) + m * (np.float32(2.0246877) - m * np.float32(0.34484843))) * np.float32(
        0.6931471806
    )


@kernel
def _half_turn32(t):
    # sine and cosine of pi t, t in [-1/2, 1/2]: Taylor in (pi t)^2
    a = t * np.float32(3.14159265)
    w = a * a
    w2 = w * w
    w4 = w2 * w2
    s = (np.float32(1.0) + w * np.float32(-1 / 6)) + w2 * (np.float32(1 / 120) + w * np.float32(-1 / 5040))
    s = s + w4 * (np.float32(1 / 362880) + w * np.float32(-1 / 39916800))
    c = (np.float32(1.0) + w * np.float32(-0.5)) + w2 * (np.float32(1 / 24) + w * np.float32(-1 / 720))
    c = c + w4 * ((np.float32(1 / 40320) + w * np.float32(-1 / 3628800)) + w2 * np.float32(1 / 479001600))
    return a * s, c


def exp(x):
    """``e^x`` in the type of ``x``."""
    return _exp32(x) if x.dtype == np.float32 else np.float64(math.exp(x))


def log(x):
    """Natural logarithm in the type of ``x`` (positive normal numbers)."""
    return _log32(x) if x.dtype == np.float32 else np.float64(math.log(x))


def rough_exp(x):
    """``e^x`` to 1e-3 in float32, for the start of an iteration."""
    return _rough_exp32(x) if x.dtype == np.float32 else np.float64(math.exp(x))


def rough_log(x):
    """Natural logarithm to 1e-2 (absolute) in float32, for the start of an iteration."""
    return _rough_log32(x) if x.dtype == np.float32 else np.float64(math.log(x))


def half_turn(t):
    """Sine and cosine of ``pi * t`` for ``t`` in [-1/2, 1/2], in the type of ``t``."""
    if t.dtype == np.float32:
        return _half_turn32(t)
    return np.float64(math.sin(math.pi * t)), np.float64(math.cos(math.pi * t))


if not INTERPRETED:

    @overload(exp, inline="always")
    def _exp_overload(x):
        return (lambda x: _exp32(x)) if x == numba.float32 else (lambda x: math.exp(x))

    @overload(log, inline="always")
    def _log_overload(x):
        return (lambda x: _log32(x)) if x == numba.float32 else (lambda x: math.log(x))

    @overload(rough_exp, inline="always")
    def _rough_exp_overload(x):
        return (lambda x: _rough_exp32(x)) if x == numba.float32 else (lambda x: math.exp(x))

    @overload(rough_log, inline="always")
    def _rough_log_overload(x):
        return (lambda x: _rough_log32(x)) if x == numba.float32 else (lambda x: math.log(x))

    @overload(half_turn, inline="always")
    def _half_turn_overload(t):
        if t == numba.float32:
            return lambda t: _half_turn32(t)
        return lambda t: (math.sin(math.pi * t), math.cos(math.pi * t))
