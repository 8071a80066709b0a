"""A calibrated die used at another temperature or later: what remains, and what is refused."""

import numpy as np
import pytest

from chipemu import load_device, sample_chip
from chipemu.calibration import calibrate, carry_over, load_calibration
from chipemu.errors import InputError
from chipemu.learning import experiment
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.validation.calibration import every_core


@pytest.fixture(scope="module")
def mapped():
    return every_core(load_device("dynapse1"), n=12)


@pytest.fixture(scope="module")
def calibrated(mapped):
    return calibrate([sample_chip(mapped.device, seed) for seed in (101, 102, 103)], mapped)


def error(result):
    return np.nanmedian(np.abs(np.log(np.maximum(result.after, 0.02))), axis=(0, 1))


def test_a_die_that_has_not_changed_stays_calibrated(mapped, calibrated):
    again = carry_over(calibrated, calibrated.chips, mapped)
    assert np.all(error(again) < 0.1)
    np.testing.assert_array_equal(again.before, calibrated.after)
    np.testing.assert_array_equal(again.setting.codes, calibrated.setting.codes)
    assert np.all(again.trials == calibrated.trials + 6)


def test_rates_leave_the_design_the_more_the_warmer(mapped, calibrated):
    warm, hot = (
        carry_over(calibrated, [chip.set_temperature(t) for chip in calibrated.chips], mapped)
        for t in ("35degC", "60degC")
    )
    assert np.mean(error(warm)) > np.mean(error(calibrated))
    assert np.mean(error(hot)) > 2 * np.mean(error(warm))
    # what is common to all dies moves, and the cores stay alike
    spread = [np.nanstd(np.log(np.maximum(r, 0.02)), axis=(0, 1)) for r in (calibrated.before, hot.after)]
    assert np.all(spread[1][1:] < spread[0][1:])


def test_drift_of_a_week_is_seen_and_calibrated_away(mapped, calibrated):
    older = [chip.age("1 week") for chip in calibrated.chips]
    left = carry_over(calibrated, older, mapped)
    assert np.mean(error(left)) > 2 * np.mean(error(calibrated))
    assert np.mean(error(calibrate(older, mapped))) < 0.5 * np.mean(error(left))


def test_a_saved_calibration_serves_a_die_that_has_warmed_up(tmp_path, mapped, calibrated):
    path = calibrated.save(tmp_path / "c.h5")
    hot = [chip.set_temperature("60degC") for chip in calibrated.chips]
    loaded = load_calibration(path, hot, calibrated.points)
    now = carry_over(loaded, hot, mapped)
    np.testing.assert_array_equal(now.after, carry_over(calibrated, hot, mapped).after)


def test_other_dies_are_refused(mapped, calibrated):
    with pytest.raises(InputError, match="dies 7 are not those that were calibrated, in their order: 101, 102, 103"):
        carry_over(calibrated, [sample_chip(mapped.device, 7)], mapped)
    with pytest.raises(InputError, match="not those that were calibrated"):
        carry_over(calibrated, calibrated.chips[::-1], mapped)


def test_learning_at_another_temperature_than_calibration_sees_other_dies():
    budget = Budget(2, 1, 2)
    hot = {"task": "binary", "where": "host", "chip_seeds": (101,), "temperature": 333.15, "budget": budget}
    apart = experiment.learn(Settings(**hot, calibrate_at=298.15))
    together = experiment.learn(Settings(**hot))
    assert not bool(apart["calibration_success"][0])
    assert not np.allclose(apart["die_offset"], together["die_offset"])


def test_a_perfect_die_that_has_become_hot_is_judged(mapped):
    chip = sample_chip(mapped.device, 1, without=["mismatch"])
    cool = calibrate([chip], mapped)
    hot = carry_over(cool, [chip.set_temperature("60degC")], mapped)
    assert np.isnan(cool.after).all()
    assert np.isfinite(hot.after).any()
    assert not hot.success[0]
