"""The loop: control acts, updates follow the feedback, and every die learns as if it were alone."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.errors import InputError, UnknownNameError
from chipemu.kernels.traces import feedback_products
from chipemu.learning.circuit import TRAINED, Controller, build_circuit
from chipemu.learning.evaluate import accuracy, evaluate
from chipemu.learning.experiment import _labels, learn
from chipemu.learning.lesson import TEACH, TEST, attend
from chipemu.learning.recipes import USUAL
from chipemu.learning.rules import ChipLearner, HostLearner, HostRule
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings, place
from chipemu.learning.train import Budget
from chipemu.tasks import load_task, names
from chipemu.weight_memory import TrainedImage

DT = 5e-4
SHORT = Schedule(settle=0.05, decide=0.1, gap=0.02)


def make_session(where="chip", chip_seeds=(1,), task="binary", schedule=SHORT, without=("mismatch_between_cores",)):
    device = load_device({"chip": "dynapse1-plastic", "host": "dynapse1"}[where])
    circuit = build_circuit(load_task(task), where, Controller())
    chips = [sample_chip(device, seed, without=without) for seed in chip_seeds]
    emulator = Emulator(chips, map_network(circuit.network, device), dt=DT)
    return Session(emulator, circuit, schedule, [np.random.SeedSequence([0, seed]) for seed in chip_seeds])


def play_once(session, control, duration=0.4, target=None):
    runs = session.n_runs
    targets = session.target_rates(np.zeros(runs, np.int64)) if target is None else target
    silent = np.zeros((runs, session.circuit.n_inputs))
    return session.play(silent, targets, np.full(runs, control), duration, active=np.ones(runs, bool))[0]


@pytest.mark.parametrize(("where", "left"), [("chip", 62), ("host", 62)])
def test_a_controller_pair_takes_two_of_an_output_neurons_words(where, left):
    circuit = build_circuit(load_task("yinyang"), where, Controller())
    mapped = map_network(circuit.network, load_device({"chip": "dynapse1-plastic", "host": "dynapse1"}[where]))
    outputs = mapped.fixed_use[mapped.neuron_slice("outputs")]
    assert np.all(mapped.device.chip.n_cam_words - outputs == left)


def test_the_gate_source_silences_the_controllers():
    session = make_session()
    play_once(session, control=False, duration=0.1)
    window = play_once(session, control=False)
    mapped = session.emulator.mapped
    assert window.count[:, mapped.neuron_slice("outputs")].sum() > 0
    assert window.count[:, mapped.neuron_slice("positive")].sum() == 0
    assert window.count[:, mapped.neuron_slice("negative")].sum() == 0


def test_feedback_drives_untrained_units_towards_their_targets():
    errors = {}
    for control in (False, True):
        session = make_session(chip_seeds=(1, 2, 3))
        play_once(session, control, duration=0.2)
        rate = session.unit_counts(play_once(session, control, duration=0.5)) / (10 * 0.5)
        errors[control] = np.abs(rate - session.target_rates(np.zeros(3, np.int64))).mean()
    assert errors[True] < 0.5 * errors[False]


def test_without_injection_the_feedback_is_sensed_but_moves_nothing():
    counts = []
    for inject in (True, False):
        session = make_session()
        session.emulator.inject(inject)
        play_once(session, control=True, duration=0.2)
        counts.append(session.unit_counts(play_once(session, control=True)))
    free = session.unit_counts(play_once(session, control=False))
    assert counts[0][0, 0] > 1.5 * counts[1][0, 0]
    assert counts[1][0, 0] == pytest.approx(free[0, 0], rel=0.2)


def test_codes_step_up_under_positive_and_down_under_negative_feedback():
    session = make_session()
    ChipLearner(session, eta=5.0)
    inputs = np.full((1, 8), 80.0)
    on = np.ones(1, bool)
    for _ in range(3):
        session.play(inputs, session.target_rates(np.zeros(1, np.int64)), on, 0.2, active=on, learn=on)
    codes = session.circuit.weight_table(session.emulator.weights()[TRAINED])[0].reshape(2, 10, 8)
    assert codes[0].mean() > 1
    assert codes[1].mean() < -0.5


@pytest.mark.parametrize(("learn_enable", "eta"), [(False, 5.0), (True, 0.0)])
def test_codes_stay_with_the_line_low_or_at_zero_learning_rate(learn_enable, eta):
    session = make_session()
    ChipLearner(session, eta=eta)
    on = np.ones(1, bool)
    line = np.full(1, learn_enable)
    session.play(np.full((1, 8), 80.0), session.target_rates(np.zeros(1, np.int64)), on, 0.3, active=on, learn=line)
    assert not session.emulator.weights()[TRAINED].any()


def test_codes_stop_at_the_largest_code():
    session = make_session()
    ChipLearner(session, eta=1000.0)
    on = np.ones(1, bool)
    for _ in range(5):
        session.play(np.full((1, 8), 80.0), session.target_rates(np.zeros(1, np.int64)), on, 0.3, active=on, learn=on)
    assert np.abs(session.emulator.weights()[TRAINED]).max() == session.emulator.mapped.device.plastic.code_max


def test_feedback_products_are_the_sum_of_exponentials():
    events = (np.array([0, 3]), np.array([10, 40, 90], np.int32), np.array([0, 1, 0], np.int32))
    spikes = (np.array([5, 30, 35], np.int32), np.array([0, 1, 0]), np.array([1.0, 1.0, -1.0]))
    tau = np.array([20.0, 50.0])
    out = np.zeros((1, 2, 2))
    feedback_products(*events, 2, np.array([0, 3]), *spikes, tau, out)
    expected = np.zeros((2, 2))
    for t, source in zip(events[1], events[2], strict=True):
        for when, unit, sign in zip(*spikes, strict=True):
            if when < t:
                expected[unit, source] += sign * np.exp(-(t - when) / tau[0 if sign > 0 else 1])
    np.testing.assert_allclose(out[0], expected, rtol=1e-12)


def test_host_rounds_without_bias_and_uploads_once_a_taught_presentation():
    session = make_session("host")
    learner = HostLearner(session, HostRule())
    learner.shadow[TRAINED][:] = 1.3
    before = session.emulator.ledger.as_dict()["uploads"]
    learner.upload(np.ones(1, bool))
    words = session.emulator.weights()[TRAINED]
    assert set(np.unique(words)) == {1, 2}
    assert words.mean() == pytest.approx(1.3, abs=0.15)  # 160 draws, 4 standard errors
    assert session.emulator.ledger.as_dict()["uploads"] - before == 1


def test_tied_weights_share_one_shadow_in_a_unit():
    session = make_session("host")
    learner = HostLearner(session, HostRule(weights="tied"))
    products = np.random.default_rng(0).random(learner.shadow[TRAINED].shape)
    learner._update({TRAINED: products}, np.ones(1, bool))
    units = learner.shadow[TRAINED].reshape(1, 2, 10, 8)
    assert np.all(units == units[:, :, :1])
    assert len(np.unique(units)) == 16


def test_only_wrong_decisions_raise_the_line():
    session = make_session(schedule=replace(SHORT, gated=True))
    task = load_task("binary")
    order, labels = np.arange(40)[None], np.zeros((1, 40), np.int64)
    taught = attend(session, task.rates["train"], order, labels, TEACH)
    wrong = int((taught.decision != 0).sum())
    assert 0 < wrong < 40
    assert taught.passes == wrong
    session.schedule = replace(session.schedule, margin=1000)  # right, but by fewer spikes than the margin
    assert attend(session, task.rates["train"], order, labels, TEACH).passes == 40
    assert attend(session, task.rates["train"], order, labels, TEST).passes == 0


def test_a_die_learns_the_same_alone_and_in_company():
    settings = Settings("yinyang", without=("calibration",), budget=Budget(4, 1, 3), schedule=SHORT)
    both = learn(replace(settings, chip_seeds=(1, 2, 3), noise_seeds=(0, 1)))
    alone = learn(replace(settings, chip_seeds=(2,), noise_seeds=(1,)))
    for name, seen in alone.data_vars.items():
        if {"chip", "noise"} <= set(seen.dims) and name != "accuracy_cloned":  # another die lends its weights
            np.testing.assert_array_equal(both[name].isel(chip=1, noise=1), seen.isel(chip=0, noise=0), name)


def test_a_shipped_placement_gives_the_bits_of_a_fresh_one():
    quick = Settings("binary", chip_seeds=(1,), without=("calibration",), budget=Budget(2, 1, 2), schedule=SHORT)
    fresh, shipped = learn(quick), learn(replace(quick, mapping="binary-dynapse1-plastic"))
    np.testing.assert_array_equal(fresh["weight"], shipped["weight"])
    assert fresh.attrs["mapping_hash"] == shipped.attrs["mapping_hash"]


@pytest.mark.parametrize(
    ("point", "words", "excite", "inhibit"),
    [
        ("output", 1, 0.0, 0.0),
        ("output", 1, 50.0, 0.0),
        ("output", 1, 100.0, 50.0),
        ("output", 1, 300.0, 50.0),
        ("output-fine", 1, 300.0, 50.0),
        ("output-fine", 6, 300.0, 50.0),
    ],
)
def test_the_time_step_of_experiments_costs_less_than_one_percent_of_rate(point, words, excite, inhibit):
    net = Network("one")
    source, cell = net.sources("in", 2), net.population("cell", 1, point=point)
    net.project(source, cell, receptor="ampa", words=words, pairs=np.array([(0, 0)]), name="excite")
    net.project(source, cell, receptor="gaba_b", words=words, pairs=np.array([(1, 0)]), name="inhibit")
    device = load_device("ideal")
    rates = []
    for dt in (Settings("binary").dt, 2e-5):
        emulator = Emulator([sample_chip(device, 0)], map_network(net, device), dt=dt, precision="float64")
        emulator.run([excite, inhibit], duration=0.5)
        spikes = emulator.run([excite, inhibit], duration=4.0)["spike_time"].values
        rates.append((len(spikes) - 1) / (spikes[-1] - spikes[0]))
    assert 5 < rates[1] < 120
    assert rates[0] == pytest.approx(rates[1], rel=0.01)


def test_evaluation_does_not_learn():
    session = make_session()
    ChipLearner(session, eta=5.0)
    task = load_task("binary")
    evaluate(session, task.rates["validation"][:3], task.splits["validation"][1][:3], control=True)
    assert not session.emulator.weights()[TRAINED].any()


def test_chip_learning_is_refused_where_signals_are_missing():
    with pytest.raises(InputError, match=r"feedback_current.*dynapse1.*--where host"):
        ChipLearner(make_session("host"), eta=1.0)


def test_settings_name_what_is_wrong():
    with pytest.raises(UnknownNameError, match="chip"):
        place(Settings("binary", where="chp"))
    with pytest.raises(InputError, match="tied weights need one shadow at the host"):
        learn(Settings("binary", without=("calibration",), host=HostRule(weights="tied"), budget=Budget(1, 1, 1)))
    assert set(USUAL) == set(names())


@pytest.mark.slow
def test_binary_is_learned_and_untrained_dies_guess():
    trained = learn(Settings("binary", chip_seeds=(1, 2), split="test"))
    assert np.median(trained["accuracy_test"]) == 1.0
    assert np.median(trained["target_error_on"]) < 0.2 * 40
    untrained = Settings("binary", chip_seeds=tuple(range(20)), split="test", eta=0.0, budget=Budget(1, 1, 1))
    assert abs(float(learn(untrained)["accuracy_test"].mean()) - 0.5) < 0.15


@pytest.mark.parametrize("where", ["chip", "host"])
def test_the_mean_of_the_last_images_competes_with_the_finalists(where):
    restored = []
    for average in (0, 2):
        budget = Budget(presentations=4, checkpoints=2, validation=2, finalists=1, average=average)
        result = learn(Settings("binary", where=where, chip_seeds=(1,), without=("calibration",), budget=budget))
        restored.append(int(result["ledger_code_restores" if where == "chip" else "ledger_uploads"].sum()))
    assert restored[1] > restored[0]


@pytest.mark.parametrize(("where", "learner"), [("chip", ChipLearner), ("host", HostLearner)])
def test_the_mean_lies_within_one_step_of_the_mean_of_its_images(where, learner):
    session = make_session(where)
    learner = learner(session, 1.0 if where == "chip" else HostRule(rounding="balanced"))
    pairs = len(session.circuit.pairs)
    images = [TrainedImage({TRAINED: np.full((1, pairs), words)}, learner.store().slots) for words in (0, 1, 1, 1)]
    mean = learner.mean(images).weights[TRAINED]
    assert set(np.unique(mean)) <= {0, 1}
    assert mean.mean() == pytest.approx(1.0 if where == "chip" else 0.75, abs=0.05)


def test_checkpoints_count_what_an_evaluation_counts():
    task = load_task("binary")
    rates, labels = task.rates["validation"][:20], task.splits["validation"][1][:20]
    whole, quick = make_session(chip_seeds=(1, 2)), make_session(chip_seeds=(1, 2))
    np.testing.assert_array_equal(accuracy(quick, rates, labels), evaluate(whole, rates, labels).accuracy)
    np.testing.assert_array_equal(quick.emulator.state, whole.emulator.state)


def test_permuted_labels_differ_between_runs_and_keep_their_counts():
    task = load_task("binary")
    taught = _labels(task, Settings("binary", chip_seeds=(1, 2), permute_labels=True))
    for split in ("train", "validation"):
        y = task.splits[split][1]
        assert (taught[split][0] != taught[split][1]).any()
        for row in taught[split]:
            assert (row != y).any()
            np.testing.assert_array_equal(np.bincount(row), np.bincount(y))
    assert "test" not in taught
