"""Lessons play the trains that the spike generators play, decide by counts, and break ties evenly."""

import numpy as np

from chipemu.kernels import lesson as kernel
from chipemu.stimulus import regular

DT, N_STEPS = 5e-4, 400
N_INPUTS, N_UNITS, PER_UNIT = 3, 2, 2
N_SOURCES = N_INPUTS + N_UNITS * PER_UNIT + 1


def lesson(**changed):
    given = {
        "steps": np.array([N_STEPS, N_STEPS, N_STEPS]),
        "target": np.array([40.0, 5.0]) * DT,
        "gate": 200.0 * DT,
        "input": np.array([[[10.0, 0.0, 73.0], [0.0, 20.0, 73.0]]]) * DT,
        "label": np.array([[1]]),
        "unit": np.repeat(np.arange(N_UNITS), PER_UNIT),
        "key": np.array([[3, 4]], np.uint64),
        **kernel.room(1, N_SOURCES, N_UNITS, N_UNITS * PER_UNIT, 1, N_STEPS, 500),
    }
    return kernel.no_lesson(1)._replace(**given | changed)


def played(given, presentation, label, control, phase=0):
    kernel._set_trains(given, 0, presentation, phase, label, control)
    n = kernel._sort_trains(given, 0, N_STEPS)
    return given.step[0, :n], given.source[0, :n]


def test_trains_are_those_of_the_generators():
    given = lesson()
    for control in (False, True):
        step, source = played(given, 0, 1, control)
        events = regular(given.rate / DT, N_STEPS * DT, DT, given.due)
        np.testing.assert_array_equal(step, events.step)
        np.testing.assert_array_equal(source, events.source)


def test_targets_play_under_control_and_the_gate_without():
    given = lesson()
    free, controlled = (np.bincount(played(given, 0, 1, control)[1], minlength=N_SOURCES) for control in (False, True))
    seconds = N_STEPS * DT
    np.testing.assert_allclose(free / seconds, [10, 0, 73, 0, 0, 0, 0, 200], atol=1 / seconds)
    np.testing.assert_allclose(controlled / seconds, [10, 0, 73, 5, 5, 40, 40, 0], atol=1 / seconds)
    assert given.sent[0].tolist() == (free + controlled).tolist()
    silent = np.bincount(played(given, -1, 1, False)[1], minlength=N_SOURCES)
    assert silent[:-1].sum() == 0


def test_noise_raises_or_lowers_every_neuron_anew_in_each_of_its_windows():
    n, seconds = 200, N_STEPS * DT
    room = kernel.room(1, N_SOURCES + 2 * n, N_UNITS, N_UNITS * PER_UNIT, 1, N_STEPS, 9000)
    given, drawn = lesson(disturbed=n, noise=50.0 * DT, **room), []
    for window in range(2):
        given.window[0] = window
        kernel._set_noise(given, 0, True)
        events = np.bincount(played(given, 0, 1, True)[1], minlength=N_SOURCES + 2 * n)
        np.testing.assert_allclose(events[:N_SOURCES] / seconds, [10, 0, 73, 5, 5, 40, 40, 0], atol=1 / seconds)
        raising, lowering = events[N_SOURCES:].reshape(2, n)
        np.testing.assert_allclose((raising + lowering) / seconds, 50.0, atol=1 / seconds)
        assert ((raising == 0) != (lowering == 0)).all()
        drawn.append(raising > 0)
    assert all(0.4 < raised.mean() < 0.6 for raised in drawn)
    assert 0.4 < (drawn[0] == drawn[1]).mean() < 0.6
    kernel._set_noise(given, 0, False)
    assert given.rate[0, N_SOURCES:].sum() == 0


def test_the_late_phase_has_rates_of_its_own():
    given = lesson()
    late = np.bincount(played(given, 0, 1, False, phase=1)[1], minlength=N_SOURCES)
    seconds = N_STEPS * DT
    np.testing.assert_allclose(late[:N_INPUTS] / seconds, [0, 20, 73], atol=1 / seconds)


def test_the_unit_with_most_spikes_is_decided_and_ties_are_even():
    given = lesson()
    kernel._decide(given, 0, 0, np.array([1, 0, 2, 2], np.int32))
    assert given.decision[0, 0] == 1
    decided = []
    for window in range(400):
        given.window[0] = window
        kernel._decide(given, 0, 0, np.array([2, 2, 4, 0], np.int32))
        decided.append(int(given.decision[0, 0]))
    assert 160 < sum(decided) < 240
    assert not kernel._is_taught(lesson(gated=True, margin=2, votes=np.array([[2, 4]]), decision=np.array([[1]])), 0, 0)
    assert kernel._is_taught(lesson(gated=True, margin=3, votes=np.array([[2, 4]]), decision=np.array([[1]])), 0, 0)
    assert kernel._is_taught(lesson(gated=True, votes=np.array([[4, 2]]), decision=np.array([[0]])), 0, 0)
    assert kernel._is_taught(lesson(gated=False, votes=np.array([[2, 4]]), decision=np.array([[1]])), 0, 0)
