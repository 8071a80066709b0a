"""Laws of temperature: the whole die moves together, generators of each kind do what they are built for."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu.bias import current
from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.errors import InputError, UnitError
from chipemu.temperature import BIAS_KINDS, ROOM, Temperature, bias_ratio, leakage_ratio
from chipemu.units import thermal_voltage
from chipemu.validation.testbench import bench, cells, silence

LAW = Temperature(0.45, -0.9e-3, 1.5, "constant", 6e-14, {})
KAPPA = 0.705


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def test_leakage_doubles_every_ten_kelvin():
    # published rule of thumb: junction leakage doubles every 8 to 10 K
    assert leakage_ratio(LAW, KAPPA, ROOM) == 1.0
    assert leakage_ratio(LAW, KAPPA, ROOM + 10.2) == pytest.approx(2.0, rel=0.03)
    assert np.log(leakage_ratio(LAW, KAPPA, ROOM + 0.1)) / 0.1 == pytest.approx(0.068, rel=0.01)


def test_a_fixed_gate_voltage_gives_the_subthreshold_law():
    kelvin, asked = np.array([280.0, 320.0]), 100e-12
    law = dataclasses.replace(LAW, bias_kind="fixed_voltage")
    voltage = thermal_voltage(ROOM) / KAPPA * np.log(asked / law.prefactor)
    flows = law.prefactor * leakage_ratio(law, KAPPA, kelvin) * np.exp(KAPPA * voltage / thermal_voltage(kelvin))
    assert asked * bias_ratio(law, KAPPA, "", np.array(asked), kelvin, ROOM) == pytest.approx(flows, rel=1e-12)


@pytest.mark.parametrize("kind", BIAS_KINDS)
def test_at_the_stated_temperature_a_bias_is_as_asked(kind):
    law = dataclasses.replace(LAW, bias_kind=kind, per_kelvin={"any": 0.01})
    asked = np.geomspace(1e-13, 1e-6, 8)
    assert bias_ratio(law, KAPPA, "any", asked, 310.0, 310.0) == pytest.approx(1.0)


@given(kelvin=st.floats(200, 450), code=st.tuples(st.integers(0, 7), st.integers(0, 255)), week=st.booleans())
def test_no_current_falls_below_the_leakage(device, kelvin, code, week):
    chip = sample_chip(device, seed=1, temperature=kelvin, scale={"bias_drift": 100})
    chip = chip.age("1 week") if week else chip
    asked = np.full(4, current(device.bias_generator, *code))
    for name in ("IF_TAU1_N", "IF_DC_P"):
        flows = chip.bias_at_work(name, asked, np.full(4, ROOM))
        assert np.all(np.isfinite(flows))
        assert np.all(flows >= device.bias_generator.floor * chip.leakage)


def test_without_the_effect_a_hot_die_is_at_the_temperature_of_its_point(device):
    point = load_point("mismatch-fit", device)
    chips = [
        sample_chip(device, 1, temperature=point.temperature),
        sample_chip(device, 1, temperature=350.0, without=["temperature"]),
        sample_chip(device, 1, temperature=350.0),
    ]
    cool, without, hot = (bench(cells(device, point, 4), point, [chip]).state for chip in chips)
    assert np.array_equal(cool, without)
    assert not np.array_equal(cool, hot)


def test_temperature_may_change_while_a_network_runs(device):
    point = load_point("mismatch-fit", device)
    emulator = bench(cells(device, point, 4), point, [sample_chip(device, 1, without=["mismatch", "noise"])])
    at_rest = []
    for temperature in ("25degC", "45degC", "25degC"):
        emulator.set_temperature(temperature)
        recording = emulator.run(silence(emulator, 0.5), 0.5, ("I_mem",), every=0.5)
        at_rest.append(recording.I_mem.values[0, 0, -1])
        assert recording.attrs["temperature_K"] == emulator.chips[0].temperature
    assert at_rest[1] / at_rest[0] == pytest.approx(emulator.chips[0].set_temperature("45degC").leakage, rel=1e-3)
    assert at_rest[2] == pytest.approx(at_rest[0], rel=1e-3)


@pytest.mark.parametrize(
    ("temperature", "error", "message"),
    [
        ("60", UnitError, "die temperature: '60' is not usable"),
        ("900degC", InputError, "die temperature 1173.2 K is out of range; allowed 200 K to 450 K"),
        (float("nan"), InputError, "out of range"),
    ],
)
def test_impossible_temperatures_are_refused(device, temperature, error, message):
    with pytest.raises(error) as caught:
        sample_chip(device, 1).set_temperature(temperature)
    assert message in str(caught.value)
