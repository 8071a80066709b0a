"""The choice of every neuron between two leaks: it narrows a core, and everything else of the calibration holds."""

import dataclasses

import numpy as np
import pytest

from chipemu import load_device, sample_chip
from chipemu.calibration import calibrate, load_calibration
from chipemu.calibration.search import Knobs
from chipemu.errors import InputError
from chipemu.validation.calibration import every_core, time_constants


@pytest.fixture(scope="module")
def mapped():
    return every_core(load_device("dynapse1"), n=16)


@pytest.fixture(scope="module")
def chips(mapped):
    return [sample_chip(mapped.device, seed) for seed in (101, 102)]


@pytest.fixture(scope="module")
def chosen(mapped, chips):
    return calibrate(chips, mapped, leak_choice=True)


def test_the_spread_within_cores_falls(chosen):
    assert np.mean(chosen.leaks.after < chosen.leaks.before) >= 0.75
    assert np.median(chosen.leaks.after / chosen.leaks.before) < 0.95
    assert "two leaks: spread" in str(chosen)


def test_some_neurons_of_a_core_take_either_leak(mapped, chosen):
    placed = np.zeros(chosen.setting.second_leak.shape[1:], bool)
    placed[tuple(mapped.address.T)] = True
    assert not chosen.setting.second_leak[:, ~placed].any()
    part = chosen.setting.second_leak[:, placed].mean()
    assert 0.1 < part < 0.9


def test_time_constants_draw_together_too(mapped, chips, chosen):
    alone = calibrate(chips, mapped)
    spread = []
    for setting in (alone.setting, chosen.setting):
        tau = time_constants(mapped, chips, setting, chosen.points)
        spread.append(np.median(tau.std(2) / tau.mean(2)))
    assert spread[1] < spread[0]


def test_both_registers_move_together(chips, chosen):
    setting = chosen.setting
    knobs = Knobs(chips, setting, ["IF_TAU1_N"], {"IF_TAU1_N": ["IF_TAU2_N"]})
    moved, _ = knobs.setting(knobs.start + 0.5)
    ratio = [s.currents[..., s.index("IF_TAU2_N")] / s.currents[..., s.index("IF_TAU1_N")] for s in (setting, moved)]
    np.testing.assert_allclose(ratio[1], ratio[0], rtol=0.05)  # codes of 1.6 % at these currents
    assert np.all(moved.currents[..., moved.index("IF_TAU1_N")] > setting.currents[..., moved.index("IF_TAU1_N")])


def test_the_choice_comes_back_from_a_file(tmp_path, chosen):
    loaded = load_calibration(chosen.save(tmp_path / "c.h5"), chosen.chips[::-1], chosen.points)
    np.testing.assert_array_equal(loaded.setting.second_leak, chosen.setting.second_leak[::-1])
    np.testing.assert_array_equal(loaded.leaks.after, chosen.leaks.after[::-1])


def test_a_die_chooses_alone_as_in_company(mapped, chips, chosen):
    alone = calibrate(chips[1:], mapped, leak_choice=True)
    np.testing.assert_array_equal(alone.setting.second_leak[0], chosen.setting.second_leak[1])
    np.testing.assert_array_equal(alone.setting.codes[0], chosen.setting.codes[1])


def test_without_the_choice_no_neuron_leaks_elsewhere(mapped, chips):
    result = calibrate(chips[:1], mapped, most_steps=1)
    assert result.setting.second_leak is None
    assert result.leaks is None


def test_neurons_that_trim_their_leak_do_not_choose():
    mapped = every_core(load_device("per-neuron"), n=2)
    with pytest.raises(InputError, match=r"per-neuron .* trim their leak"):
        calibrate([sample_chip(mapped.device, 1)], mapped, leak_choice=True)


def test_a_die_without_mismatch_has_nothing_to_choose(mapped, chips):
    ideal = sample_chip(mapped.device, 5, without=["mismatch"])
    result = calibrate([ideal, chips[0]], mapped, leak_choice=True, most_steps=1)
    assert not result.setting.second_leak[0].any()
    assert np.all(np.isnan(result.leaks.before[0]))
    assert dataclasses.replace(result).trials[0] == 0
