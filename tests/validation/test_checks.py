"""Rows and reference tables: form, sources, and what is refused."""

import dataclasses
import math
from pathlib import Path

import pytest

from chipemu import library
from chipemu.device import load_device, load_point
from chipemu.effects import EFFECTS
from chipemu.errors import InputError, UnknownNameError
from chipemu.validation import Check, dynapse2, run_checks, se2, unchecked
from chipemu.validation.check import COLUMNS, Target, target, targets
from chipemu.validation.coverage import MEASUREMENTS
from chipemu.validation.suite import SUBJECTS

TABLES = ["soma", "synapse", "epsp_words", "mismatch", "spread", "budget", "rate_cv", "noise", "timestep", "defects"]
TABLES += [
    "calibration",
    "structure",
    "spectra",
    "transit",
    "power",
    "temperature",
    "drift",
    "store",
    "biases",
    "dynapse2",
    "se2",
]
# rows without an operating point
LAWS = ("lognormal", "SE2 boards", "beta-binomial", "binomial", "linear", "table", "any", se2.POINT)
ROW_KEYS = ("name", "operating_point", "expected", "got", "tolerance", "unit", "source", "passed")

LINE = Target("rate", "ds-fi", 300.0, "pA", 35.0, 0.7, "Hz", "computed")


def test_a_row_has_the_keys_that_the_command_prints():
    assert tuple(field.name for field in dataclasses.fields(Check)) == ROW_KEYS


@pytest.mark.parametrize(("got", "passed"), [(35.0, True), (35.7, True), (34.3, True), (35.71, False), (34.2, False)])
def test_a_row_passes_within_its_tolerance(got, passed):
    row = LINE.compare(got)
    assert row.passed is passed
    assert (row.name, row.got, row.expected, row.unit) == ("rate, 300 pA", got, 35.0, "Hz")


@pytest.mark.parametrize("got", [math.nan, math.inf, -math.inf])
def test_what_could_not_be_measured_does_not_pass(got):
    assert LINE.compare(got).passed is False


def test_a_line_without_drive_is_called_by_its_measurement():
    assert dataclasses.replace(LINE, drive=math.nan, drive_unit="").name == "rate"


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_complete_and_sourced(table):
    device = load_device("dynapse2" if table == "dynapse2" else "dynapse1")
    for line in targets(table):
        assert line.check
        assert len(line.source) > 10
        assert line.unit
        assert math.isfinite(line.expected)
        assert line.tolerance >= 0
        assert math.isnan(line.drive) == (not line.drive_unit)
        if line.operating_point not in LAWS:
            assert load_point(line.operating_point, device).name == line.operating_point


def test_every_table_is_described_and_belongs_to_a_test():
    data = Path(__file__).parents[2] / "data"
    names = {path.name for path in (data / "reference").glob("*.csv")}
    assert {f"{table}.csv" for table in TABLES} <= names
    described = (data / "README.md").read_text()
    assert all(f"`reference/{table}.csv`" in described for table in TABLES)


def test_f_i_tolerances_are_the_larger_of_two_percent_and_half_a_hertz():
    for line in targets("soma", "f-I"):
        assert line.tolerance == pytest.approx(max(0.02 * line.expected, 0.5), rel=1e-3)


def test_rheobases_follow_from_the_fixed_points():
    # largest fixed-point current I_in(x) = (I_tau - I_fb(x)) (1 + x / I_gain), with the constants of ds-fi in pA
    import numpy as np

    x = np.linspace(1, 2000, 200_000)
    feedback = 100 / (1 + np.exp(-(x - 1000) / 20))
    expected = [line.expected for line in targets("soma", "rheobase")]
    assert expected[0] == pytest.approx(((5 - feedback) * (1 + x / 20)).max(), rel=3e-3)
    assert expected[1] == 5 * (1 + 2000 / 20)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b\n1,2\n", InputError, "data/reference/soma.csv has columns ['a', 'b']; expected check, operating_point"),
        (",".join(COLUMNS) + "\nf-I,ds-fi,1,pA,x,1,Hz,s\n", InputError, "data/reference/soma.csv, line 2: could not"),
        (",".join(COLUMNS) + "\nf-I,ds-fi\n", InputError, "line 2: "),
        (
            ",".join(COLUMNS) + "\nf-J,ds-fi,1,pA,1,1,Hz,s\n",
            UnknownNameError,
            "unknown measurement 'f-I'; nearest: f-J",
        ),
    ],
)
def test_malformed_tables_are_refused(monkeypatch, text, error, message):
    monkeypatch.setattr(library, "find_data", lambda name: text)
    with pytest.raises(error) as caught:
        targets("soma", "f-I")
    assert message in str(caught.value)


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match=r"nearest: soma.csv"):
        targets("somma")
    with pytest.raises(UnknownNameError, match="unknown subject of checks 'noises'; nearest: noise"):
        run_checks(subjects=["noises"])
    with pytest.raises(UnknownNameError, match="unknown device"):
        run_checks("dynapse7")
    with pytest.raises(ValueError, match="too many values"):
        target("soma", "f-I")


def test_rows_about_effects_a_device_lacks_are_left_out():
    names = {row.name for row in run_checks("ideal", subjects=["noise", "mismatch"])}
    assert names == {"sampled CV over requested, 0.08 sigma(ln)", "sampled CV over requested, 0.18 sigma(ln)",
                     "sampled CV over requested, 0.3 sigma(ln)"}  # fmt: skip


STORES = ("memristive", "memristive-rram", "memristive-cmo", "bistable")


