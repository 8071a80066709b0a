"""A hidden layer under direct feedback: what its synapses sense, when they learn, and what each switch changes."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip, storage
from chipemu.errors import InputError
from chipemu.learning.circuit import build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.feedback import FEEDBACKS, FOLLOWING, compliance, damped_inverse, held_feedback, read_by_units
from chipemu.learning.handover import read_image
from chipemu.learning.hidden import (
    FEEDBACK,
    HIDDEN,
    TRAINED,
    Hidden,
    feedback_signs,
    first_weights,
)
from chipemu.learning.latches import choose
from chipemu.learning.lesson import TEACH, _lesson, attend
from chipemu.learning.recipes import usual, usual_controller
from chipemu.learning.rules import ChipLearner
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, hidden_layer
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

DT = 5e-4
LAYER = Hidden(16, trains=2, share=0.5)
QUICK = Budget(presentations=8, checkpoints=2, validation=4, finalists=1)


def make_session(layer=LAYER, chip_seeds=(1,), *, active=-1.0, shuffled=False, latches=()):
    task, device = load_task("yinyang").with_trains(layer.trains), load_device("dynapse1-plastic")
    controller = usual_controller("yinyang", "chip", hidden=layer.neurons)
    circuit = build_circuit(task, "chip", controller, choose(latches, device), layer)
    chips = [sample_chip(device, seed) for seed in chip_seeds]
    emulator = Emulator(chips, map_network(circuit.network, device), dt=DT)
    seeds = [np.random.SeedSequence([0, seed]) for seed in chip_seeds]
    session = Session(emulator, circuit, usual("yinyang", layer.neurons)[1], seeds)
    generators = [np.random.default_rng(seed) for seed in chip_seeds]
    emulator.upload(first_weights(layer, circuit, task.rates["train"], 15, generators))
    emulator.require_activity(HIDDEN, active)
    if shuffled:
        session.shuffled = emulator.plastic_synapses(HIDDEN)
    return session, task


def change(session, task, eta, n=6):
    """Mean |change| of the codes of each projection in a few taught presentations."""
    ChipLearner(session, eta)
    before = session.emulator.weights()
    order = np.tile(np.arange(n), (session.n_runs, 1))
    attend(session, task.rates["train"], order, task.splits["train"][1][order], TEACH)
    return {name: np.abs(held - before[name]).mean() for name, held in session.emulator.weights().items()}


def test_each_class_teaches_a_neuron_through_one_pair_with_the_sign_of_q():
    session, _ = make_session()
    held, signs = session.emulator.weights(), feedback_signs(LAYER, 3)
    np.testing.assert_array_equal(held_feedback(session.circuit, held)[0], signs)
    raising, lowering = (session.circuit.network[name] for name in FEEDBACK.values())
    assert (raising.positive, raising.negative) == (lowering.positive, lowering.negative) == ("nmda", "gaba_a")
    np.testing.assert_array_equal(raising.pairs, lowering.pairs)
    np.testing.assert_array_equal(held[FEEDBACK["positive"]], -held[FEEDBACK["negative"]])


def test_rewritten_feedback_follows_what_the_outputs_read_and_fixed_does_not():
    for feedback in ("fixed", "mirrored", "inverse"):
        session, _ = make_session(replace(LAYER, feedback=feedback), chip_seeds=(1, 2))
        circuit, emulator = session.circuit, session.emulator
        learner = ChipLearner(session, 0.0)
        codes = np.random.default_rng(0).integers(-15, 16, (2, len(circuit.pairs)))
        emulator.upload({**emulator.weights(), TRAINED: codes})
        before = held_feedback(circuit, emulator.weights())
        learner.rewrite_feedback(learner.store())
        after, read = held_feedback(circuit, emulator.weights()), read_by_units(circuit, emulator.weights())
        np.testing.assert_array_equal(emulator.weights()[TRAINED], codes)
        if feedback == "fixed":
            np.testing.assert_array_equal(after, before)
            continue
        asked = read if feedback == "mirrored" else damped_inverse(read, LAYER.damping)
        assert all(np.corrcoef(q.ravel(), r.ravel())[0, 1] > 0.95 for q, r in zip(after, asked, strict=True))
        assert all(compliance(r, q) > 0.9 for q, r in zip(after, read, strict=True))
        assert np.abs(after).max() <= LAYER.most_words


def test_feedback_can_be_chosen_and_a_wrong_name_is_refused():
    settings = Settings("yinyang", hidden=16)
    assert hidden_layer(settings).feedback == "mirrored"
    assert hidden_layer(replace(settings, feedback="fixed")).feedback == "fixed"
    assert hidden_layer(replace(settings, task="iris", feedback="mirrored")).feedback == "mirrored"
    with pytest.raises(InputError, match="nearest: mirrored"):
        hidden_layer(replace(settings, feedback="mirored"))
    with pytest.raises(InputError, match="--hidden"):
        hidden_layer(replace(settings, hidden=0, feedback="fixed"))


def test_few_classes_may_teach_a_neuron():
    signs = feedback_signs(Hidden(20, taught_classes=2), 10)
    assert ((signs != 0).sum(1) == 2).all()
    assert (signs.any(0)).all()


def test_an_output_reads_a_random_part_of_the_layer():
    session, _ = make_session()
    reads = np.bincount(session.circuit.pairs[:, 1], minlength=30)
    assert (reads == 8).all()
    tables = session.circuit.weight_table(np.ones((1, len(session.circuit.pairs))))[0]
    assert len(np.unique(tables, axis=0)) > 20


def test_who_teaches_a_neuron_reads_it():
    session, _ = make_session()
    reads = {(hidden, output) for hidden, output in session.circuit.pairs.tolist()}
    taught = session.circuit.network[FEEDBACK["positive"]].pairs  # controller of an output, hidden neuron
    assert len(taught) == 3 * 16
    assert all((hidden, output) in reads for output, hidden in taught.tolist())


def test_an_output_reads_all_neurons_that_it_has_synapses_for():
    session, _ = make_session(Hidden(16, trains=2))
    assert len(session.circuit.pairs) == 30 * 16
    many, _ = make_session(Hidden(70, trains=2))
    assert len(many.circuit.pairs) == 30 * 60


@pytest.mark.parametrize("point", ["hidden", "hidden-fine"])
def test_feedback_of_either_sign_weighs_alike(point):
    """To a synapse a few events of NMDA are what those of GABA_A are, on average over dies: `plastic.balance`."""
    net, device = Network("one"), load_device("dynapse1-plastic")
    source = net.sources("feedback", 1)
    for receptor in ("nmda", "gaba_a"):
        cells = net.population(receptor, 60, point=point, latches=("apical",))
        net.project(source, cells, receptor=receptor, words=1, name=f"by {receptor}")
    emulator = Emulator([sample_chip(device, seed) for seed in (1, 2, 3, 4)], map_network(net, device), dt=DT)
    found = emulator.run([10.0], 1.0, probes=("I_nmda", "I_gaba_a"))
    floor = 1e-12
    nmda = float(found["I_nmda"][:, :60].mean()) - floor
    gaba = float(found["I_gaba_a"][:, 60:].mean()) - floor
    assert nmda / gaba == pytest.approx(device.plastic.balance, rel=0.1)


@pytest.mark.slow
def test_learned_features_beat_random_ones_and_shuffled_feedback_teaches_nothing():
    """Sixteen neurons before ten classes: features must be learned (81, 76 and 43 %, a quarter of training)."""
    budget = Budget(1500, 12, 100, 1, 2, ((0.33, 0.3), (0.66, 0.1)))
    base = Settings("digits", chip_seeds=(1, 2), hidden=16, budget=budget)
    runs = [base, replace(base, freeze_hidden=True), replace(base, shuffle_feedback=True)]
    learned, frozen, shuffled = (learn(settings)["accuracy_validation"].values.ravel() for settings in runs)
    assert (learned > frozen + 0.02).all()
    assert (frozen > shuffled + 0.1).all()


def run_with_feedback(latches, rate):
    net = Network("one")
    sources = net.sources("in", 1), net.sources("feedback", 1)
    cells = net.population("cells", 20, point="output", latches=latches)
    net.project(sources[0], cells, receptor="ampa", words=4, name="in")
    net.project(sources[1], cells, receptor="nmda", name="up")
    device = load_device("dynapse1-plastic")
    emulator = Emulator([sample_chip(device, 1)], map_network(net, device), dt=DT)
    found = emulator.run([60.0, rate], 0.5, probes=("I_nmda",))
    return found.sizes["spike"], float(found["I_nmda"].mean())


def test_hidden_neurons_sense_feedback_that_does_not_move_them():
    without, injected = (run_with_feedback(None, rate) for rate in (0.0, 60.0))
    assert injected[0] > 1.3 * without[0]
    without, sensed = (run_with_feedback(("apical",), rate) for rate in (0.0, 60.0))
    assert sensed[0] == without[0]
    assert sensed[1] > 10 * without[1]


def test_sensed_neurons_beside_injected_ones_change_nothing_for_these():
    """Blocks are stepped in pairs: an odd number of them before a sensed population is filled up."""
    device, recorded = load_device("dynapse1-plastic"), []
    for n_sensed in (0, 5):
        net = Network("two")
        source, cells = net.sources("in", 1), net.population("cells", 10, point="output")
        net.project(source, cells, receptor="nmda", words=1, name="up")
        if n_sensed:
            sensed = net.population("sensed", n_sensed, point="output", latches=("apical",))
            net.project(source, sensed, receptor="nmda", words=1, name="sense")
        emulator = Emulator([sample_chip(device, 1)], map_network(net, device), dt=DT)
        spikes = emulator.run([60.0], 0.5)
        recorded.append(spikes["spike_time"].values[spikes["spike_neuron"].values < 10])
    np.testing.assert_array_equal(*recorded)


def test_every_projection_learns_at_its_own_rate():
    session, task = make_session()
    moved = change(session, task, {TRAINED: 0.0, HIDDEN: 1.0})
    assert moved[TRAINED] == 0
    assert moved[HIDDEN] > 0
    moved = change(session, task, {TRAINED: 1.0, HIDDEN: 0.0})
    assert moved[TRAINED] > 0
    assert moved[HIDDEN] == 0


def test_synapses_of_silent_neurons_wait():
    eta = {TRAINED: 0.0, HIDDEN: 1.0}
    always, waiting, never = (change(*make_session(active=active), eta)[HIDDEN] for active in (-1.0, 2e-14, 1e-9))
    assert always > waiting > 0
    assert never == 0


def test_shuffled_signs_change_hidden_codes_and_nothing_else_of_the_rule():
    codes, steps = [], []
    for shuffled in (False, True):
        session, task = make_session(shuffled=shuffled)
        before = session.emulator.ledger.weight_writes.sum()
        change(session, task, {TRAINED: 0.0, HIDDEN: 1.0})
        codes.append(session.emulator.weights()[HIDDEN])
        steps.append(session.emulator.ledger.weight_writes.sum() - before)
    assert (codes[0] != codes[1]).any()
    assert steps[1] == pytest.approx(steps[0], rel=0.3)


def test_a_die_learns_alike_alone_and_in_company():
    alone, task = make_session()
    together, _ = make_session(chip_seeds=(1, 2))
    for session in (alone, together):
        change(session, task, 1.0)
    for name, held in alone.emulator.weights().items():
        np.testing.assert_array_equal(held[0], together.emulator.weights()[name][0])


def test_trains_of_a_source_interleave():
    session, task = make_session(replace(LAYER, trains=4))
    order = np.zeros((1, 1), np.int64)
    lesson = _lesson(session, task.rates["train"], order, order, TEACH)
    session.emulator.attend(lesson)
    phase = lesson.due[0, : task.n_sources].reshape(-1, 4)
    np.testing.assert_allclose((np.diff(phase, axis=1) % 1.0), 0.25)
    assert len(np.unique(phase[:, 0])) == len(phase)


def test_first_weights_are_alike_for_all_trains_of_a_source():
    layer = LAYER
    session, task = make_session(layer)
    held = session.emulator.weights()
    table = session.circuit.weight_table(held[HIDDEN], HIDDEN)[0]
    np.testing.assert_array_equal(table[:, ::2], table[:, 1::2])
    # they cancel the mean input, as well as whole codes can, and leave a little less
    mean = task.rates["train"].mean(0)[::2] / task.rates["train"][0, -1]
    np.testing.assert_allclose(table[:, ::2] @ mean, -layer.sparsity, atol=0.5 * mean.sum())
    assert (held[TRAINED] == 0).all()


def test_result_holds_both_layers_and_a_frozen_one_keeps_its_first_weights():
    quick = {"without": ("calibration",), "budget": QUICK, "hidden_rate": 0.0}
    settings = Settings("yinyang", chip_seeds=(1,), hidden=16, eta=5.0, **quick)
    trained, frozen = learn(settings), learn(replace(settings, freeze_hidden=True))
    assert trained["weight_hidden"].dims == ("chip", "noise", "hidden_neuron", "source")
    assert trained["weight"].sizes["pre"] == 16
    table = frozen["weight_hidden"].values[0, 0]
    trains = hidden_layer(settings).trains
    np.testing.assert_array_equal(table, np.repeat(table[:, ::trains], trains, axis=1))
    assert (trained["weight_hidden"] != frozen["weight_hidden"]).any()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"where": "host"}, "words with masks"),
        ({"device": "dynapse1"}, "words with masks"),
        ({"hidden": 0, "freeze_hidden": True}, "--hidden"),
        ({"hidden": 0, "shuffle_feedback": True}, "--hidden"),
    ],
)
def test_a_hidden_layer_is_refused_where_it_cannot_learn(wrong, text):
    with pytest.raises(InputError, match=text):
        learn(Settings(**{"task": "yinyang", "chip_seeds": (1,), "hidden": 16, "budget": QUICK} | wrong))


def test_compliance_is_one_for_aligned_weights_and_that_of_chance_for_random_ones():
    rng = np.random.default_rng(0)
    signs = feedback_signs(Hidden(120), 3)
    assert compliance(rng.uniform(0.5, 2) * signs, signs) == pytest.approx(1)
    drawn = [compliance(rng.normal(size=(120, 3)), signs) for _ in range(50)]
    assert np.mean(drawn) == pytest.approx(np.sqrt(3 / 120), abs=0.02)  # 3 of 120 directions


def test_feedback_beside_weights_that_are_handed_over_follows_them_or_stays(tmp_path):
    quick = {"chip_seeds": (1,), "without": ("calibration",), "budget": QUICK}
    settings = Settings("yinyang", hidden=LAYER.neurons, layer=LAYER, **quick)
    storage.save(learn(settings), tmp_path / "r.h5")
    for feedback in FEEDBACKS:
        session, task = make_session(replace(LAYER, feedback=feedback))
        handed = read_image(str(tmp_path / "r.h5"), task, session).weights
        fixed = np.array_equal(held_feedback(session.circuit, handed)[0], feedback_signs(LAYER, 3))
        assert fixed is (feedback not in FOLLOWING)
