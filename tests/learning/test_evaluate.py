"""Latency, confusion, spikes and energy of an inference are what their definitions say."""

import numpy as np
import pytest

from chipemu.kernels import lesson as kernel
from chipemu.learning.evaluate import Evaluation


def lesson(decided, n_units=3, n_per_unit=2, steps=200):
    """As much of a lesson as the latency needs; one output neuron a unit fires, a step is 1 ms."""
    room = kernel.room(1, 0, n_units, n_units * n_per_unit, 1, 0, 0)
    room["decision"][:] = decided
    unit = np.repeat(np.arange(n_units), n_per_unit)
    return kernel.no_lesson(1)._replace(steps=np.array([0, steps, 0]), unit=unit, **room)


@pytest.mark.parametrize(
    ("spikes", "decided", "latency"),
    [
        ([(5, 0), (9, 0), (30, 1)], 0, 5e-3),  # leads from its first spike on
        ([(5, 1), (9, 0), (30, 0), (40, 2)], 0, 30e-3),  # overtakes with its second
        ([(5, 0), (9, 1), (30, 0)], 0, 30e-3),  # a tie in between starts anew
        ([(5, 0), (9, 1)], 0, 0.2),  # a tie to the end is decided by chance, at the end
        ([], 0, 0.2),  # silence too
    ],
)
def test_latency_is_when_the_lead_is_safe(spikes, decided, latency):
    step, unit = np.array(spikes, np.int32).reshape(-1, 2).T
    given = lesson(decided)
    kernel._latency(given, 0, 0, step.copy(), (2 * unit).astype(np.int32), np.zeros(len(step), np.float32), len(step))
    assert given.latency[0, 0] * 1e-3 == pytest.approx(latency)


def test_spikes_of_one_step_count_in_order_of_time():
    step, neuron = np.full(3, 7, np.int32), np.array([0, 2, 3], np.int32)
    given = lesson(1)
    kernel._latency(given, 0, 0, step, neuron, np.array([0.5, 0.2, 0.9], np.float32), 3)
    assert given.latency[0, 0] == pytest.approx(7.9)  # leads at 7.2, ties at 7.5


def test_confusion_counts_every_presentation_once():
    decisions = np.array([[0, 1, 1, 2], [2, 2, 1, 0]])
    evaluation = Evaluation(*[np.zeros(2)] * 2, decisions, *[np.zeros(2)] * 3)
    labels = np.array([0, 1, 2, 2])
    table = evaluation.confusion(labels, 3)
    assert table.shape == (2, 3, 3)
    np.testing.assert_array_equal(table[0], [[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    np.testing.assert_array_equal(table.sum(axis=2), [[1, 1, 2]] * 2)
