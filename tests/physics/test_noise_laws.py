"""Laws of noise and mismatch: what they scale with, what they are independent of, and how they average."""

import dataclasses

import numpy as np
import pytest

from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.frozen_map import FrozenMap
from chipemu.validation.mismatch import cluster_cv, driven_rates, median_cv, membrane_time_constants, refractory_periods
from chipemu.validation.noise import closed_form_variance, thermal_variance
from chipemu.validation.testbench import bench, cells, holding_current, set_dc, silence

OTHERS = ("mismatch", "quantisation", "calibration", "flicker_noise", "supply_noise")


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def point(device):
    return load_point("mismatch-fit", device)


def held(device, point, *, scale, seeds=(1,), noise_seed=0, n=64, i_mem=200e-12):
    """ln I_mem of held neurons (die, neuron, time), with both noises scaled."""
    chips = [sample_chip(device, s, without=OTHERS, scale=scale, temperature=point.temperature) for s in seeds]
    dc = [holding_current(device, point, i_mem)] * len(seeds)
    emulator = bench(cells(device, point, n), point, chips, dc=dc, noise_seeds=[noise_seed])
    emulator.advance(silence(emulator, 0.3), 0.3)
    return np.log(emulator.run(silence(emulator, 0.4), 0.4, ("I_mem",), every=1e-2).I_mem.values)


def test_without_noise_nothing_moves(device, point):
    values = held(device, point, scale={"noise": 0})
    assert np.ptp(values) < 1e-6


@pytest.mark.parametrize("effect", ["thermal_noise", "input_noise"])
def test_deviation_is_proportional_to_the_scale(device, point, effect):
    # the same random numbers: in the linear range the deviation itself scales, not only its size
    other = ({"thermal_noise", "input_noise"} - {effect}).pop()
    rest = held(device, point, scale={"noise": 0})
    once, twice = (held(device, point, scale={other: 0, effect: size}) - rest for size in (0.5, 1))
    assert np.corrcoef(once.ravel(), twice.ravel())[0, 1] > 0.999
    assert twice.std() / once.std() == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("i_mem", [60e-12, 200e-12])
def test_thermal_noise_is_kt_over_c(device, point, i_mem, monkeypatch):
    monkeypatch.setattr("chipemu.validation.noise.HELD", i_mem)
    assert thermal_variance(device, point) == pytest.approx(closed_form_variance(device, point, i_mem), rel=0.04)


def test_neurons_dies_and_noise_seeds_are_independent(device, point):
    first, second = held(device, point, scale={"input_noise": 0}, seeds=(1, 2))
    other = held(device, point, scale={"input_noise": 0}, noise_seed=5)[0]
    shifted = np.roll(first, 1, axis=0)
    for different in (second, other, shifted):
        correlation = np.corrcoef(first.ravel(), different.ravel())[0, 1]
        # 64 neurons, about 15 independent samples each: four standard errors
        assert abs(correlation) < 4 / np.sqrt(64 * 15)


def test_mismatch_is_fixed_in_time(device, point):
    chips = [sample_chip(device, 1, without=["noise", "quantisation"], temperature=point.temperature)]
    emulator = bench(cells(device, point, 16), point, chips, dc=[120e-12])
    emulator.advance(silence(emulator, 1.0), 1.0)
    first = emulator.run(silence(emulator, 1e-3), 1e-3, ("V_mem",)).V_mem.values
    set_dc(emulator, [0.0])
    emulator.advance(silence(emulator, 0.2), 0.2)
    set_dc(emulator, [120e-12])
    emulator.advance(silence(emulator, 1.0), 1.0)
    again = emulator.run(silence(emulator, 1e-3), 1e-3, ("V_mem",)).V_mem.values
    np.testing.assert_allclose(first, again, atol=1e-6)
    assert first.std() > 1e-3


def test_tau_has_the_spread_of_its_leak(device, point):
    # tau ~ 1 / I_tau and lognormal: CV = sqrt(exp(sigma^2) - 1); three standard errors of 2 x 256 neurons
    expected = np.sqrt(np.expm1(device.mismatch.within_core["I_tau"] ** 2))
    got = median_cv(membrane_time_constants(device, point, (1, 2)))
    assert got == pytest.approx(expected, rel=3 / np.sqrt(2 * 512) + 0.02)


def test_rates_spread_like_the_dead_time_at_saturation(device, point):
    # a cell that fires as soon as it may shows nothing but its dead time
    dead = refractory_periods(device, point, (1,))
    assert median_cv(1 / dead) == pytest.approx(device.mismatch.within_core["I_ref"], rel=0.15)


def test_averaging_follows_the_finite_core():
    # independent neurons: sqrt((256 - N) / (256 N)) of one, because clusters are drawn from one core
    rates = 50 * (1 + 0.18 * np.random.default_rng(1).standard_normal((1, 40, 256)))
    one = cluster_cv(rates, 1, np.random.default_rng(2))
    for size in (2, 8, 32):
        expected = one * np.sqrt((256 - size) / (256 * size))
        assert cluster_cv(rates, size, np.random.default_rng(3)) == pytest.approx(expected, rel=0.1)


def test_rate_spread_grows_with_the_mismatch_scale(device, point):
    cvs = []
    for scale in (0.5, 1.0, 1.5):
        within = FrozenMap({name: scale * value for name, value in device.mismatch.within_core.items()})
        scaled = dataclasses.replace(device, mismatch=dataclasses.replace(device.mismatch, within_core=within))
        cvs.append(median_cv(driven_rates(scaled, point, 12, (1, 2, 3), 1.0).mean(0)))
    assert cvs[0] < 0.7 * cvs[1] < 0.7 * cvs[2]
