"""Calibration from spikes: what it must recover, what it must refuse, and how near to nominal it brings a die."""

import dataclasses

import numpy as np
import pytest

from chipemu import Network, load_device, map_network, sample_chip, storage
from chipemu.calibration import calibrate, load_calibration
from chipemu.calibration.bench import SETTLE, WINDOW, Bench, used_receptors, wire_bench
from chipemu.errors import InputError
from chipemu.learning.circuit import Controller, build_circuit
from chipemu.parameters import load_points, nominal_charge, point_setting
from chipemu.tasks import load_task

SPREAD = ["mismatch_between_cores", "mismatch_between_dies"]
KNOBS = {
    "IF_TAU1_N": "zero",
    "PS_WEIGHT_EXC_F_N": "excitation",
    "IF_RFR_N": "refractory",
    "PS_WEIGHT_INH_S_N": "inhibition",
    "PS_WEIGHT_EXC_S_N": "raising",
    "PS_WEIGHT_INH_F_N": "shunting",
}


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def mapped(device):
    net = Network("cells")
    source, cells = net.sources("in", 2), net.population("cells", 30, point="output")
    for receptor in ("ampa", "nmda", "gaba_a", "gaba_b"):
        net.project(source, cells, receptor=receptor)
    return map_network(net, device)


@pytest.fixture(scope="module")
def circuit(device):
    return map_network(build_circuit(load_task("yinyang"), "host", Controller()).network, device)


@pytest.fixture(scope="module")
def calibrated(device, mapped):
    return calibrate([sample_chip(device, seed) for seed in (100, 101, 102)], mapped)


def without_dc(mapped):
    """Operating points where the leak alone sets the zero, so that every quantity has one knob."""
    return {
        name: dataclasses.replace(point, biases={**point.biases, "IF_DC_P": 0.0})
        for name, point in load_points(mapped).items()
    }


def with_factor(chip, bias, factor):
    factors = {**chip.core_factor, bias: np.full_like(chip.core_factor[bias], factor)}
    return dataclasses.replace(chip, core_factor=factors)


def test_a_wrong_bias_is_found_and_put_right(device, mapped):
    typical = sample_chip(device, 7, without=SPREAD)
    factors = dict(zip(KNOBS, (1.5, 0.7, 1.4, 1.3, 0.7, 0.75), strict=True))
    chips = [typical, *(with_factor(typical, bias, factor) for bias, factor in factors.items())]
    result = calibrate(chips, mapped, points=without_dc(mapped))
    assert result.success.all()
    names = list(KNOBS)
    knob = [result.setting.index(name) for name in names]
    currents = result.setting.currents[:, 0][:, knob]
    flowing = currents[1:].copy()
    for row, name in enumerate(names):
        flowing[row, row] *= factors[name]
        quantity = result.names.index(KNOBS[name])
        assert abs(np.log(result.before[row + 1, 0, quantity])) > 0.1
    # a weight shows at rates of 3 to 4 times its relative change; the flattest slope, of the dead time, is 0.45
    np.testing.assert_allclose(np.diag(flowing), currents[0], rtol=0.1)


def test_a_bias_beyond_the_generator_is_no_success(device, mapped):
    lost = with_factor(sample_chip(device, 7, without=SPREAD), "PS_WEIGHT_EXC_F_N", 1e-6)
    result = calibrate([lost], mapped, most_steps=3)
    assert not result.success[0]
    assert not result.within[0, 0, result.names.index("excitation")]
    assert "not within tolerance: die 7" in str(result)


def test_a_die_does_not_depend_on_its_batch(device, mapped, calibrated):
    alone = calibrate([sample_chip(device, 101)], mapped)
    np.testing.assert_array_equal(alone.setting.codes[0], calibrated.setting.codes[1])
    np.testing.assert_array_equal(alone.after[0], calibrated.after[1])
    assert alone.trials[0] == calibrated.trials[1]


