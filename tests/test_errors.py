"""Exit codes and wording of the exceptions."""

import inspect

import pytest

from chipemu import errors

INPUT_ERRORS = [
    error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, errors.InputError)
]


@pytest.mark.parametrize("error", INPUT_ERRORS)
def test_every_input_error_exits_with_2(error):
    assert error.exit_code == 2


def test_a_failed_run_exits_with_1():
    assert errors.RunError.exit_code == errors.ChipemuError.exit_code == 1


def test_unknown_name_offers_the_nearest_three_and_says_where():
    known = ["IF_TAU1_N", "IF_TAU2_N", "IF_THR_N", "R2R_P", "IF_DC_P"]
    error = errors.UnknownNameError("bias", "IF_TAU_N", known, where="p.toml: biases")
    assert str(error) == "p.toml: biases: unknown bias 'IF_TAU_N'; nearest: IF_TAU1_N, IF_TAU2_N, IF_THR_N"
    assert error.known == tuple(known)


def test_unknown_name_without_any_known():
    assert str(errors.UnknownNameError("rule", "x", [])) == "unknown rule 'x'; none is known"


def test_an_exact_name_in_other_case_comes_first():
    assert errors.nearest("DYNAPSE1", ["ideal", "dynapse1-plastic", "dynapse1"])[0] == "dynapse1"


def test_long_or_multi_line_values_stay_on_one_line():
    assert len(str(errors.UnknownNameError("device", "x\n" * 10_000, ["ideal"]))) < 200
    assert "\n" not in errors.shorten("a\nb")
