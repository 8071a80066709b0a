"""Calibration that reads membranes brings the times of cores together, and rates with what is left to turn."""

import numpy as np
import pytest

from chipemu.calibration import calibrate
from chipemu.calibration.carry_over import carry_over
from chipemu.chip import sample_chip
from chipemu.device import load_device
from chipemu.errors import InputError
from chipemu.parameters import point_setting
from chipemu.validation.calibration import dead_times, every_core, time_constants


@pytest.fixture(scope="module")
def mapped():
    return every_core(load_device("dynapse1"), n=16)


@pytest.fixture(scope="module")
def chips(mapped):
    return [sample_chip(mapped.device, seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def read(mapped, chips):
    return calibrate(chips, mapped, core_times=True)


def core_means(measure, mapped, chips, setting, points):
    return np.nanmean(measure(mapped, chips, setting, points), axis=-1)


@pytest.mark.parametrize("measure", [dead_times, time_constants])
def test_times_of_cores_come_together(measure, mapped, chips, read):
    start = point_setting(mapped, chips, read.points)
    before, after = (core_means(measure, mapped, chips, s, read.points).std() for s in (start, read.setting))
    assert after < 0.15 * before


def test_from_spikes_alone_time_constants_stay_apart(mapped, chips, read):
    blind = calibrate(chips, mapped)
    spread = [core_means(time_constants, mapped, chips, r.setting, r.points).std() for r in (read, blind)]
    assert spread[0] < 0.2 * spread[1]


def test_rates_are_within_the_tolerance_all_the_same(read):
    assert read.success.all()
    assert read.unobserved == {("output", "refractory"): "membranes are read instead"}


def test_a_die_is_set_by_itself(mapped, chips, read):
    alone = calibrate(chips[1:2], mapped, core_times=True)
    assert np.array_equal(alone.setting.currents[0], read.setting.currents[1])
    assert alone.trials[0] == read.trials[1] > 6  # every reading is one


def test_what_was_read_is_not_judged_by_rates_at_another_temperature(mapped, chips, read):
    warm = carry_over(read, [chip.set_temperature("26degC") for chip in chips], mapped)
    assert np.isnan(warm.after[:, :, read.names.index("refractory")]).all()


def test_times_come_together_with_temperature_switched_off(mapped):
    warm = [sample_chip(mapped.device, 1, without=["temperature"], temperature=320.0)]
    result = calibrate(warm, mapped, core_times=True)
    cool = calibrate([sample_chip(mapped.device, 1)], mapped, core_times=True)
    leak = result.setting.index("IF_TAU1_N")
    np.testing.assert_allclose(result.setting.currents[..., leak], cool.setting.currents[..., leak], rtol=0.02)


def test_a_perfect_die_is_left_alone(mapped):
    ideal = sample_chip(mapped.device, 5, without=["mismatch", "bias_quantisation"])
    result = calibrate([ideal], mapped, core_times=True)
    assert result.trials.tolist() == [0]


def test_neurons_that_trim_their_times_are_not_read_by_cores():
    mapped = every_core(load_device("per-neuron"), n=2)
    with pytest.raises(InputError, match=r"per-neuron .* one by one; leave out core_times"):
        calibrate([sample_chip(mapped.device, 1)], mapped, core_times=True)