def test_ledger_counts_trials_and_chip_time(calibrated):
    assert np.all(calibrated.trials >= 12)
    assert np.all(calibrated.trials <= 150)
    np.testing.assert_allclose(calibrated.ledger.chip_time_s, calibrated.trials * (SETTLE + WINDOW))
    assert SETTLE + WINDOW <= 0.5


def test_only_the_knobs_of_used_cores_are_turned(mapped, calibrated):
    start = point_setting(mapped, calibrated.chips, calibrated.points)
    turned = np.any(calibrated.setting.currents != start.currents, axis=0)
    assert not turned[1:].any()
    assert {calibrated.setting.names[b] for b in np.flatnonzero(turned[0])} <= {*KNOBS, "IF_DC_P"}


def test_only_receptors_in_use_are_calibrated(device):
    net = Network("cells")
    net.project(net.sources("in", 1), net.population("cells", 8, point="output"), receptor="ampa")
    mapped = map_network(net, device)
    assert used_receptors(mapped) == {"output": ("ampa",)}
    result = calibrate([sample_chip(device, 1)], mapped, most_steps=1)
    seen = [name for name, ratio in zip(result.names, result.after[0, 0], strict=True) if not np.isnan(ratio)]
    assert seen == ["zero", "excitation", "refractory"]


def test_what_cannot_be_looked_at_is_said(device):
    net = Network("inhibited")
    net.project(net.sources("in", 1), net.population("cells", 8, point="output"), receptor="gaba_b")
    result = calibrate([sample_chip(device, 1)], map_network(net, device))
    assert result.trials.tolist() == [0]
    assert "excitation of point output: the network excites none of its neurons" in str(result)


@pytest.mark.parametrize(("name", "without"), [("ideal", []), ("dynapse1", ["mismatch"])])
def test_a_die_without_mismatch_needs_no_trial(name, without):
    device = load_device(name)
    net = Network("cells")
    net.project(net.sources("in", 1), net.population("cells", 4, point="output"), receptor="ampa")
    mapped = map_network(net, device)
    chip = sample_chip(device, 3, without=without)
    result = calibrate([chip], mapped)
    assert result.success.all()
    assert result.trials.tolist() == [0]
    asked = point_setting(mapped, [chip], result.points)
    np.testing.assert_array_equal(result.setting.codes, asked.codes)


def test_exact_currents_are_searched_directly(device, mapped):
    result = calibrate([sample_chip(device, 100, without=["quantisation"])], mapped)
    assert result.success.all()
    assert np.all(result.setting.codes == -1)
    assert result.trials[0] > 0


@pytest.mark.parametrize(("name", "n"), [("dynapse1", 10), ("dynapse1-plastic", 4)])
def test_nine_of_ten_dies_reach_the_nominal_rates(name, n):
    device = load_device(name)
    where = "chip" if device.plastic else "host"
    mapped = map_network(build_circuit(load_task("yinyang"), where, Controller()).network, device)
    result = calibrate([sample_chip(device, seed) for seed in range(100, 100 + n)], mapped)
    assert result.success.mean() >= 0.9
    assert result.trials.max() <= 151  # 24 steps and a last look at 6 quantities, and one call of the roll
    good = result.success
    for before, after in (
        (result.before[good, 0], result.after[good, 0]),
        (result.before[good, 1], result.after[good, 1]),
    ):
        with np.errstate(divide="ignore"):
            spread = [np.nanstd(np.log(np.maximum(r, 0.02))[:, :4], axis=0) for r in (before, after)]
        assert np.all(spread[1] < spread[0] / 3)


def test_rates_at_drives_never_tried_are_nearer_to_nominal(device, circuit):
    """Otherwise calibration would only have fitted its own stimuli."""
    chips = [sample_chip(device, seed) for seed in range(100, 105)]
    result = calibrate(chips, circuit)
    used = used_receptors(circuit)
    wired = wire_bench(circuit, used)
    nominal = Bench([sample_chip(device, 0, without=["mismatch", "noise"])], wired, result.points)
    dies = Bench(chips, wired, result.points, seed=5)
    target, before = (_held_out(bench, device, result.points) for bench in (nominal, dies))
    dies.set_biases(result.setting)
    after = _held_out(dies, device, result.points)
    error = [np.abs(rates - target).mean() / target.mean() for rates in (before, after)]
    assert error[1] < 0.12
    assert error[1] < error[0] / 3


