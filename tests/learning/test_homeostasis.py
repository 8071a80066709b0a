from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipemu import Emulator, map_network, sample_chip
from chipemu.device import load_device
from chipemu.errors import InputError
from chipemu.learning.circuit import Controller, build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.hidden import HIDDEN, TRAINED, Hidden, first_weights, with_mean_input
from chipemu.learning.homeostasis import equalise_rates
from chipemu.learning.lesson import TEST, attend
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, hidden_layer
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

RATE = 30.0
LAYER = Hidden(40, trains=4)
SCHEDULE = Schedule(settle=0.06, decide=0.2)


def make_session(chip_seeds):
    task = load_task("yinyang").with_trains(LAYER.trains)
    device = load_device("dynapse1-plastic")
    circuit = build_circuit(task, "chip", Controller(2), hidden=LAYER)
    calibrated = ("mismatch_between_cores", "mismatch_between_dies")
    chips = [sample_chip(device, seed, without=calibrated, scale={"mismatch": 2.0}) for seed in chip_seeds]
    emulator = Emulator(chips, map_network(circuit.network, device), dt=5e-4)
    session = Session(emulator, circuit, SCHEDULE, [np.random.SeedSequence([0, seed]) for seed in chip_seeds])
    emulator.upload(first_weights(LAYER, circuit, task.rates["train"], 15, generators(chip_seeds)))
    return session, task


def generators(chip_seeds):
    return [np.random.default_rng(seed) for seed in chip_seeds]


def hidden_rates(session, task, n=100):
    order = np.tile(np.arange(n), (session.n_runs, 1))
    count = attend(session, task.rates["train"], order, np.zeros_like(order), TEST).count
    return count[:, session.emulator.mapped.neuron_slice("hidden")] / (n * (SCHEDULE.settle + SCHEDULE.decide))


@pytest.mark.filterwarnings("ignore:time step")
def test_neurons_of_a_die_with_twice_the_mismatch_come_to_the_rate_asked_for():
    session, task = make_session((1, 2))
    before = hidden_rates(session, task)
    equalise_rates(session, RATE, task.rates["train"], generators((1, 2)))
    after = hidden_rates(session, task)
    assert ((before < RATE / 4) | (before > RATE * 4)).mean() > 0.2
    assert ((after < RATE / 4) | (after > RATE * 4)).mean() < 0.05
    assert np.median(after) == pytest.approx(RATE, rel=0.25)
    assert np.std(np.log(after + 1)) < np.std(np.log(before + 1)) / 2


@pytest.mark.filterwarnings("ignore:time step")
def test_only_hidden_codes_move_and_trains_of_a_source_stay_alike():
    session, task = make_session((1,))
    before = session.emulator.weights()
    equalise_rates(session, RATE, task.rates["train"], generators((1,)))
    after = session.emulator.weights()
    assert {name for name in before if not np.array_equal(before[name], after[name])} == {HIDDEN}
    assert (after[TRAINED] == 0).all()
    table = session.circuit.weight_table(after[HIDDEN], HIDDEN)[0]
    np.testing.assert_array_equal(table[:, ::4], table[:, 3::4])
    assert session.emulator.ledger.host_operations[0] > 0


@pytest.mark.filterwarnings("ignore:time step")
def test_a_die_is_equalised_alike_alone_and_in_company():
    together, task = make_session((1, 2))
    equalise_rates(together, RATE, task.rates["train"], generators((1, 2)))
    alone, _ = make_session((2,))
    equalise_rates(alone, RATE, task.rates["train"], generators((2,)))
    np.testing.assert_array_equal(together.emulator.weights()[HIDDEN][1], alone.emulator.weights()[HIDDEN][0])


@given(arrays(np.int64, (3, 5), elements=st.integers(-15, 15)), st.floats(-300, 300))
def test_codes_move_along_the_mean_input_and_no_further(codes, asked):
    mean = np.array([10.0, 20.0, 40.0, 80.0, 0.0])
    moved = with_mean_input(codes, np.tile(mean, (3, 1)), np.full(3, asked), 15)
    assert np.abs(moved).max() <= 15
    np.testing.assert_array_equal(moved[:, -1], codes[:, -1])  # a source that is silent, or not seen
    np.testing.assert_allclose(moved @ mean, asked, atol=0.5 * mean.sum() + 1)


def test_the_rate_is_a_setting_and_one_out_of_range_is_refused():
    settings = Settings("yinyang", hidden=16)
    assert hidden_layer(replace(settings, hidden_rate=25.0)).rate == 25.0
    assert hidden_layer(replace(settings, hidden_rate=0.0)).rate is None
    with pytest.raises(InputError, match="allowed 0 to 200 Hz"):
        hidden_layer(replace(settings, hidden_rate=1000.0))
    with pytest.raises(InputError, match="give --hidden"):
        hidden_layer(replace(settings, hidden=0, hidden_rate=25.0))


@pytest.mark.slow
def test_dies_learn_better_once_no_hidden_neuron_is_silent():
    budget = Budget(1500, 12, 100, 1, 2, ((0.33, 0.3), (0.66, 0.1)))
    base = Settings("digits", chip_seeds=(3, 4), hidden=16, budget=budget)
    equal, uneven = (
        learn(settings)["accuracy_validation"].values for settings in (base, replace(base, hidden_rate=0.0))
    )
    assert equal.mean() > uneven.mean()
