"""Age: biases drift by the law of the device file, whatever the way time is counted."""

import numpy as np
import pytest

from chipemu.ageing import Drift, wander
from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.errors import InputError, UnitError
from chipemu.kernels import layout as at
from chipemu.validation.testbench import bench, cells

HOUR = 3600.0


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.mark.parametrize("kind", ["ornstein-uhlenbeck", "random-walk"])
def test_many_short_waits_spread_as_one_long_wait(kind):
    law = Drift(kind, 0.02, 5 * HOUR)
    rng, x = np.random.default_rng(1), np.zeros(40_000)
    for _ in range(10):
        x = wander(law, x, HOUR, rng.standard_normal(x.size))
    assert x.std() == pytest.approx(law.std_after(10 * HOUR), rel=0.02)


def test_an_age_is_reproducible_and_belongs_to_the_die(device):
    one, again, other = (sample_chip(device, seed).age("1 week") for seed in (1, 1, 2))
    assert all(np.array_equal(one.wandered[name], again.wandered[name]) for name in one.wandered)
    assert not np.array_equal(one.wandered["IF_TAU1_N"], other.wandered["IF_TAU1_N"])
    assert set(one.wandered) == set(device.modelled_biases)


def test_each_wait_draws_anew_and_no_wait_draws_nothing(device):
    chip = sample_chip(device, 1)
    assert chip.age(0) is chip
    hour = chip.age("1 h")
    two = hour.age("1 h")
    assert two.elapsed == 2 * HOUR
    step = two.wandered["IF_DC_P"] - hour.wandered["IF_DC_P"] * device.drift.kept(HOUR)
    assert not np.any(np.isclose(step, hour.wandered["IF_DC_P"]))


def test_an_aged_die_is_not_nominal(device):
    exact = sample_chip(device, 1, without=["mismatch"])
    assert exact.is_nominal
    assert not exact.age("1 day").is_nominal
    assert not exact.set_temperature("30degC").is_nominal
    assert sample_chip(device, 1, without=["mismatch", "drift"]).age("1 day").is_nominal


def test_an_aged_emulator_has_other_biases_and_neurons_at_rest(device):
    point = load_point("mismatch-fit", device)
    emulator = bench(cells(device, point, 4, words=20), point, [sample_chip(device, 1)])
    emulator.run([300.0], 0.1)
    before = emulator._lanes.fields(emulator.state, at.I_TAU)
    emulator.age("1 week")
    assert not np.any(emulator._lanes.fields(emulator.state, at.I_TAU) == before)
    assert np.all(emulator._lanes.fields(emulator.state, at.I_SYN) == emulator._floor[0, 0])
    assert emulator.attributes()["age_s"] == 604800.0


@pytest.mark.parametrize(
    ("wait", "error", "message"),
    [
        ("3", UnitError, "age: '3' is not usable"),
        (-1.0, InputError, "out of range"),
        ("4800 weeks", InputError, "100 years"),
        (float("nan"), InputError, "out of range"),
    ],
)
def test_impossible_waits_are_refused(device, wait, error, message):
    with pytest.raises(error) as caught:
        sample_chip(device, 1).age("800 weeks").age(wait)
    assert message in str(caught.value)
