"""Codes and currents of the bias generator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu import bias
from chipemu.bias_table import TableGenerator, factors
from chipemu.device import load_device
from chipemu.errors import InputError

GENERATOR = load_device("dynapse1").bias_generator
TABLE = np.array([[bias.current(GENERATOR, coarse, fine) for fine in range(256)] for coarse in range(8)])


def test_currents_follow_the_linear_law_above_the_floor():
    assert bias.current(GENERATOR, 3, 255) == pytest.approx(6.5e-9)
    assert bias.current(GENERATOR, 3, 51) == pytest.approx(6.5e-9 / 5)
    assert TABLE.min() == GENERATOR.floor


def test_codes_beyond_the_previous_full_scale():
    # fine <= 32..37 of a range repeats the one below: 1812 of 2048 codes rise above the previous maximum
    above = sum((TABLE[c] > (GENERATOR.I_max[c - 1] if c else -1)).sum() for c in range(8))
    assert above == 1812


@given(wanted=st.floats(1e-13, 3e-5))
def test_nearest_code_is_nearest_over_the_whole_table(wanted):
    got = bias.current(GENERATOR, *bias.nearest_code(GENERATOR, wanted))
    assert abs(got - wanted) == np.abs(TABLE - wanted).min()


@given(coarse=st.integers(0, 7), fine=st.integers(0, 255))
def test_a_code_is_its_own_nearest_current(coarse, fine):
    wanted = bias.current(GENERATOR, coarse, fine)
    assert bias.current(GENERATOR, *bias.nearest_code(GENERATOR, wanted)) == wanted


@given(coarse=st.integers(0, 7), fine=st.integers(0, 255))
def test_next_code_is_the_next_current_and_steps_back(coarse, fine):
    here = bias.current(GENERATOR, coarse, fine)
    up = bias.next_code(GENERATOR, (coarse, fine), +1)
    higher = TABLE[here < TABLE]
    assert bias.current(GENERATOR, *up) == (higher.min() if higher.size else here)
    if higher.size:
        assert bias.current(GENERATOR, *bias.next_code(GENERATOR, up, -1)) == here


def test_the_ends_of_the_table_hold():
    assert bias.next_code(GENERATOR, (7, 255), +3) == (7, 255)
    assert bias.current(GENERATOR, *bias.next_code(GENERATOR, (0, 0), -1)) == GENERATOR.floor
    assert bias.nearest_code(GENERATOR, 1.0) == (7, 255)


@pytest.mark.parametrize("code", [(8, 0), (-1, 0), (0, 256), (0, -1)])
def test_codes_that_do_not_exist_are_refused(code):
    with pytest.raises(InputError, match="allowed 0 to"):
        bias.current(GENERATOR, *code)


def test_a_current_that_is_not_finite_has_no_code():
    with pytest.raises(InputError, match="finite"):
        bias.nearest_code(GENERATOR, float("nan"))


DYNAPSE2 = load_device("dynapse2")
LEAK = DYNAPSE2.generators["SOIF_LEAK_N"]
DISTINCT = list({(g.I_max, g.factor): g for g in DYNAPSE2.generators.values()}.values())


def test_the_table_of_dynapse2_is_not_monotonic_and_never_below_its_floor():
    table = bias.currents(LEAK)
    assert table.shape == (6, 256)
    assert (np.diff(table, axis=1) < 0).any(axis=1).all()
    assert all(np.argmin(row) == 0 for row in table)


@given(wanted=st.floats(1e-13, 5e-6), generator=st.sampled_from(DISTINCT))
def test_nearest_code_is_nearest_over_the_whole_table_of_every_bias(wanted, generator):
    got = bias.current(generator, *bias.nearest_code(generator, wanted))
    assert abs(got - wanted) == np.abs(bias.currents(generator) - wanted).min()


@given(coarse=st.integers(0, 5), fine=st.integers(0, 255), generator=st.sampled_from(DISTINCT))
def test_steps_through_the_table_rise_although_codes_do_not(coarse, fine, generator):
    here = bias.current(generator, coarse, fine)
    up = bias.next_code(generator, (coarse, fine), +1)
    higher = bias.currents(generator)[bias.currents(generator) > here]
    assert bias.current(generator, *up) == (higher.min() if higher.size else here)


def test_span_is_that_of_the_table():
    assert bias.span(GENERATOR) == (GENERATOR.floor, 24e-6)
    assert bias.span(LEAK) == (bias.currents(LEAK).min(), bias.currents(LEAK).max())


def test_without_drops_a_table_is_linear_above_its_floor():
    # cells of exact powers of two but for the drop at their sum: 31 + 31 + 62 + 124 cells where a code of 255 has 255
    even = TableGenerator((255e-12,), 1e-12, ((0.0, 0.0, 0.0),), ((1e-12, 1.0),))
    row = bias.currents(even)[0]
    assert row[0] == 1e-12
    assert row[-1] == pytest.approx(255e-12)
    assert np.diff(row).min() >= 0


def test_a_factor_is_a_power_law_between_its_points_and_constant_beyond():
    generator = TableGenerator((1e-9,), 1e-12, ((0.0, 0.0, 0.0),), ((1e-12, 1.0), (1e-10, 0.01)))
    currents = np.array([1e-13, 1e-12, 1e-11, 1e-10, 1e-9])
    assert factors(generator, currents) == pytest.approx([1.0, 1.0, 0.1, 0.01, 0.01])
