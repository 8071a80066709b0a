"""Feedback that is learned from noise: it aligns with what the outputs read, and without the noise it does not."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.learning.circuit import build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.feedback import compliance, held_feedback, read_by_units
from chipemu.learning.hidden import NOISE, TRAINED, Hidden, Noise, first_weights
from chipemu.learning.learned_feedback import LearnedFeedback
from chipemu.learning.lesson import CONTROLLED, TEACH, TEST, attend
from chipemu.learning.recipes import usual_controller
from chipemu.learning.rules import ChipLearner
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

LAYER = Hidden(24, trains=2, feedback="learned")
SCHEDULE = Schedule(settle=0.06, decide=0.1, gap=0.02, gated=False, target_rate=80.0, gate_rate=60.0)
SILENT = replace(LAYER, noise=Noise(rate=0.0))


def make_session(layer=LAYER, chip_seeds=(1,)):
    """Dies whose outputs read the hidden layer by fixed random codes, one for all neurons of a unit."""
    task, device = load_task("yinyang").with_trains(layer.trains), load_device("dynapse1-plastic")
    circuit = build_circuit(task, "chip", usual_controller("yinyang", "chip", hidden=layer.neurons), hidden=layer)
    emulator = Emulator(
        [sample_chip(device, seed) for seed in chip_seeds], map_network(circuit.network, device), dt=5e-4
    )
    session = Session(emulator, circuit, SCHEDULE, [np.random.SeedSequence([0, seed]) for seed in chip_seeds])
    generators = [np.random.default_rng(seed) for seed in chip_seeds]
    emulator.upload(first_weights(layer, circuit, task.rates["train"], 15, generators))
    codes = np.random.default_rng(0).integers(-3, 4, (3, layer.neurons))
    hidden, output = circuit.pairs.T
    read = np.tile(codes[output // circuit.n_per_unit, hidden], (session.n_runs, 1))
    emulator.upload({**emulator.weights(), TRAINED: read})
    session.watch_feedback()
    return session, task


def present(session, task, n, mode=TEACH):
    order = np.tile(np.arange(n), (session.n_runs, 1))
    return attend(session, task.rates["train"], order, task.splits["train"][1][order], mode)


def learned(layer=LAYER, chip_seeds=(1,), n=60):
    """What the feedback of each die is after some taught presentations in which nothing else learns."""
    session, task = make_session(layer, chip_seeds)
    learner = ChipLearner(session, 0.0)
    learner.observe(present(session, task, n).shaken)
    learner.rewrite_feedback(learner.store())
    return session


def test_noise_aligns_feedback_with_what_the_outputs_read_and_its_absence_does_not():
    reached = []
    for layer in (LAYER, SILENT):
        session = learned(layer)
        weights = session.emulator.weights()
        read, q = read_by_units(session.circuit, weights)[0], held_feedback(session.circuit, weights)[0]
        reached.append((compliance(read, q), np.corrcoef(read.ravel(), q.ravel())[0, 1]))
    (with_noise, correlation), (without, chance) = reached
    assert with_noise > 0.8
    assert correlation > 0.75
    assert without < 0.55  # three of 24 directions are 0.35 by chance
    assert chance < 0.35


def test_a_die_learns_its_feedback_alike_alone_and_in_company():
    alone, together = learned(n=4), learned(chip_seeds=(1, 2), n=4)
    for name, words in alone.emulator.weights().items():
        np.testing.assert_array_equal(words[0], together.emulator.weights()[name][0])
    assert (alone.emulator.ledger.noise_events == together.emulator.ledger.noise_events[0]).all()


def test_noise_is_silent_but_in_its_windows_and_the_ledger_counts_it():
    session, task = make_session()
    ChipLearner(session, 0.0)
    mapped, noise, n = session.emulator.mapped, LAYER.noise, 3
    for mode in (TEST, CONTROLLED):
        found = present(session, task, n, mode)
        assert found.sent[:, -2 * LAYER.neurons :].sum() == 0
        assert found.shaken.sum() == 0
    assert session.emulator.ledger.noise_events.sum() == 0
    before = session.emulator.ledger.chip_time_s
    found = present(session, task, n)
    events = found.sent[0, mapped.n_sources - 2 * LAYER.neurons :].reshape(2, -1)
    asked = n * noise.windows * noise.window * noise.rate  # of either source of a neuron
    np.testing.assert_allclose(events.sum(0), asked, rtol=0.05)
    assert 0.3 < events[0].sum() / events.sum() < 0.7
    assert session.emulator.ledger.noise_events.tolist() == [events.sum()]
    passes = 2 * (SCHEDULE.settle + SCHEDULE.decide) + SCHEDULE.gap + noise.windows * noise.window
    assert session.emulator.ledger.chip_time_s - before == pytest.approx(n * passes)


def test_a_source_that_raises_does_and_one_that_lowers_does():
    session, task = make_session()
    ChipLearner(session, 0.0)
    mapped = session.emulator.mapped
    hidden = mapped.neuron_slice("hidden")
    rates = np.zeros((2, mapped.n_sources))
    rates[:, : session.circuit.n_inputs] = task.rates["train"][:1]
    first = mapped.n_sources - 2 * LAYER.neurons
    rates[0, first : first + LAYER.neurons] = rates[1, first + LAYER.neurons :] = LAYER.noise.rate
    raised, lowered = (np.bincount(session.emulator.run(r, 0.3)["spike_neuron"], minlength=hidden.stop) for r in rates)
    assert raised[hidden].sum() > 2 * lowered[hidden].sum()
    assert list(NOISE.values()) == ["ampa", "gaba_b"]


def test_synapses_do_not_learn_under_noise():
    codes, spikes = [], []
    for windows in (0, 4):
        session, task = make_session(replace(LAYER, noise=Noise(windows=windows)))
        ChipLearner(session, 5.0)
        before = session.emulator.weights()[TRAINED]
        spikes.append(present(session, task, 1).count.sum())
        codes.append(session.emulator.weights())
    assert (codes[0][TRAINED] != before).any()
    assert spikes[1] > 1.5 * spikes[0]
    for name, held in codes[0].items():
        np.testing.assert_array_equal(held, codes[1][name])


def test_rarer_noise_follows_every_fourth_taught_presentation_and_the_first():
    session, task = make_session()
    ChipLearner(session, 0.0)
    session.noise_every = 4
    shaken = present(session, task, 9).shaken
    assert np.flatnonzero(shaken[0].any((1, 2))).tolist() == [0, 4, 8]
    every = 3 * LAYER.noise.windows * LAYER.noise.window * LAYER.noise.rate * LAYER.neurons
    assert session.emulator.ledger.noise_events.item() == pytest.approx(every, rel=0.05)


def test_what_is_older_fades():
    rng, hidden = np.random.default_rng(0), replace(LAYER, neurons=6, noise=Noise(memory=10.0))
    first, then = (rng.integers(-3, 4, (6, 2)) for _ in range(2))
    feedback = LearnedFeedback(hidden, 1, 2)
    for read in (first, then):
        fired = rng.integers(0, 9, (1, 50, 4, 6))
        feedback.observe(fired, -fired @ read)
    assert np.corrcoef(feedback.feedback()[0].ravel(), then.ravel())[0, 1] > 0.9


def test_presentations_that_were_not_taught_tell_nothing():
    taught, rng = LearnedFeedback(LAYER, 1, 2), np.random.default_rng(0)
    none = np.zeros((1, 5, 4, LAYER.neurons), int)
    taught.observe(none, none[..., :2])
    assert not taught.feedback().any()
    fired = rng.integers(0, 9, (1, 5, 4, LAYER.neurons))
    taught.observe(fired, fired[..., :2])
    before = taught.feedback()
    taught.observe(none, none[..., :2])
    np.testing.assert_array_equal(taught.feedback(), before)


def test_training_rewrites_learned_feedback_and_its_result_says_what_noise_cost():
    budget = Budget(presentations=6, checkpoints=2, validation=4, finalists=1)
    settings = Settings("yinyang", chip_seeds=(1,), without=("calibration",), hidden=16, budget=budget, eta=5.0)
    result = learn(replace(settings, feedback="learned", schedule=SCHEDULE))
    assert result["ledger_noise_events"].item() > 0
    answered, charge = (result[f"{kind}charge_history"].values for kind in ("noise_", ""))
    assert (answered > 0).all()
    assert (answered < charge).all()
    assert 0 <= result["feedback_compliance"].item() <= 1
    without = learn(replace(settings, schedule=SCHEDULE))
    assert without["ledger_noise_events"].item() == 0
    assert not without["noise_charge_history"].any()


def test_training_makes_noise_rarer():
    budget = Budget(presentations=16, checkpoints=2, validation=4, finalists=1)
    settings = Settings("yinyang", chip_seeds=(1,), without=("calibration",), hidden=16, budget=budget, eta=5.0)
    often, rarely = (
        learn(replace(settings, feedback="learned", schedule=SCHEDULE, layer=replace(LAYER, noise=Noise(rarer=rarer))))
        for rarer in ((), ((0.5, 4),))
    )
    assert rarely["ledger_noise_events"].item() == pytest.approx(10 / 16 * often["ledger_noise_events"].item(), rel=0.1)


def test_learned_feedback_is_refused_without_a_hidden_layer():
    with pytest.raises(InputError, match="--hidden"):
        learn(Settings("yinyang", chip_seeds=(1,), feedback="learned"))
