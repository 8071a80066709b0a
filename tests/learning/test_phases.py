"""A presentation whose input changes: what is sent when, and what counts."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.learning.circuit import Controller, build_circuit
from chipemu.learning.experiment import learn
from chipemu.learning.lesson import CONTROLLED, TEACH, TEST, attend
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.tasks import load_task

TASK = load_task("delayed-cue")
SHORT = Schedule(settle=0.05, delay=0.1, decide=0.1, gap=0.02)


def make_session(schedule=SHORT):
    device = load_device("dynapse1-plastic")
    circuit = build_circuit(TASK, "chip", Controller())
    emulator = Emulator([sample_chip(device, 1)], map_network(circuit.network, device), dt=5e-4)
    return Session(emulator, circuit, schedule, [np.random.SeedSequence(0)])


def attended(rates, mode=TEST, **changed):
    session = make_session(replace(SHORT, **changed))
    session.watched = np.arange(session.emulator.mapped.neuron_slice("positive").stop)
    n = len(rates)
    return session, attend(session, rates, np.arange(n)[None], np.zeros((1, n), np.int64), mode)


def test_the_cue_is_sent_while_settling_and_the_constant_throughout():
    _, found = attended(TASK.phases["train"][:4])
    expected = SHORT.settle * TASK.rates["train"][:4, :8].sum(0)
    np.testing.assert_allclose(found.sent[0, :8], expected, atol=4)
    assert found.sent[0, 8] == pytest.approx(4 * 100 * (SHORT.settle + SHORT.delay + SHORT.decide), abs=12)


@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_a_delay_lengthens_a_presentation_and_nothing_else(delay):
    session, found = attended(TASK.phases["train"][:3], delay=delay)
    assert session.emulator.step[0] * 5e-4 == pytest.approx(3 * replace(SHORT, delay=delay).length)
    assert session.window[0] == 3 * (4 if delay else 3)
    assert found.latency[0] >= SHORT.settle + delay


@pytest.mark.parametrize(("mode", "length"), [(TEST, 0.3), (CONTROLLED, 0.3), (TEACH, SHORT.decide)])
def test_a_longer_answer_counts_longer_and_leaves_lessons_alone(mode, length):
    session, found = attended(TASK.phases["train"][:1], mode, answer=0.3)
    passes = 1 + found.passes[0] if mode == TEACH else 1
    expected = passes * (SHORT.settle + SHORT.delay + length) + SHORT.gap
    assert session.emulator.step[0] * 5e-4 == pytest.approx(expected)


@pytest.mark.parametrize("answer", [-0.1, 11.0, np.nan])
def test_an_answer_of_an_impossible_length_is_refused(answer):
    with pytest.raises(InputError, match=r"allowed 0 .* to 10 s"):
        Schedule(answer=answer)


def test_the_error_of_a_longer_answer_is_a_rate():
    short, long = (attended(TASK.phases["train"][:6], CONTROLLED, answer=answer)[1] for answer in (0.0, 0.5))
    assert long.error[0] == pytest.approx(short.error[0], rel=0.3)


def test_equal_phases_are_one():
    one, two = (attended(np.repeat(TASK.rates["train"][:2, None], n, axis=1))[1] for n in (1, 2))
    np.testing.assert_array_equal(one.count, two.count)


def test_spikes_of_the_controlled_window_are_kept_by_presentation():
    free, controlled = (attended(TASK.phases["train"][:3], mode)[1].kept[0] for mode in (TEST, CONTROLLED))
    assert not free.any()
    assert (controlled.sum(1) > 0).all()


def test_a_host_plays_both_phases():
    quick = Budget(presentations=2, checkpoints=1, validation=4, finalists=1)
    settings = Settings("delayed-cue", where="host", chip_seeds=(1,), without=("calibration",), budget=quick)
    found = learn(replace(settings, schedule=SHORT))
    assert np.isfinite(found["accuracy_validation"]).all()
