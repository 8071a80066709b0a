"""Pelgrom, weak inversion and EKV: published numbers, limits, and laws."""

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import DeviceFileError, InputError, UnknownNameError
from chipemu.transistor import (
    CORNERS,
    check_choice,
    current_sigma,
    inversion_coefficient,
    threshold_sigma,
    transconductance_ratio,
)

KAPPA, U_T = 0.705, 25.69e-3


@pytest.fixture(scope="module")
def transistors():
    return load_device("dynapse1").transistors


def test_a_pair_differs_by_root_two_more_than_one_does():
    assert threshold_sigma(4e-9, 2e-6, 1e-6, pair=True) == pytest.approx(np.sqrt(2) * threshold_sigma(4e-9, 2e-6, 1e-6))


def test_four_times_the_area_halves_the_spread():
    assert threshold_sigma(4e-9, 2e-6, 2e-6) == pytest.approx(threshold_sigma(4e-9, 1e-6, 1e-6) / 2)


def test_only_the_area_counts():
    assert threshold_sigma(4e-9, 3e-6, 1e-6) == pytest.approx(threshold_sigma(4e-9, 1e-6, 3e-6))


def test_g_m_over_i_is_flat_in_weak_and_falls_as_a_root_in_strong_inversion():
    assert transconductance_ratio(1e-9) == pytest.approx(1)
    assert transconductance_ratio(1e6) == pytest.approx(1e-3, rel=1e-3)
    assert np.all(np.diff(transconductance_ratio(np.geomspace(1e-4, 1e4, 50))) < 0)


def test_the_ratio_is_the_slope_of_the_charge_based_current():
    # with the charge q at the source: voltage 2 q + ln q, current q^2 + q
    q = np.geomspace(1e-4, 1e3, 20001)
    current = q**2 + q
    slope = np.gradient(np.log(current), 2 * q + np.log(q))
    assert transconductance_ratio(current)[1:-1] == pytest.approx(slope[1:-1], rel=1e-5)


def test_a_shift_of_the_threshold_moves_the_current_as_said():
    # weak inversion: I ~ exp(-kappa V_T / U_T), so that the spread is that of a lognormal
    sigma = threshold_sigma(4e-9, 0.5e-6, 0.5e-6)
    shift = sigma * np.random.default_rng(0).standard_normal(200_000)
    assert np.log(np.exp(-KAPPA * shift / U_T)).std() == pytest.approx(current_sigma(sigma, KAPPA, U_T), rel=0.01)


def test_the_inversion_coefficient_counts_squares():
    assert inversion_coefficient(1e-6, 500e-9, 4e-6, 2e-6) == pytest.approx(1.0)


def test_every_bias_has_at_most_one_class(transistors):
    named = [name for found in transistors.classes.values() for name in found.parameters]
    assert len(named) == len(set(named))
    assert transistors.copying("I_tau").name == "leak"
    assert transistors.copying("I_spkthr") is None
    assert transistors.weak_sigma("I_spkthr", KAPPA, U_T) == 0


def test_corners_are_symmetric_and_typical_is_nothing(transistors):
    assert transistors.leakage_shift("TT", KAPPA, U_T) == 0
    assert transistors.bias_shift("TT", "I_tau", KAPPA, U_T) == 0
    assert transistors.leakage_shift("SS", KAPPA, U_T) < 0 < transistors.leakage_shift("FF", KAPPA, U_T)
    for corner in CORNERS:
        for parameter, side in (("I_tau", 0), ("I_tau_ampa", 1)):  # an n and a p transistor
            sign = {"S": -1, "T": 0, "F": 1}[corner[side]]
            assert np.sign(transistors.bias_shift(corner, parameter, KAPPA, U_T)) == sign


@pytest.mark.parametrize(
    ("model", "corner", "error", "message"),
    [
        ("pelgrom", "TT", UnknownNameError, "unknown mismatch model 'pelgrom'; nearest:"),
        ("measured", "ZZ", UnknownNameError, "unknown process corner 'ZZ'; nearest:"),
        ("geometry", "TT", InputError, "mismatch model 'geometry' needs the sizes of transistors, and ideal"),
        ("measured", "FF", InputError, "process corner 'FF' needs the sizes of transistors"),
    ],
)
def test_what_a_device_cannot_have_is_refused(model, corner, error, message):
    with pytest.raises(error) as caught:
        check_choice(None, "ideal", model, corner)
    assert message in str(caught.value)


HEAD = 'schema = 1\nextends = "dynapse1"\nname = "mine"\ntitle = "t"\nsummary = "s"\n'


def test_a_designer_redraws_one_class(toml_file):
    size = '{ value = "1 um", source = "assumed" }'
    device = load_device(toml_file(f"{HEAD}[transistors.classes.leak]\nW = {size}\nL = {size}\n"))
    # 4 mV um over one square micrometre, single transistor
    assert device.transistors.weak_sigma("I_tau", KAPPA, U_T) == pytest.approx(0.0776, rel=1e-3)
    assert device.transistors.copying("I_tau_ampa").W == 1.92e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[transistors]\nA_VT = { value = "4 mV", source = "assumed" }', "transistors.A_VT"),
        ('[transistors.classes.leak]\nW = { value = "0 um", source = "assumed" }', "classes.leak.W"),
        ('[transistors.classes.gain]\nparameters = ["I_tau"]', "'I_tau' is in more than one class"),
        ("[mismatch.structure]\ngradient = { value = 2, source = 'assumed' }", "allowed 0 to 1"),
        (
            "[mismatch.against_current.I_tau]\nfactor = { value = [1.0], source = 'assumed' }",
            "8 currents and 1 factors",
        ),
    ],
)
def test_bad_tables_are_refused(toml_file, text, message):
    with pytest.raises(DeviceFileError) as caught:
        load_device(toml_file(HEAD + text + "\n"))
    assert message in str(caught.value)
