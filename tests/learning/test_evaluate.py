"""Latency, confusion, spikes and energy of an inference are what their definitions say."""

from types import SimpleNamespace

import numpy as np
import pytest

from chipemu.emulator import Window
from chipemu.learning.evaluate import Evaluation, decision_latency


def session(n_units=3, n_per_unit=2, decide=0.2, n_runs=1):
    """As much of a session as the latency needs; one output neuron a unit fires."""

    def unit_spikes(window):
        return window.neuron // n_per_unit, window.run, window.step * 1e-3

    schedule = SimpleNamespace(decide=decide)
    return SimpleNamespace(
        n_runs=n_runs, schedule=schedule, circuit=SimpleNamespace(n_units=n_units), unit_spikes=unit_spikes
    )


def window(spikes, run=0):
    """Spikes as (ms, unit)."""
    step, unit = np.array(spikes).reshape(-1, 2).T
    return Window(np.zeros((1, 6)), np.full(len(step), run), step, 2 * unit, np.zeros(len(step)))


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
    assert decision_latency(session(), window(spikes), np.array([decided])) == pytest.approx([latency])


def test_confusion_counts_every_presentation_once():
    decisions = np.array([[0, 1, 1, 2], [2, 2, 1, 0]])
    evaluation = Evaluation(*[np.zeros(2)] * 2, decisions, *[np.zeros(2)] * 3)
    labels = np.array([0, 1, 2, 2])
    table = evaluation.confusion(labels, 3)
    assert table.shape == (2, 3, 3)
    np.testing.assert_array_equal(table[0], [[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    np.testing.assert_array_equal(table.sum(axis=2), [[1, 1, 2]] * 2)
