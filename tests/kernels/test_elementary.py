"""The float32 forms keep the errors that ``elementary.py`` states; float64 is libm."""

import math

import numpy as np
import pytest

from chipemu.kernels import elementary

N = 20_001


def test_exp_of_float32_keeps_its_stated_error():
    x = np.linspace(-80, 80, N).astype(np.float32)
    got = np.array([elementary.exp(value) for value in x], float)
    assert np.max(np.abs(got / np.exp(x.astype(float)) - 1)) <= 3e-7


def test_log_of_float32_keeps_its_stated_error():
    x = np.concatenate([np.geomspace(1.2e-38, 3.3e38, N), np.linspace(0.5, 2, N)]).astype(np.float32)
    got = np.array([elementary.log(value) for value in x], float)
    exact = np.log(x.astype(float))
    assert np.all(np.abs(got - exact) <= 2e-7 + 2e-7 * np.abs(exact))


def test_sine_and_cosine_of_float32_keep_their_stated_error():
    t = np.linspace(-0.5, 0.5, N).astype(np.float32)
    got = np.array([elementary.half_turn(value) for value in t], float)
    angle = np.pi * t.astype(float)
    assert np.max(np.abs(got - np.stack([np.sin(angle), np.cos(angle)], axis=1))) <= 5e-7


@pytest.mark.parametrize("x", [-100.0, -80.0, 80.0, 100.0])
def test_exp_of_float32_is_held_beyond_its_range(x):
    held = float(np.clip(x, -80, 80))
    assert elementary.exp(np.float32(x)) == pytest.approx(math.exp(held), rel=1e-6)


def test_exp_and_log_are_inverse_and_monotonic():
    x = np.linspace(-79, 79, N).astype(np.float32)
    grown = np.array([elementary.exp(value) for value in x])
    back = np.array([elementary.log(value) for value in grown], float)
    assert np.all(np.diff(grown) >= 0)
    assert np.max(np.abs(back - x)) <= 1e-6 + 4e-7 * 80


def test_float64_is_the_math_library():
    assert elementary.exp(np.float64(1.5)) == math.exp(1.5)
    assert elementary.log(np.float64(1.5)) == math.log(1.5)
    assert elementary.half_turn(np.float64(0.25)) == (math.sin(math.pi / 4), math.cos(math.pi / 4))
