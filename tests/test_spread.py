"""The spread from neuron to neuron: what sets its size, what keeps its order, and how it lies on the die."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipemu.chip import sample_chip
from chipemu.device import load_device
from chipemu.effects import EFFECTS, GROUPS
from chipemu.emulator import Emulator
from chipemu.errors import InputError, RunError
from chipemu.mapping import map_network
from chipemu.mismatch import sample_factors
from chipemu.network import Network
from chipemu.parameters import core_temperature, load_points, neuron_currents, point_setting
from chipemu.pattern import correlated, outliers, places, slope
from chipemu.spread import relative_sigma
from chipemu.stimulus import regular
from chipemu.transistor import CORNERS, MISMATCH_MODELS

ADDRESS = np.stack(np.divmod(np.arange(1024), 256), axis=1)
EVERY = np.full(1024, 1.0)


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def only(device, *effects, seed=1, **options):
    return sample_chip(device, seed, without=[name for name in EFFECTS if name not in effects], **options)


def logs(chip, parameter, current):
    return np.log(chip.flowing(parameter, current * EVERY, ADDRESS) / current)


def test_measured_spread_falls_towards_longer_time_constants(device):
    chip = only(device, "mismatch_within_core")
    fast, anchor, slow = (logs(chip, "I_tau", current).std() for current in (7.8e-12, 3.644e-12, 1.4e-12))
    assert fast > anchor > 1.8 * slow


def test_the_table_ends_in_its_end_values(device):
    low, first, last, high = relative_sigma(device, "measured", "I_tau", np.array([0.0, 1.455e-12, 7.779e-12, 1e-6]))
    assert (low, high) == (first, last)


def test_geometry_is_flat_in_weak_inversion_and_smaller_above(device):
    chip = only(device, "mismatch_within_core", mismatch_model="geometry")
    pico, nano, micro = (logs(chip, "I_w_ampa", current).std() for current in (1e-12, 1e-9, 1e-5))
    assert nano == pytest.approx(pico, rel=1e-2)
    assert micro < 0.4 * pico


def test_geometry_spreads_less_on_a_warm_die(device):
    cold, warm = (
        only(device, "mismatch_within_core", "temperature", mismatch_model="geometry", temperature=kelvin)
        for kelvin in (298.15, 350.0)
    )
    ratio = logs(warm, "I_tau", 1e-12).std() / logs(cold, "I_tau", 1e-12).std()
    assert ratio == pytest.approx(298.15 / 350.0)


@pytest.mark.parametrize("model", MISMATCH_MODELS)
def test_a_neuron_keeps_its_place_at_every_current(device, model):
    chip = only(device, "mismatch_within_core", mismatch_model=model)
    orders = [np.argsort(logs(chip, "I_tau", current)) for current in (1e-12, 3e-12, 1e-8)]
    assert all(np.array_equal(order, orders[0]) for order in orders)


def test_both_models_draw_the_same_neurons(device):
    measured, geometry = (only(device, "mismatch_within_core", mismatch_model=model) for model in MISMATCH_MODELS)
    one, other = (np.log(chip.neuron_factor["I_w_ampa"]) for chip in (measured, geometry))
    np.testing.assert_allclose(one / 0.13, other / other.std() * (one / 0.13).std(), rtol=1e-9)


def test_without_structure_a_die_is_the_plain_draw(device):
    chip = only(device, "mismatch_within_core")
    address = (ADDRESS[:, 0] << 16 | ADDRESS[:, 1]).astype(np.uint32)
    for parameter, sigma in device.mismatch.within_core.items():
        expected = sample_factors(1, address, parameter, sigma)
        assert np.array_equal(chip.neuron_factor[parameter].ravel(), expected)
    # a parameter without a table keeps its factor to the last bit at every current
    assert np.array_equal(chip.flowing("I_ref", EVERY, ADDRESS), chip.neuron_factor["I_ref"].ravel())


def test_correlation_shares_the_variance(device):
    plain, shared = (
        np.concatenate([np.log(only(device, *effects, seed=s).neuron_factor["I_tau"]) for s in range(20)])
        for effects in (("mismatch_within_core",), ("mismatch_within_core", "mismatch_correlated"))
    )
    assert not np.array_equal(plain, shared)
    assert shared.std() == pytest.approx(plain.std(), rel=0.03)


def test_patterns_are_unit_normals_of_their_own():
    patterns = np.stack([correlated(seed, 4, 256, 3, 2.0) for seed in range(100)])
    assert patterns.std() == pytest.approx(1, rel=0.05)
    assert abs(np.corrcoef(patterns[:, 0].ravel(), patterns[:, 1].ravel())[0, 1]) < 0.1
    other = np.stack([correlated(seed, 4, 256, 4, 2.0) for seed in range(100)])
    assert abs(np.corrcoef(patterns.ravel(), other.ravel())[0, 1]) < 0.1


@pytest.mark.parametrize(("n_cores", "n_neurons"), [(1, 1), (3, 10), (4, 256), (2, 4096)])
def test_patterns_fit_any_core(n_cores, n_neurons):
    assert correlated(1, n_cores, n_neurons, 0, 16.0).shape == (n_cores, n_neurons)
    for place in places(n_cores, n_neurons):
        assert place.shape == (n_cores, n_neurons)
        assert np.all(np.abs(place) <= 0.5)


def test_a_slope_is_one_plane_across_the_die():
    x, y = places(4, 256)
    plane = slope(5, 4, 256)
    fitted, residual, *_ = np.linalg.lstsq(np.stack([x.ravel(), y.ravel()], 1), plane.ravel(), rcond=None)
    assert residual[0] < 1e-20
    assert np.all(fitted != 0)


def test_all_biases_share_one_slope_and_circuit_currents_have_none(device):
    chip = only(device, "mismatch_gradient")
    assert np.array_equal(chip.neuron_factor["I_tau"], chip.neuron_factor["I_pulse"])
    assert np.ptp(chip.neuron_factor["I_tau"]) > 0
    assert np.all(chip.neuron_factor["I_spkthr"] == 1)


def test_outliers_are_as_many_as_asked_for():
    drawn = outliers(1, np.arange(100_000, dtype=np.uint32), 0, 0.01)
    assert np.count_nonzero(drawn) == pytest.approx(1000, abs=4 * np.sqrt(1000))
    assert not outliers(1, np.arange(1000, dtype=np.uint32), 0, 0.0).any()


def test_a_corner_moves_the_die_and_nothing_else(device):
    slow, typical = only(device, corner="SS"), only(device)
    assert slow.leakage < typical.leakage == 1.0
    ratio = np.log([slow.core_factor[name] / typical.core_factor[name] for name in device.modelled_biases])
    assert np.ptp(ratio) == pytest.approx(0, abs=1e-12)
    assert ratio.mean() == pytest.approx(-0.1 * (0.705 * 45e-3 / 25.693e-3 - np.log(0.95)), rel=1e-3)
    assert all(np.array_equal(slow.neuron_factor[name], typical.neuron_factor[name]) for name in slow.neuron_factor)
    assert typical.is_nominal
    assert not slow.is_nominal


def test_an_ideal_device_has_no_geometry():
    with pytest.raises(InputError, match="has no table"):
        sample_chip(load_device("ideal"), 1, mismatch_model="geometry")


@pytest.fixture(scope="module")
def mapped(device):
    net = Network("legal")
    inputs, cells = net.sources("inputs", 1), net.population("cells", 40, point="output")
    net.project(inputs, cells, receptor="ampa", words=4)
    return map_network(net, device)


SCALES = st.dictionaries(st.sampled_from(GROUPS["mismatch"]), st.floats(0, 100), max_size=7)
OPTIONS = {
    "seed": st.integers(0, 2**63 - 1),
    "temperature": st.floats(200, 450),
    "mismatch_model": st.sampled_from(MISMATCH_MODELS),
    "corner": st.sampled_from(CORNERS),
}


@given(scale=SCALES, asked=st.floats(0, 1e-4), **OPTIONS)
@settings(max_examples=40, deadline=None)
def test_no_bias_is_negative_or_generated_below_its_floor(device, mapped, asked, **options):
    chip = sample_chip(device, **options)
    points = load_points(mapped)
    setting = point_setting(mapped, [chip], points)
    setting = dataclasses.replace(setting, currents=np.full_like(setting.currents, asked))
    stated_at = core_temperature(mapped, points)
    floor = device.bias_generator.floor * chip.leakage
    for b, name in enumerate(setting.names):
        assert np.all(chip.bias_at_work(name, setting.currents[0, :, b], stated_at) >= floor)
    for current in neuron_currents(chip, setting, 0, mapped.address, stated_at).values():
        assert np.all(np.isfinite(current))
        assert np.all(current > 0)


@given(scale=st.dictionaries(st.sampled_from(GROUPS["mismatch"]), st.floats(0, 5), max_size=7), **OPTIONS)
@settings(max_examples=15, deadline=None)
@pytest.mark.filterwarnings("ignore:time step")
def test_no_current_of_a_running_neuron_falls_below_the_leakage(device, mapped, **options):
    chip = sample_chip(device, **options)
    try:
        emulator = Emulator([chip], mapped, precision="float64")
        events = regular(np.array([[400.0]]), 0.05, emulator.dt)
        recording = emulator.run(events, 0.05, ("I_mem", "I_ampa", "I_ahp"), every=1e-3)
    except (InputError, RunError):
        return  # refused by name: a pulse longer than the time step, or a membrane out of range
    floor = device.circuit["I0"] * chip.leakage
    for name in ("I_mem", "I_ampa", "I_ahp"):
        assert np.all(recording[name].values >= floor * (1 - 1e-9))