def _held_out(bench, device, points):
    """(drive, chip, core) rates between those calibrated at: more excitation, and a balance of smaller currents."""
    rates = []
    for currents in ({"ampa": 1.2e-9}, {"ampa": 0.7e-9, "gaba_b": 0.2e-9}, {"ampa": 1.2e-9, "gaba_b": 0.4e-9}):
        drive = {
            point: {r: amps / nominal_charge(device, points[point], r) for r, amps in currents.items()}
            for point in points
        }
        rates.append(bench.measure([drive])[:, :2])
    return np.array(rates)


def test_saved_calibration_comes_back(tmp_path, calibrated):
    path = calibrated.save(tmp_path / "calibration.h5")
    chips = [calibrated.chips[2], calibrated.chips[0]]
    loaded = load_calibration(path, chips, calibrated.points)
    np.testing.assert_array_equal(loaded.setting.codes, calibrated.setting.codes[[2, 0]])
    np.testing.assert_array_equal(loaded.setting.currents, calibrated.setting.currents[[2, 0]])
    np.testing.assert_array_equal(loaded.success, calibrated.success[[2, 0]])
    np.testing.assert_array_equal(loaded.trials, calibrated.trials[[2, 0]])
    assert loaded.names == calibrated.names
    assert dict(loaded.unobserved) == dict(calibrated.unobserved)


def test_a_calibration_of_something_else_is_refused(tmp_path, device, calibrated):
    path = calibrated.save(tmp_path / "calibration.h5")
    points = calibrated.points
    with pytest.raises(InputError, match="no calibration of die 5; it was made for die 100, 101, 102"):
        load_calibration(path, [sample_chip(device, 5)], points)
    with pytest.raises(InputError, match="die 100 had other mismatch"):
        load_calibration(path, [sample_chip(device, 100, scale={"mismatch": 2})], points)
    with pytest.raises(InputError, match=r"made for dynapse1, version .* die 100 is of dynapse1-plastic"):
        load_calibration(path, [sample_chip(load_device("dynapse1-plastic"), 100)], points)
    changed = {"output": dataclasses.replace(points["output"], hash="0" * 64)}
    with pytest.raises(InputError, match="operating point 'output' has changed"):
        load_calibration(path, calibrated.chips, changed)
    with pytest.raises(InputError, match="operating point 'other' was not calibrated"):
        load_calibration(path, calibrated.chips, {"other": points["output"]})


def test_a_file_that_is_no_calibration_is_refused(tmp_path, calibrated):
    path = calibrated.save(tmp_path / "calibration.h5")
    data = storage.load(path)
    storage.save(data.drop_vars("bias_current"), tmp_path / "part.h5")
    with pytest.raises(InputError, match="not a calibration: bias_current missing"):
        load_calibration(tmp_path / "part.h5", calibrated.chips, calibrated.points)
    storage.save(data.assign(bias_current=data["bias_current"] * np.nan).assign_attrs(data.attrs), tmp_path / "nan.h5")
    with pytest.raises(InputError, match="negative or not finite"):
        load_calibration(tmp_path / "nan.h5", calibrated.chips, calibrated.points)


def test_chips_that_do_not_fit_are_refused(device, mapped):
    with pytest.raises(InputError, match="at least one chip"):
        calibrate([], mapped)
    with pytest.raises(InputError, match="die 1 is of ideal"):
        calibrate([sample_chip(load_device("ideal"), 1)], mapped)
    with pytest.raises(InputError, match="in two calls"):
        calibrate([sample_chip(device, 1), sample_chip(device, 2, without=["quantisation"])], mapped)
