"""Feedback that is injected into hidden neurons: it moves them, its amount is counted, and it may be asked for."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.learning.circuit import build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.feedback import amount_of_control
from chipemu.learning.hidden import FEEDBACK, feedback_signs, feedback_words, first_weights
from chipemu.learning.lesson import CONTROLLED as UNDER_CONTROL
from chipemu.learning.lesson import attend
from chipemu.learning.recipes import CONTROLLED, usual_controller
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, hidden_layer
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

LAYER = replace(CONTROLLED["yinyang"], neurons=16)
SHORT = Schedule(settle=0.05, decide=0.1, gap=0.02, gated=False, target_rate=80.0, gate_rate=60.0)
QUICK = Budget(presentations=4, checkpoints=2, validation=4, finalists=1)


def make_session(layer=LAYER):
    task, device = load_task("yinyang").with_trains(layer.trains), load_device("dynapse1-plastic")
    circuit = build_circuit(task, "chip", usual_controller("yinyang", "chip", hidden=layer.neurons), hidden=layer)
    emulator = Emulator([sample_chip(device, 1)], map_network(circuit.network, device), dt=5e-4)
    session = Session(emulator, circuit, SHORT, [np.random.SeedSequence(0)])
    emulator.upload(first_weights(layer, circuit, task.rates["train"], 15, [np.random.default_rng(0)]))
    return session, task


def hidden_spikes(layer, control):
    session, task = make_session(layer)
    off = np.zeros(1, bool)
    window, _ = session.play(
        task.rates["train"][:1], session.target_rates(np.zeros(1, np.int64)), off | control, 0.3, active=~off
    )
    return window.count[0, session.emulator.mapped.neuron_slice("hidden")]


def test_injected_feedback_moves_hidden_neurons_the_way_of_its_sign_and_apical_feedback_does_not():
    sensed = replace(LAYER, injected=False)
    np.testing.assert_array_equal(hidden_spikes(sensed, True), hidden_spikes(sensed, False))
    moved = hidden_spikes(LAYER, True).astype(int) - hidden_spikes(LAYER, False)
    signs = feedback_signs(LAYER, 3)[:, 0]  # untrained outputs lack spikes for the first class above all
    assert moved[signs > 0].mean() > moved[signs < 0].mean()


def test_the_amount_of_control_is_half_the_square_of_what_a_neuron_is_sent():
    session, _ = make_session()
    circuit, signs = session.circuit, feedback_signs(LAYER, 3)
    weights = {name: words.copy() for name, words in feedback_words(circuit, signs[None]).items()}
    raised, lowered = 2.0, 5.0 * 3.0  # charges of a word, the second times the balance
    fired = np.zeros((1, 2, 2 * circuit.n_outputs))
    fired[0, 0, circuit.n_per_unit : 2 * circuit.n_per_unit] = 4  # positive controllers of the second class
    psi = np.where(signs[:, 1] > 0, 4 * raised, -4 * lowered)
    found = amount_of_control(circuit, weights, fired, (2.0, 3.0), 5.0)
    np.testing.assert_allclose(found, [np.mean([0.5 * psi**2, 0 * psi])])
    for name in FEEDBACK.values():
        weights[name][:] = 0
    assert amount_of_control(circuit, weights, fired, (2.0, 3.0), 5.0)[0] == 0


def test_controllers_are_watched_in_their_order():
    session, task = make_session()
    session.watched = session.controllers
    order = np.zeros((1, 1), np.int64)
    found = attend(session, task.rates["train"], order, order, UNDER_CONTROL)
    positive, negative = np.split(found.kept[0, 0].reshape(-1, session.circuit.n_per_unit).sum(1), 2)
    assert positive.argmax() == 0  # the class asked for lacks spikes
    assert negative[0] < positive[0]


def test_a_result_tells_how_much_control_it_took():
    settings = Settings("yinyang", chip_seeds=(1, 2), without=("calibration",), hidden=16, budget=QUICK)
    settings = replace(settings, least_control=True, recurrent=True, schedule=SHORT)
    together = learn(settings)
    assert together["control_history"].dims == ("chip", "noise", "checkpoint")
    assert (together["control_history"] > 0).all()
    alone = learn(replace(settings, chip_seeds=(1,)))
    np.testing.assert_array_equal(alone["control_history"][0], together["control_history"][0])


@pytest.mark.parametrize(
    ("wrong", "text"),
    [({"task": "yinyang"}, "--hidden"), ({"task": "digits", "hidden": 16}, "allowed yinyang")],
)
def test_least_control_is_refused_where_there_is_no_recipe(wrong, text):
    with pytest.raises(InputError, match=text):
        hidden_layer(Settings(**wrong, least_control=True))
