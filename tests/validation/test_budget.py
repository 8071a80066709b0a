"""The budget of a neuron's spread: shares that add up, areas that follow, and yields that come true."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import norm

from chipemu.device import load_device, load_point
from chipemu.errors import InputError
from chipemu.validation.budget import OUTPUTS, allowed_sigma, budget
from chipemu.validation.spread import distance


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def split(device):
    return budget(device, load_point("mismatch-fit", device))


def test_shares_add_up_and_come_sorted(split):
    for output in OUTPUTS:
        shares = list(split.by_class(output).values())
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)


def test_the_time_constant_is_the_leak_alone(split):
    # tau = C U_T / (kappa I_tau): slope -1, but for the leakage
    k = split.parameters.index("I_tau")
    assert split.slope[OUTPUTS.index("tau_mem"), k] == pytest.approx(-1, rel=0.03)
    assert split.by_class("tau_mem")["leak"] > 0.99


def test_gain_and_weight_of_a_synapse_act_alike_on_the_rate(split):
    # the mean current is I_gain I_w t_pulse / I_tau
    slopes = dict(zip(split.parameters, split.slope[OUTPUTS.index("rate")], strict=True))
    assert slopes["I_w_ampa"] > 0.3
    for name, sign in (("I_gain_ampa", 1), ("I_tau_ampa", -1), ("I_pulse", -1)):
        assert slopes[name] == pytest.approx(sign * slopes["I_w_ampa"], rel=0.05)
    assert slopes["I_w_nmda"] == 0


def test_areas_in_common_and_least_areas_reach_the_same_spread(split):
    allowed = allowed_sigma(0.1, 0.95)
    variance = split.variance[OUTPUTS.index("rate")]
    assert np.sqrt(variance.sum() / split.area_factor()) == pytest.approx(allowed)
    best = split.best_areas()
    scaled = [v * split.area[c] / best[c] for v, c in zip(variance, split.classes, strict=True)]
    assert np.sqrt(sum(scaled)) == pytest.approx(allowed)


def test_no_other_division_of_the_area_is_smaller(split):
    def total(areas):
        return sum(areas[name] for name in split.classes)

    best, output = split.best_areas(), OUTPUTS.index("rate")
    costly = [name for name in best if split.by_class("rate")[name] > 0.01]
    before = total(best)
    for one, other in itertools.permutations(costly, 2):
        moved = best | {one: 1.1 * best[one], other: 0.9 * best[other]}
        spread = sum(v * split.area[c] / moved[c] for v, c in zip(split.variance[output], split.classes, strict=True))
        # back to the spread asked for by a factor on every area that costs something
        factor = spread / allowed_sigma(0.1, 0.95) ** 2
        paid = {name: area * (factor if split.by_class("rate")[name] > 0 else 1) for name, area in moved.items()}
        assert total(paid) >= before * (1 - 1e-9)


def test_allowed_spread_gives_the_share():
    sigma = allowed_sigma(0.2, 0.9)
    assert norm.cdf(np.log(1.2) / sigma) - norm.cdf(np.log(0.8) / sigma) == pytest.approx(0.9)


@pytest.mark.parametrize("wrong", [{"within": 0.0}, {"within": 1.0}, {"share": 1.0}, {"share": float("nan")}])
def test_a_yield_out_of_range_is_refused(split, wrong):
    with pytest.raises(InputError, match="allowed between 0 and 1"):
        split.area_factor(**wrong)
    with pytest.raises(InputError, match="allowed between 0 and 1"):
        split.best_areas(**wrong)


def test_a_die_without_spread_has_no_budget():
    ideal = load_device("ideal")
    with pytest.raises(InputError, match="no spread"):
        budget(ideal, load_point("mismatch-fit", ideal))


def test_a_point_that_cannot_fire_is_refused(device):
    with pytest.raises(InputError, match="does not fire under 500 Hz through 64 AMPA words"):
        budget(device, load_point("ds-fi", device))


def test_without_transistors_shares_remain_and_areas_do_not(device):
    bare = dataclasses.replace(device, transistors=None)
    split = budget(bare, load_point("mismatch-fit", bare))
    assert split.area == {}
    assert split.best_areas() == {}
    assert set(split.by_class("rate")) == {"-"}


def test_a_distance_finds_a_spread_that_is_five_percent_off():
    values = np.random.default_rng(0).standard_normal(70_000)
    assert distance(values, "norm") < 1 < distance(1.05 * values, "norm")
