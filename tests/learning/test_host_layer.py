"""A hidden layer whose weights a host rewrites: words with masks, feedback that the host works out."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.learning.circuit import build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.feedback import host_feedback, inverse_feedback, mirrored_feedback, read_by_units
from chipemu.learning.hidden import HIDDEN, MASK_UNITS, TRAINED, feedback_signs, first_weights
from chipemu.learning.recipes import usual, usual_controller, usual_host
from chipemu.learning.rules import HostLearner, _spikes_of, round_trains
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, hidden_layer, host_rule, is_closed, output_latches, place
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

DT = 5e-4
N = 12
BASE = Settings("yinyang", "dynapse2", hidden=N, chip_seeds=(1,), without=("calibration",))
OPEN = replace(BASE, target_propagation=True)
QUICK = Budget(6, 1, 4)

pytestmark = pytest.mark.filterwarnings("ignore:time step")


def make_learner(settings=BASE, shuffle=False):
    layer, device = hidden_layer(settings), place(settings)[0]
    task = load_task("yinyang").with_trains(layer.trains)
    recipe = usual_controller("yinyang", "host", device, N)
    circuit = build_circuit(task, "host", recipe, hidden=layer, closed=is_closed(settings))
    emulator = Emulator([sample_chip(device, 1)], map_network(circuit.network, device), dt=DT)
    session = Session(emulator, circuit, usual("yinyang", N)[1], [np.random.SeedSequence([0, 1])])
    emulator.upload(first_weights(layer, circuit, task.rates["train"], MASK_UNITS, [np.random.default_rng(0)]))
    return HostLearner(session, host_rule(settings), shuffle), task


def teach(learner, task, presentation=0):
    """One controlled window, its input events, and what every synapse saw in it."""
    session, everyone = learner.session, np.ones(1, bool)
    inputs = task.rates["train"][presentation][None]
    targets = session.target_rates(task.splits["train"][1][[presentation]])
    window, events = session.play(inputs, targets, everyone, 0.3, active=everyone, record=True)
    return window, events, learner._products(window, events)


def spikes_of_hidden(learner, window):
    return window.count[0, learner.session.emulator.mapped.neuron_slice("hidden")]


def test_controllers_reach_no_hidden_neuron_and_its_words_are_free():
    circuit = make_learner()[0].session.circuit
    assert not circuit.feedback_on_die
    assert {p.name for p in circuit.network.projections if p.post.name == "hidden"} == {HIDDEN}
    device = load_device("dynapse2")
    mapped = map_network(circuit.network, device)
    assert (mapped.fixed_use[mapped.neuron_slice("hidden")] == 0).all()
    assert np.bincount(circuit.network[HIDDEN].pairs[:, 1]).max() <= device.chip.n_cam_words


@pytest.mark.parametrize(("settings", "follow"), [(BASE, mirrored_feedback), (OPEN, inverse_feedback)])
def test_a_hidden_synapse_sees_what_feedback_would_bring_and_only_where_its_neuron_fired(settings, follow):
    learner, task = make_learner(settings)
    circuit = learner.session.circuit
    learner.shadow[TRAINED] = circuit.connected() * np.random.default_rng(1).normal(0, 3, (1, 30, N))
    window, events, seen = teach(learner, task)
    fired = spikes_of_hidden(learner, window) > 0
    assert 0 < fired.sum() < N
    read = read_by_units(circuit, {TRAINED: circuit.flat_weights(learner.shadow[TRAINED])})
    controllers = _spikes_of(window, learner.session.controllers)
    of_units = learner._seen_by(events, circuit.n_inputs, controllers)[0].reshape(3, 10, -1).mean(1)
    expected = fired[:, None] * (follow(circuit.hidden, read)[0] @ of_units)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(seen[HIDDEN][0], expected)


def test_in_an_open_loop_controllers_reach_nothing():
    circuit = make_learner(OPEN)[0].session.circuit
    assert output_latches(OPEN) == ()
    assert not {p.name for p in circuit.network.projections if p.pre.name in ("positive", "negative")}


def test_an_open_loop_learns_more_slowly_unless_told_otherwise():
    assert host_rule(OPEN).eta == 0.25 * host_rule(BASE).eta
    assert host_rule(replace(OPEN, eta=0.3)).eta == host_rule(replace(BASE, eta=0.3)).eta == 0.3


@pytest.mark.parametrize("settings", [BASE, OPEN])
def test_only_a_closed_loop_moves_the_outputs(settings):
    learner, task = make_learner(settings)
    session, outputs = learner.session, learner.session.emulator.mapped.neuron_slice("outputs")
    inputs, everyone = task.rates["train"][0][None], np.ones(1, bool)
    count = {}
    for targets in (None, np.array([[80.0, 0.0, 0.0]])):
        window, _ = session.play(inputs, targets, everyone, 0.5, active=everyone)
        count[targets is not None] = window.count[0, outputs][:10].sum()
    assert (count[True] > count[False] + 100) == is_closed(settings)


def test_an_open_loop_trains_a_die_through_the_whole_pipeline():
    result = learn(replace(OPEN, budget=QUICK))
    assert np.isfinite(result["accuracy_validation"]).all()
    assert result["target_error_on"].item() == pytest.approx(result["target_error_off"].item(), abs=1.0)


def test_an_output_synapse_sees_its_hidden_neurons_spikes():
    learner, task = make_learner()
    window, _, seen = teach(learner, task)
    fired = spikes_of_hidden(learner, window)
    assert (seen[TRAINED][0][:, fired == 0] == 0).all()
    assert np.abs(seen[TRAINED][0][:, fired == fired.max()]).max() > 0


def test_the_shadow_is_rounded_over_trains_in_the_hidden_layer_and_frozen_weights_stay():
    for frozen in (False, True):
        rule = replace(usual_host("yinyang", None, N), hidden=1.0)
        learner, task = make_learner(replace(BASE, host=rule, freeze_hidden=frozen))
        before = learner.session.emulator.weights()[HIDDEN]
        for presentation in range(3):
            learner._update(teach(learner, task, presentation)[-1], np.ones(1, bool))
        after = learner.session.emulator.weights()
        circuit = learner.session.circuit
        rounded = circuit.flat_weights(round_trains(learner.shadow[HIDDEN], circuit.n_trains), HIDDEN)
        np.testing.assert_array_equal(after[HIDDEN], rounded)
        assert (after[HIDDEN] != before).any() == (not frozen)
        assert np.abs(learner.shadow[TRAINED]).max() > 0


def test_shuffled_feedback_turns_all_synapses_of_a_neuron_alike():
    right, wrong = make_learner()[0], make_learner(shuffle=True)[0]
    table = right.session.circuit.connected() * np.random.default_rng(1).normal(0, 3, (1, 30, N))
    right.shadow[TRAINED] = wrong.shadow[TRAINED] = table
    by_input = np.random.default_rng(2).normal(size=(1, 30, 60))
    a, b = (learner._hidden_products(by_input)[0] for learner in (right, wrong))
    told = np.abs(a).sum(1) > 0
    turn = b[told] / a[told]
    assert set(np.rint(turn).ravel()) == {-1.0, 1.0}
    np.testing.assert_allclose(turn, np.repeat(turn[:, :1], 60, axis=1))


def test_fixed_feedback_keeps_its_signs():
    learner, _ = make_learner(replace(BASE, feedback="fixed"))
    circuit = learner.session.circuit
    held = host_feedback(circuit, learner.session.emulator.weights())
    np.testing.assert_array_equal(held[0], feedback_signs(circuit.hidden, 3))


def test_a_short_training_ends_in_whole_units_of_both_layers():
    result = learn(replace(BASE, budget=QUICK))
    assert result.attrs["where"] == "host"
    for name in ("weight", "weight_hidden"):
        weights = result[name].values
        assert np.array_equal(weights, np.rint(weights))
        assert 1 <= np.abs(weights).max() <= MASK_UNITS
    assert result.ledger_uploads.values.min() > 0
    assert (result.control_history == 0).all()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"device": "dynapse1", "where": "host"}, "Use --device dynapse2"),
        ({"recurrent": True}, "Use --device dynapse1-plastic"),
        ({"feedback": "learned"}, "Use --device dynapse1-plastic"),
    ],
)
def test_what_a_host_cannot_do_is_refused(wrong, text):
    with pytest.raises(InputError, match=text):
        learn(replace(BASE, budget=QUICK, **wrong))


@pytest.mark.slow
def test_a_host_trains_two_layers_beyond_what_one_can_do():
    budget = Budget(400, 4, 100, 1, 2, ((0.33, 0.3), (0.66, 0.1)))
    result = learn(Settings("yinyang", "dynapse2", hidden=120, chip_seeds=(0,), budget=budget))
    assert float(result.accuracy_validation.median()) > float(result.accuracy_linear) + 0.1
