"""Reading and printing quantities."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu.errors import UnitError
from chipemu.units import MS, MV, PA, PF, parse, show, thermal_voltage


@pytest.mark.parametrize("unit", ["s", "A", "F", "V", "Hz"])
@given(value=st.floats(1e-16, 1e6))
def test_parse_reads_back_what_show_prints(unit, value):
    assert parse(show(value, unit), unit) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20 ms", "s", 0.02),
        ("20ms", "s", 0.02),
        ("10 µs", "s", 1e-5),
        ("5 min", "s", 300.0),
        ("3 h", "s", 10800.0),
        ("1 day", "s", 86400.0),
        ("2 weeks", "s", 1209600.0),
        ("3.6 pA", "A", 3.6e-12),
        ("-3 pA", "A", -3e-12),
        ("2 pF", "F", 2e-12),
        ("0.7 V", "V", 0.7),
        ("300 K", "K", 300.0),
        ("25 degC", "K", 298.15),
        ("25 °C", "K", 298.15),
        ("27 %", "", 0.27),
        (0.27, "", 0.27),
        (3, "", 3.0),
    ],
)
def test_parse_gives_si(text, unit, value):
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (20, "s"),
        (0.02, "s"),
        ("20", "s"),
        ("20 ms", "A"),
        ("2 pF", "K"),
        ("20 F", "K"),
        ("20 ms", ""),
        ("nan A", "A"),
        ("inf A", "A"),
        ("1e400 A", "A"),
        (math.nan, ""),
        ("", "s"),
        ("fast", "s"),
        (True, ""),
        (None, "s"),
        (["20 ms"], "s"),
        ("2" * 1000 + " ms", "s"),
    ],
)
def test_bare_number_wrong_unit_and_non_finite_are_refused_by_name(text, unit):
    with pytest.raises(UnitError, match=r"^chip\.toml: circuit\.C_mem: .*expected a quantity in"):
        parse(text, unit, where="chip.toml: circuit.C_mem")


def test_thermal_voltage_is_proportional_to_temperature_and_25_69_mV_at_25_degC():
    # chip constants are usually quoted with U_T = 25.693 mV at 298.15 K (CODATA k/q)
    assert thermal_voltage(298.15) == pytest.approx(25.693e-3, abs=1e-6)
    assert thermal_voltage(600.0) == pytest.approx(2 * thermal_voltage(300.0))


def test_kernel_units_are_closed():
    # pF mV / ms = pA
    assert math.isclose(PF * MV / MS, PA)
