"""What each effect costs: the study that asks, the figure and the table that answer."""

import numpy as np
import pytest
import xarray as xr

from chipemu import figures
from chipemu.device import load_device
from chipemu.effect_sizes import effects_of as effects_of_device
from chipemu.effects import EFFECTS, all_but
from chipemu.errors import InputError, StudyFileError
from chipemu.report.tables import effect_table
from chipemu.study import parse_study
from chipemu.study.form import effects_of

HEAD = """
[study]
name = "effects"
task = "binary"
device = "dynapse1-plastic"
where = "chip"
chips = 2
noise_seeds = 1
seed = 0
[factors]
"""


@pytest.fixture
def study():
    """Two dies; calibration gains nothing, noise costs 5 points alone and 8 on the real die, drift 1 and 2."""
    without = ["none", "all", "only:drift", "only:noise", "drift", "noise", "calibration"]
    accuracy = [[0.80, 0.90], [1.0, 0.98], [0.99, 0.97], [0.95, 0.93], [0.82, 0.92], [0.88, 0.98], [0.80, 0.90]]
    return xr.Dataset({"accuracy_test": (("without", "chip", "noise"), np.array(accuracy)[:, :, None])},
                      {"without": without})  # fmt: skip


def test_each_stands_for_all_effects_none_each_alone_and_all_but_each():
    values = parse_study(HEAD + 'without = "each"').factors["without"]
    assert values[:2] == ("none", "all")
    held = set(effects_of_device(load_device("dynapse1-plastic")))
    assert set(values[2:]) == {f"only:{name}" for name in held - {"calibration"}} | held
    assert "read_noise" not in held  # nothing memristive on it


def test_what_stays_on_is_everything_not_named_and_calibration():
    assert effects_of("only:noise+bias_drift") == all_but(["noise", "bias_drift"])
    assert effects_of("all") == tuple(name for name in EFFECTS if name != "calibration")
    with pytest.raises(StudyFileError, match="unknown effect 'nois'; nearest: noise"):
        parse_study(HEAD + 'without = ["only:nois"]')


def test_costs_are_paired_by_run_and_ranked(study):
    costs = figures.effect_costs(study)
    assert costs.names == ("noise", "drift", "calibration")
    np.testing.assert_allclose(costs.alone[:2], [[5, 5], [1, 1]])
    np.testing.assert_allclose(costs.gained, [[8, 8], [2, 2], [0, 0]], atol=1e-9)
    assert np.isnan(costs.alone[2]).all()


def test_the_figure_has_a_row_an_effect_the_dearest_on_top(study):
    axes = figures.effect_ranking(study)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["noise", "drift", "calibration"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert "points" in axes.get_xlabel()


def test_the_table_says_what_to_act_on_first(study):
    first = effect_table(study).rows[0]
    assert first == ("1", "noise", "+8.0", "+8.0 to +8.0", "+5.0", "+5.0 to +5.0", "0.75")


def test_a_cost_is_told_from_chance():
    rng, without = np.random.default_rng(0), ["none", "all", "only:noise", "only:drift", "noise", "drift"]
    shift = np.array([0.0, 0.05, 0.0, 0.05, 0.05, 0.0])  # noise costs 5 points, drift none
    runs = 0.9 + shift[:, None, None] + 0.01 * rng.standard_normal((6, 5, 3))
    costs = figures.effect_costs(xr.Dataset({"accuracy_test": (("without", "chip", "noise"), runs)},
                                            {"without": without}))  # fmt: skip
    assert costs.names == ("noise", "drift")
    assert costs.q[0] < 0.01
    assert costs.q[1] > 0.05


def test_a_failed_run_costs_one_run():
    rng = np.random.default_rng(0)
    runs = np.repeat([[0.9], [0.95], [0.9], [0.95]], 15, axis=1) + 0.01 * rng.standard_normal((4, 15))
    runs[0, 3] = np.nan
    without = ["none", "all", "only:noise", "noise"]
    dataset = xr.Dataset({"accuracy_test": (("without", "chip", "noise"), runs[..., None])}, {"without": without})
    assert figures.effect_costs(dataset).q[0] < 0.01


def test_an_effect_that_changes_no_run_is_chance(study):
    assert figures.effect_costs(study).q[-1] == 1.0


def test_a_study_without_both_ends_is_refused(study):
    assert not figures.has_effect_costs(study.isel(without=slice(1, None)))
    with pytest.raises(InputError, match='without = "each"'):
        figures.effect_costs(study.isel(without=slice(1, None)))


def test_dies_with_the_weights_of_another_have_costs_of_their_own(study):
    assert not figures.has_cloned(study)
    study["accuracy_cloned"] = study.accuracy_test - 0.3 * (study["without"] == "only:drift")
    assert figures.has_cloned(study)
    costs = figures.effect_costs(study, cloned=True)
    assert costs.names[0] == "drift"
    np.testing.assert_allclose(costs.alone[0], [31, 31])
    assert "weights of another die" in figures.effect_ranking(study, cloned=True).get_xlabel()
    assert "another die" in effect_table(study, cloned=True).title
