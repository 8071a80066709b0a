"""Laws of flicker and supply noise: what sets their size, their spectrum, and who shares them."""

import dataclasses

import numpy as np
import pytest
from scipy import integrate

from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.effects import all_but
from chipemu.errors import DeviceFileError
from chipemu.kernels import layout as at
from chipemu.kernels.slow import SUPPLY
from chipemu.slow_noise import TICK, flicker_level, flicker_processes, spectrum, weights
from chipemu.temperature import ROOM
from chipemu.units import thermal_voltage
from chipemu.validation.spectra import log_factors
from chipemu.validation.testbench import bench, cells, silence
from chipemu.wiring import Lanes


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def point(device):
    return load_point("mismatch-fit", device)


def build(device, point, *effects, n=20, seeds=(0,), scale=None):
    chips = [sample_chip(device, 1, without=all_but(effects), scale=scale, temperature=point.temperature)]
    return bench(cells(device, point, n), point, chips, noise_seeds=seeds)


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.2])
def test_the_processes_add_up_to_a_power_law(device, exponent):
    noise = dataclasses.replace(device.noise, flicker_exponent=exponent)
    f = np.geomspace(noise.flicker_low, noise.flicker_high, 300)
    density = spectrum(f, *flicker_processes(noise, 1e-7))
    assert -np.polyfit(np.log(f), np.log(density), 1)[0] == pytest.approx(exponent, abs=0.03)
    over = density / (1e-7 / f**exponent)
    assert np.exp(np.mean(np.log(over))) == pytest.approx(1, abs=0.06)
    assert over.min() > 0.75
    assert over.max() < 1.25


def test_a_process_has_its_variance_in_its_spectrum():
    total, _ = integrate.quad(lambda f: spectrum(f, np.array([0.01]), np.array([3.0])), 0, np.inf)
    assert total == pytest.approx(3.0, rel=1e-6)


def test_a_gate_of_two_square_micrometres_has_the_flicker_that_the_device_file_says(device):
    noise = device.noise
    volt = np.sqrt(noise.flicker_K / noise.flicker_C_gate * np.log(noise.flicker_high / noise.flicker_low))
    assert 2e-5 < volt < 3e-5  # tens of microvolts, as published
    sigma = device.circuit["kappa"] / thermal_voltage(ROOM) * volt
    assert sigma == pytest.approx(6e-4, rel=0.05)
    level = flicker_level(noise, device.circuit["kappa"], ROOM)
    in_band, _ = integrate.quad(
        lambda x: np.exp(x) * spectrum(np.exp(x), *flicker_processes(noise, level)),
        np.log(noise.flicker_low),
        np.log(noise.flicker_high),
    )
    assert np.sqrt(in_band) == pytest.approx(sigma, rel=0.03)


def test_flicker_falls_with_the_area_and_with_temperature(device):
    def sigma(noise, kelvin=ROOM):
        chip = sample_chip(dataclasses.replace(device, noise=noise), 1, temperature=kelvin)
        return weights(chip)[:SUPPLY]

    larger = dataclasses.replace(device.noise, flicker_C_gate=4 * device.noise.flicker_C_gate)
    np.testing.assert_allclose(sigma(larger), sigma(device.noise) / 2, rtol=1e-9)
    np.testing.assert_allclose(sigma(device.noise, 350.0), sigma(device.noise) * ROOM / 350.0, rtol=1e-9)


def test_input_and_leak_flicker_apart_and_neuron_from_neuron(device, point):
    emulator = build(device, point, "flicker_noise", n=256, seeds=(0, 1))
    on_input, on_leak = log_factors(emulator, (at.SLOW_INPUT, at.SLOW_LEAK), TICK)[..., 0]
    pairs = ((on_input, on_leak), (on_input[:, 1:], on_input[:, :-1]), (on_input[:1], on_input[1:]))
    for one, other in pairs:
        # four standard errors
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_supply_noise_decays_with_its_time_constant(device, point):
    emulator = build(device, point, "supply_noise", n=1, seeds=range(64))
    (values,) = log_factors(emulator, (at.SLOW_INPUT,), 1000 * TICK)
    for lag in (1, 5):
        got = np.mean(values[..., lag:] * values[..., :-lag]) / np.mean(values**2)
        assert got == pytest.approx(np.exp(-lag * TICK / device.noise.supply_tau), abs=0.02)


def test_factors_stay_positive_at_any_scale(device, point):
    emulator = build(device, point, "supply_noise", "flicker_noise", scale={"noise": 100}, seeds=range(8))
    emulator.advance(silence(emulator, 0.1), 0.1)
    lanes = Lanes(emulator.mapped)
    for field in (at.SLOW_INPUT, at.SLOW_LEAK):
        factor = lanes.fields(emulator.state, field)
        assert np.all(factor > 0)
        assert factor.std() > 0.05


def test_slow_noise_moves_the_membrane_through_leak_and_input(device, point):
    # a neuron at rest on its leak alone: input at the floor, so that only the leak factor can be seen
    quiet, moved = build(device, point), build(device, point, "supply_noise", scale={"supply_noise": 50})
    voltage = [e.run(silence(e, 0.05), 0.05, ("V_mem",)).V_mem.values for e in (quiet, moved)]
    assert np.ptp(voltage[0] - voltage[1]) > 0
    assert np.allclose(np.ptp(voltage[1], axis=1), 0, atol=1e-12)  # one core, one supply


def test_without_either_effect_no_tick_is_done(device, point):
    emulator = build(device, point, "thermal_noise")
    assert emulator._slow.state.size == 0
    emulator.advance(silence(emulator, 0.01), 0.01)
    fields = Lanes(emulator.mapped).fields(emulator.state, at.SLOW_INPUT, 2)
    assert np.all(fields == 1)


def test_a_die_without_it_is_undisturbed_by_one_with_it(device, point):
    def emulator(*switched):
        chips = [
            sample_chip(device, 1, without=all_but(effects), temperature=point.temperature) for effects in switched
        ]
        return bench(cells(device, point, 20), point, chips)

    both, alone = emulator((), ("flicker_noise",)), emulator(())
    for e in (both, alone):
        e.advance(silence(e, 0.05), 0.05)
    assert np.array_equal(both.state[0], alone.state[0])
    assert not np.array_equal(both.state[0], both.state[1])


def test_time_that_passes_draws_a_new_start(device, point):
    emulator = build(device, point, "flicker_noise")
    before = emulator._slow.state.copy()
    emulator.age("1 h")
    assert abs(np.corrcoef(before.ravel(), emulator._slow.state.ravel())[0, 1]) < 0.3


def test_a_supply_beyond_what_records_allow_is_refused(tmp_path):
    path = tmp_path / "loud.toml"
    head = 'schema = 1\nextends = "dynapse1"\nname = "loud"\ntitle = "t"\nsummary = "s"\n'
    path.write_text(head + '[noise]\nsupply_std = { value = 0.05, source = "assumed" }\n')
    with pytest.raises(DeviceFileError, match=r"supply_std.*0\.05 is out of range; allowed 0 to 0\.03"):
        load_device(path)
