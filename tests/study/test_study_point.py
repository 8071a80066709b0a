"""A point becomes the experiment that its factor values say, and leaves the rest as usual."""

from dataclasses import replace

import pytest
from test_study_run import TEXT

from chipemu.errors import CapacityError
from chipemu.learning.recipes import usual
from chipemu.learning.settings import Settings
from chipemu.study import parse_study, points, units
from chipemu.study.point import experiment, run_point

BUDGET = '[budget]\npresentations = 7\ncheckpoints = 2\nvalidation = 9\nfinalists = 1\naverage = 2\nwindow = "50 ms"\n'


def _points(lines, text=TEXT):
    return points(parse_study(text.replace("mismatch_scale = [0, 1, 4]", lines)))


def test_point_without_factors_is_the_usual_experiment():
    (point,) = _points("")
    budget, schedule = usual("binary")
    usual_one = Settings(
        "binary",
        device="ideal",
        where="host",
        chip_seeds=point.chip_seeds,
        noise_seeds=point.noise_seeds,
        seed=11,
        budget=budget,
        schedule=schedule,
    )
    assert experiment(point) == usual_one


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('without = "none"', {}),
        ('without = "noise+calibration"', {"without": ("noise", "calibration")}),
        ("levels = 7", {"levels": 7}),
        ("hidden = 30", {"hidden": 30, "budget": usual("binary", 30)[0], "schedule": usual("binary", 30)[1]}),
        ("mismatch_scale = 2", {"scale": {"mismatch": 2.0}}),
        ("noise_scale = 0.5", {"scale": {"noise": 0.5}}),
        ('temperature = "310 K"', {"temperature": 310.0}),
        ('corner = "SS"\nmismatch_model = "geometry"', {"corner": "SS", "mismatch_model": "geometry"}),
        ("eta = 0", {"eta": 0.0}),
        ('target_rate = "30 Hz"', {"schedule": replace(usual("binary")[1], target_rate=30.0)}),
        (
            BUDGET,
            {
                "budget": replace(
                    usual("binary")[0], presentations=7, checkpoints=2, validation=9, finalists=1, average=2
                ),
                "schedule": replace(usual("binary")[1], decide=0.05),
            },
        ),
    ],
)
def test_each_value_changes_its_setting_alone(line, changed):
    (reference,), (point,) = _points(""), _points(line)
    assert experiment(point) == replace(experiment(reference), **changed)


def test_transferred_weights_are_tested_as_they_are():
    trained, plain, injected = (
        experiment(point) for point in _points('training = ["trained", "transferred", "transferred-injected"]')
    )
    assert (trained.transfer, plain.transfer, injected.transfer) == (None, "snn", "snn-mismatch")
    assert trained.budget.presentations > 0
    assert plain.budget == injected.budget == replace(trained.budget, presentations=0)


def test_target_propagation_is_a_way_of_training_on_the_die():
    trained, opened = (experiment(point) for point in _points('training = ["trained", "target-propagation"]'))
    assert opened == replace(trained, target_propagation=True)


def test_ideal_device_follows_task_budget_and_target_rate_alone():
    text = TEXT.replace('"ideal"', '"dynapse1-plastic"').replace('"host"', '"chip"')
    study = parse_study(text + 'without = "noise"\nlevels = 5\neta = 3\ntarget_rate = "30 Hz"\n' + BUDGET)
    (ideal,) = (experiment(unit.point) for unit in units(study) if unit.ideal)
    schedule = replace(usual("binary")[1], decide=0.05, target_rate=30.0)
    assert (ideal.device, ideal.where, ideal.schedule, ideal.budget.presentations) == ("ideal", "host", schedule, 7)
    assert (ideal.without, ideal.levels, ideal.eta, ideal.scale) == ((), None, None, {})


def test_impossible_combination_fails_with_a_reason_before_any_work():
    (point,) = _points("", TEXT.replace('"ideal"', '"dynapse1"').replace('"host"', '"chip"'))
    with pytest.raises(CapacityError, match="dynapse1 has no plastic synapses"):
        run_point(point)