@pytest.mark.parametrize("device", STORES)
def test_weight_stores_follow_their_laws(device):
    rows = run_checks(device, subjects=["store"])
    assert len(rows) >= 2
    assert [row for row in rows if not row.passed] == []


def test_a_wrong_drift_law_fails_the_check(monkeypatch):
    import numpy as np

    from chipemu.store import Pcm

    right = Pcm.laws
    monkeypatch.setattr(Pcm, "laws", lambda store, top: right(store, top)._replace(
        exponent=np.array([1.05, 1.0]) * right(store, top).exponent))  # fmt: skip
    failed = {row.name.split(",")[0] for row in run_checks("memristive", subjects=["store"]) if not row.passed}
    assert failed == {"drift exponent"}


@pytest.mark.parametrize("subject", [name for name in SUBJECTS if name not in ("mismatch", "store", "dynapse2", "se2")])
def test_the_emulator_agrees_with_its_references(subject):
    rows = run_checks("dynapse1", subjects=[subject])
    assert len(rows) >= 3
    assert [row for row in rows if not row.passed] == []


@pytest.mark.parametrize("device", [Path(__file__).parents[1] / "latched.toml", "dynapse2"])
def test_latched_circuits_agree_with_their_closed_forms(device):
    rows = run_checks(device, subjects=["se2"])
    assert {row.name for row in rows} == {line.name for line in targets("se2")}
    assert [row for row in rows if not row.passed] == []


def test_a_device_without_latches_has_no_rows_about_them():
    assert run_checks("dynapse1", subjects=["se2"]) == []


@pytest.mark.parametrize(
    ("field", "factor", "failed"),
    [
        ("DECAY_I", 0.9, {"alpha peak time over closed form, ampa, 8 words"}),
        ("STD_KEPT", 0.9, {"depressed over rested charge, over closed form, 50 Hz"}),
        ("CA_JUMP", 1.2, {"settled rate over target, 200 Hz"}),
        ("LN_GAIN_STEP", 1.1, {"slope of the homeostatic gain over 1/tau_h, ampa, 0 Hz"}),
    ],
)
def test_a_wrong_latched_circuit_fails_its_check(monkeypatch, field, factor, failed):
    from chipemu import parameters
    from chipemu.kernels import layout as at

    right, number = parameters.latch_fields, getattr(at, field)
    monkeypatch.setattr(
        "chipemu.parameters.latch_fields",
        lambda *arguments: {f: v * factor if f == number else v for f, v in right(*arguments).items()},
    )
    rows = run_checks(Path(__file__).parents[1] / "latched.toml", subjects=["se2"])
    assert failed <= {row.name for row in rows if not row.passed}


def test_the_bias_table_of_dynapse2_has_its_published_features():
    rows = run_checks("dynapse2", subjects=["biases", "soma"])
    assert len(rows) == 49  # none of the soma: its operating points are DYNAP-SE1's
    assert [row for row in rows if not row.passed] == []


def test_dynapse2_agrees_with_its_references():
    rows = run_checks("dynapse2", subjects=["dynapse2"])
    assert len(rows) == 32
    assert [row for row in rows if not row.passed] == []


def test_a_mask_that_lets_the_wrong_base_through_fails_the_check(monkeypatch):
    import chipemu.weight_memory as memory

    right = memory.mask_sums
    monkeypatch.setattr(memory, "mask_sums", lambda shares: right(shares[..., ::-1]))
    failed = [row.name for row in dynapse2._masks(load_device("dynapse2")) if not row.passed]
    assert "strength of a mask over a whole word, 1 units" in failed
    assert "strength of a mask over a whole word, 15 units" not in failed


@pytest.mark.slow
@pytest.mark.parametrize(
    "device",
    ["dynapse1", "dynapse1-plastic", "dynapse1-extended", "ideal", "per-neuron", "dynapse2", "dynapse2-dense", *STORES],
)
def test_all_checks_pass_on_every_device(device):
    rows = run_checks(device)
    assert [row for row in rows if not row.passed] == []
    assert len({(row.name, row.operating_point) for row in rows}) == len(rows)
    assert unchecked(load_device(device), rows) == ()


def test_every_effect_has_measurements_and_they_stand_in_a_table():
    assert set(MEASUREMENTS) == set(EFFECTS)
    known = {line.check for table in TABLES for line in targets(table)}
    assert {name for names in MEASUREMENTS.values() for name in names} <= known


def test_an_effect_without_a_row_is_told():
    device, rows = load_device("dynapse1"), run_checks("dynapse1", subjects=["transit"])
    assert "event_loss" not in unchecked(device, rows)
    assert "event_loss" in unchecked(device, [row for row in rows if not row.name.startswith("lost events")])


def test_temperature_moves_a_device_that_says_nothing_about_it():
    (row,) = run_checks("ideal", subjects=["temperature"])
    assert row.passed


def test_a_wrong_circuit_fails_the_check(monkeypatch):
    # a soma with 10 % more leak: rates, rheobase and slope all miss
    import chipemu.parameters as parameters
    from chipemu.kernels import layout as at

    right = parameters.neuron_fields

    def leaky(*arguments):
        fields = right(*arguments)
        return fields | {at.I_TAU: 1.1 * fields[at.I_TAU]}

    monkeypatch.setattr("chipemu.emulator.neuron_fields", leaky)
    failed = {row.name for row in run_checks("dynapse1", subjects=["soma"]) if not row.passed}
    assert {"rheobase", "membrane decay slope after DC", "f-I, 250 pA"} <= failed
