"""Trimming cells: what they move, what the search finds, and what a device without them does not notice."""

import dataclasses

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.calibration import calibrate, load_calibration
from chipemu.effects import EFFECTS
from chipemu.errors import DeviceFileError
from chipemu.kernels import layout as at
from chipemu.parameters import core_temperature, load_points, neuron_currents, point_setting
from chipemu.wiring import Lanes

QUIET = ["noise", "mismatch_between_cores", "mismatch_between_dies"]


@pytest.fixture(scope="module")
def device():
    return load_device("per-neuron")


@pytest.fixture(scope="module")
def mapped(device):
    net = Network("cells")
    source, cells = net.sources("in", 2), net.population("cells", 16, point="output")
    for receptor in ("ampa", "gaba_b"):
        net.project(source, cells, receptor=receptor)
    return map_network(net, device)


@pytest.fixture(scope="module")
def trimmed(device, mapped):
    return calibrate([sample_chip(device, seed) for seed in (100, 101)], mapped)


def with_code(device, setting, parameter, code):
    shape = (len(setting.codes), device.chip.n_cores, device.chip.n_neurons_per_core, len(device.trim.parameters))
    codes = np.full(shape, device.trim.unit_code, np.int16)
    codes[..., device.trim.parameters.index(parameter)] = code
    return dataclasses.replace(setting, trim=codes)


def fields(chip, mapped, setting):
    emulator = Emulator([chip], mapped, setting=setting, precision="float64")
    lanes = Lanes(mapped)
    return {f: lanes.fields(emulator.state, f)[0] for f in range(at.N_STATE, at.N_FIELDS)}


@pytest.mark.parametrize(
    ("parameter", "moved"),
    [
        ("I_tau", {at.I_TAU, at.MEMBRANE_KICK}),
        ("I_dc", {at.I_DC}),
        ("I_gain", {at.I_GAIN}),
        ("I_ref", {at.T_REF}),
        ("I_reset", {at.Y_RESET}),
        ("I_spkthr", {at.Y_THR}),
        ("I_tau_ampa", {at.DECAY}),
    ],
)
def test_a_cell_moves_its_own_current_alone(device, mapped, parameter, moved):
    chip = sample_chip(device, 1)
    start = point_setting(mapped, [chip], load_points(mapped))
    plain, turned = (fields(chip, mapped, with_code(device, start, parameter, code)) for code in (256, 512))
    assert {f for f in plain if not np.array_equal(plain[f], turned[f])} == moved
    untouched = fields(chip, mapped, start)
    assert all(np.array_equal(plain[f], untouched[f]) for f in plain)


def test_a_current_follows_its_code(device, mapped):
    chip, points = sample_chip(device, 1), load_points(mapped)
    start = point_setting(mapped, [chip], points)
    flowing = [
        neuron_currents(chip, s, 0, mapped.address, core_temperature(mapped, points))["I_gain"]
        for s in (start, with_code(device, start, "I_gain", 64))
    ]
    np.testing.assert_allclose(flowing[1], flowing[0] / 4, rtol=1e-12)


def test_cells_undo_the_mismatch_of_each_neuron(device, mapped):
    chip = sample_chip(device, 7, without=QUIET)
    setting = calibrate([chip], mapped).setting
    core, neuron = mapped.address.T
    # a step of the converter is 2.7 % of a current
    for parameter, close in (
        ("I_tau", 0.03),
        ("I_ref", 0.02),
        ("I_reset", 0.04),
        ("I_spkthr", 0.06),
        ("I_tau_ampa", 0.08),
    ):
        code = setting.trim[0, core, neuron, device.trim.parameters.index(parameter)]
        left = device.trim.factor(code) * chip.neuron_factor[parameter][core, neuron]
        assert np.abs(np.log(left)).max() < close, parameter
        assert np.abs(np.log(chip.neuron_factor[parameter][core, neuron])).max() > 0.1


def test_neurons_become_alike(trimmed):
    before, after = trimmed.trimming.spread
    assert np.all(after < 0.4 * before) or np.all(after < 0.04)
    assert "tau_syn" in str(trimmed)


def test_calibration_changes_what_its_effect_lists(mapped, trimmed):
    assert EFFECTS["calibration"].changes == ("bias_current", "trim_code")
    start = point_setting(mapped, trimmed.chips, trimmed.points)
    assert not np.array_equal(trimmed.setting.currents, start.currents)
    assert trimmed.setting.trim is not None
    assert start.trim is None


def test_only_placed_neurons_are_trimmed(device, mapped, trimmed):
    placed = np.zeros((device.chip.n_cores, device.chip.n_neurons_per_core), bool)
    placed[tuple(mapped.address.T)] = True
    assert np.all(trimmed.setting.trim[:, ~placed] == device.trim.unit_code)


def test_a_die_is_trimmed_alone_as_in_company(device, mapped, trimmed):
    company = [sample_chip(device, 100, without=["mismatch"]), sample_chip(device, 101)]
    again = calibrate(company, mapped)
    np.testing.assert_array_equal(again.setting.trim[1], trimmed.setting.trim[1])
    np.testing.assert_array_equal(again.after[1], trimmed.after[1])
    assert np.all(again.setting.trim[0] == device.trim.unit_code)
    assert again.trials[0] == 0


def test_what_is_not_excited_is_not_trimmed_to_its_decay(device):
    net = Network("cells")
    net.project(net.sources("in", 1), net.population("cells", 4, point="output"), receptor="nmda")
    mapped = map_network(net, device)
    setting = calibrate([sample_chip(device, 1)], mapped, most_steps=1).setting
    assert np.all(setting.trim[..., device.trim.parameters.index("I_tau_ampa")] == device.trim.unit_code)
    assert np.any(setting.trim[..., device.trim.parameters.index("I_tau")] != device.trim.unit_code)


def test_trimming_comes_back_from_a_file(tmp_path, trimmed):
    loaded = load_calibration(trimmed.save(tmp_path / "c.h5"), trimmed.chips[::-1], trimmed.points)
    np.testing.assert_array_equal(loaded.setting.trim, trimmed.setting.trim[::-1])
    np.testing.assert_array_equal(loaded.trimming.after, trimmed.trimming.after[::-1])
    assert loaded.trimming.names == trimmed.trimming.names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "least = { value = 256, source = 'assumed' }",
            "least = 256, unit_code = 256; allowed least < unit_code < 1023",
        ),
        ("parameters = { value = ['I_tua'], source = 'assumed' }", "unknown name 'I_tua'; nearest: I_tau"),
        ("parameters = { value = ['I_tau', 'I_tau'], source = 'assumed' }", "each once"),
        ("parameters = { value = ['I_pulse'], source = 'assumed' }", "unknown name 'I_pulse'"),
        ("adc_step = { value = '0 V', source = 'assumed' }", "allowed 1 uV to 100 mV"),
    ],
)
def test_cells_that_make_no_sense_are_refused(tmp_path, line, message):
    head = 'schema = 1\nextends = "per-neuron"\nname = "mine"\ntitle = "mine"\nsummary = "mine"\n[trim]\n'
    (tmp_path / "mine.toml").write_text(head + line)
    with pytest.raises(DeviceFileError) as caught:
        load_device(tmp_path / "mine.toml")
    assert message in str(caught.value)
