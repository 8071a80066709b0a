"""Levels keep the range, decay and margin do what they say, and what does not fit is refused."""

import numpy as np
import pytest

from chipemu.errors import InputError
from chipemu.learning.recipes import usual
from chipemu.learning.rules import HostRule
from chipemu.learning.settings import Settings, host_rule, place
from chipemu.learning.train import Budget, _lead
from chipemu.tasks import names


def test_fewer_levels_keep_the_range_and_the_mean_update():
    plain = place(Settings("binary"))[0]
    coarse = place(Settings("binary", levels=7))[0]
    a, b = plain.plastic, coarse.plastic
    assert (a.code_max, b.code_max) == (15, 3)
    assert b.code_max * b.word_per_code == pytest.approx(a.code_max * a.word_per_code)
    # words a coulomb of feedback: probability of a step times its size
    assert b.word_per_code / b.step_charge == pytest.approx(a.word_per_code / a.step_charge)
    assert plain.hash != coarse.hash


def test_at_a_host_levels_are_words_of_either_sign():
    assert host_rule(Settings("yinyang", where="host")).limit is None
    assert host_rule(Settings("yinyang", where="host", levels=5)).limit == 2
    assert host_rule(Settings("digits", where="host")).limit == 1
    assert host_rule(Settings("breast-cancer", where="host")).limit == 2
    assert host_rule(Settings("digits", host=HostRule(limit=4), eta=0.5)) == HostRule(limit=4, eta=0.5)


@pytest.mark.parametrize("levels", [2, 4, 1, 2049])
@pytest.mark.parametrize("where", ["chip", "host"])
def test_levels_without_a_middle_are_refused(where, levels):
    settings = Settings("binary", where=where, levels=levels)
    with pytest.raises(InputError, match="odd number from 3"):
        host_rule(settings) if where == "host" else place(settings)


def test_the_learning_rate_falls_where_the_budget_says():
    budget = Budget(decay=((0.34, 0.3), (0.67, 0.1)))
    assert [budget.eta_factor(x) for x in (0, 0.33, 0.34, 0.66, 0.67, 1)] == [1, 1, 0.3, 0.3, 0.1, 0.1]


def test_the_lead_is_over_the_best_other_unit():
    counts = np.array([[9, 4, 7], [3, 3, 1], [0, 5, 2]])
    np.testing.assert_array_equal(_lead(counts, np.array([0, 1, 2])), [2, 0, -3])


@pytest.mark.parametrize("task", names())
def test_every_task_has_its_usual_budget(task):
    budget, schedule = usual(task)
    assert 1 <= budget.checkpoints <= budget.presentations
    assert budget.finalists <= budget.checkpoints
    assert schedule.decide > 0
