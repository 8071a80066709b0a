"""The list of saved variables is consistent, and `check` lets nothing else through."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from chipemu import ledger, variables
from chipemu.errors import InputError, UnknownNameError

RUN = ("chip", "noise")


def _labelled(**arrays):
    return variables.label(xr.Dataset(arrays))


def test_every_declaration_is_complete():
    for name, variable in variables.DECLARED.items():
        assert name == variable.name
        assert variable.kind in variables.KINDS
        assert (variable.unit == "") == (variable.kind == "text")
        assert variable.meaning


def test_every_ledger_field_has_a_variable_and_none_is_left_over():
    fields = {f"ledger_{field.name}" for field in dataclasses.fields(ledger.Ledger)}
    assert fields == {name for name in variables.DECLARED if name.startswith("ledger_")}


def test_pattern_matches_any_current():
    assert variables.find("I_syn_ampa").unit == "A"
    with pytest.raises(UnknownNameError, match="V_mem"):
        variables.find("V_men")


def test_declared_dataset_passes():
    variables.check(_labelled(accuracy_test=(RUN, np.zeros((2, 3))), chip_seed=("chip", [1, 2])))


def test_study_factors_may_stand_before_the_declared_dimensions():
    values = np.zeros((2, 5, 2, 3))
    variables.check(_labelled(accuracy_test=(("device", "mismatch_scale", *RUN), values)))
    variables.check(_labelled(accuracy_ideal=("mismatch_scale", np.zeros(5))))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"accuracy_test": (("noise", "chip"), np.zeros((2, 3)))}, "dimensions"),
        ({"accuracy_test": (("chip", "noise", "mismatch_scale"), np.zeros((2, 3, 1)))}, "dimensions"),
        ({"accuracy_test": (("chip", "x"), np.zeros((2, 3)))}, "dimensions"),
        ({"accuracy_test": (RUN, np.zeros((2, 3)), {"units": "Hz"})}, "unit 'Hz'; declared '1'"),
        ({"accuracy_test": (RUN, np.zeros((2, 3), dtype=int))}, "declared as real"),
        ({"status": (RUN, np.array([[{}]], dtype=object))}, "Python objects"),
    ],
)
def test_departures_are_refused(arrays, message):
    with pytest.raises(InputError, match=message):
        variables.check(_labelled(**arrays))


def test_all_faults_are_named_at_once_with_the_nearest_names():
    dataset = xr.Dataset({"acuracy_test": (RUN, np.zeros((1, 1))), "spike_time": ("spike", [0.1])})
    with pytest.raises(InputError) as caught:
        variables.check(dataset, where="mine.h5")
    assert all(text in str(caught.value) for text in ("mine.h5", "nearest: accuracy_test", "'spike_time' has unit ''"))


def test_label_keeps_a_wrong_unit_for_check_to_find():
    dataset = xr.Dataset({"spike_time": ("spike", [0.1], {"units": "ms"})})
    assert variables.label(dataset)["spike_time"].attrs["units"] == "ms"
    assert dataset["spike_time"].attrs == {"units": "ms"}
