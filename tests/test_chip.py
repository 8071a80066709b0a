"""Dies: drawn from a seed alone, lognormal with median 1, independent where the measurement found independence."""

import numpy as np
import pytest

from chipemu.chip import sample_chip
from chipemu.device import load_device
from chipemu.device_latches import EXTRA_PARAMETERS
from chipemu.errors import InputError, UnknownNameError
from chipemu.mismatch import PARAMETERS, sample_factors
from chipemu.parameter_names import BASES

ADDRESS = np.array([[1, 3], [2, 200], [1, 4]])


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def chip(device):
    return sample_chip(device, seed=1)


def arrays(chip):
    return [*chip.neuron_factor.values(), *chip.core_factor.values(), chip.slot_factor(ADDRESS)]


def test_a_seed_is_a_die(device, chip):
    assert all(np.array_equal(a, b) for a, b in zip(arrays(chip), arrays(sample_chip(device, seed=1)), strict=True))
    assert not np.array_equal(chip.neuron_factor["I_tau"], sample_chip(device, seed=2).neuron_factor["I_tau"])


def test_high_bits_of_a_seed_count(device, chip):
    assert not np.array_equal(chip.neuron_factor["I_tau"], sample_chip(device, seed=1 + 2**40).neuron_factor["I_tau"])


def test_shapes(device, chip):
    assert set(chip.neuron_factor) == set(PARAMETERS) - {*BASES, *EXTRA_PARAMETERS}
    assert all(factor.shape == (4, 256) for factor in chip.neuron_factor.values())
    assert set(chip.core_factor) == set(device.modelled_biases)
    assert all(factor.shape == (4,) for factor in chip.core_factor.values())
    assert chip.slot_factor(ADDRESS).shape == (3, 64)


@pytest.mark.parametrize("sigma", [0.08, 0.3])
def test_factors_are_lognormal_with_median_one(sigma):
    factors = sample_factors(3, np.arange(100_000, dtype=np.uint32), "I_w_ampa", sigma)
    assert np.median(factors) == pytest.approx(1, abs=4 * 1.25 * sigma / np.sqrt(1e5))
    assert factors.std() / factors.mean() == pytest.approx(np.sqrt(np.expm1(sigma**2)), rel=0.02)


def test_spread_is_what_the_file_says(device):
    chip = sample_chip(device, seed=1, without=["mismatch_gradient", "mismatch_outliers"])
    for parameter, sigma in device.mismatch.within_core.items():
        # four standard errors of 1024 neurons
        assert np.log(chip.neuron_factor[parameter]).std() == pytest.approx(sigma, rel=4 / np.sqrt(2 * 1024))


def test_parameters_are_uncorrelated(device, chip):
    spread = [name for name, sigma in device.mismatch.within_core.items() if sigma > 0]
    logs = np.log([chip.neuron_factor[name].ravel() for name in spread])
    correlation = np.corrcoef(logs) - np.eye(len(spread))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(1024)


def test_core_factors_spread_between_cores_and_between_dies(device):
    dies = [sample_chip(device, seed) for seed in range(60)]
    logs = np.log([[die.core_factor[name] for name in device.modelled_biases] for die in dies])
    within = logs - logs.mean(2, keepdims=True)
    between = 0.27  # dynapse1: every bias
    assert np.sqrt((within**2).sum(2).mean() / 3) == pytest.approx(between, rel=0.05)
    assert logs.mean(2).std() == pytest.approx(np.hypot(0.05, between / 2), rel=0.06)


def test_neurons_do_not_depend_on_the_others(device):
    # a neuron keeps its factors whatever else is sampled
    some = np.array([5, 65536 * 2 + 17], np.uint32)
    every = np.arange(65536 * 3, dtype=np.uint32)
    assert np.array_equal(sample_factors(9, some, "I_ref", 0.1), sample_factors(9, every, "I_ref", 0.1)[some])


def test_a_slot_keeps_its_factor_whoever_asks(chip):
    assert np.array_equal(chip.slot_factor(ADDRESS)[1], chip.slot_factor(ADDRESS[1:2])[0])


def test_plastic_synapses_have_factors_of_their_own():
    chip = sample_chip(load_device("dynapse1-plastic"), seed=1, without=["dead"])
    pulse, step, words = (
        chip.plastic_factor(ADDRESS, "pulse"),
        chip.plastic_factor(ADDRESS, "step"),
        chip.slot_factor(ADDRESS),
    )
    assert pulse.shape == step.shape == (3, 64)
    sigma = chip.device.plastic.step_mismatch
    assert np.log(step).std() == pytest.approx(sigma, rel=0.3)
    logs = [np.log(factor).ravel() for factor in (pulse, step, words)]
    assert np.abs(np.corrcoef(logs) - np.eye(3)).max() < 0.3


def test_scale_stretches_the_same_draw(device, chip):
    double = sample_chip(device, seed=1, scale={"mismatch": 2})
    for parameter in ("I_tau", "I_ref"):
        np.testing.assert_allclose(double.neuron_factor[parameter], chip.neuron_factor[parameter] ** 2)
    np.testing.assert_allclose(double.core_factor["IF_TAU1_N"], chip.core_factor["IF_TAU1_N"] ** 2)
    np.testing.assert_allclose(double.slot_factor(ADDRESS), chip.slot_factor(ADDRESS) ** 2)


def test_an_ideal_device_has_no_spread():
    chip = sample_chip(load_device("ideal"), seed=1)
    assert all(np.all(factor == 1) for factor in arrays(chip))


def test_print_says_what_is_applied(device):
    text = str(sample_chip(device, seed=7, without=["noise"], scale={"mismatch_slot": 2}))
    assert text.startswith("die 7 of dynapse1 at 298.15 K")
    lines = {line.split()[0]: line.split()[1] for line in text.splitlines()[2:]}
    assert lines["thermal_noise"] == "off"
    assert lines["mismatch_slot"] == "2"
    assert lines["calibration"] == "1"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"seed": -1}, InputError, "die seed -1 is out of range; allowed 0 to 2^63 - 1"),
        ({"seed": 2**63}, InputError, "allowed 0 to 2^63 - 1"),
        ({"temperature": 25.0}, InputError, "die temperature 25 K is out of range; allowed 200 K to 450 K"),
        ({"temperature": float("nan")}, InputError, "out of range"),
        ({"without": ["mismach"]}, UnknownNameError, "unknown effect 'mismach'; nearest: mismatch"),
        ({"scale": {"noise": -1}}, InputError, "scale of effect 'noise' is -1; allowed 0 to 100"),
    ],
)
def test_bad_dies_are_refused(device, options, error, message):
    with pytest.raises(error) as caught:
        sample_chip(device, **{"seed": 1, **options})
    assert message in str(caught.value)
