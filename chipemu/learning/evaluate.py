"""Accuracy and target error of trained dies on a split, with the feedback off or on."""

from dataclasses import dataclass

import numpy as np

from chipemu.learning.session import Session


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results of one pass over a split.

    Attributes
    ----------
    accuracy : (run,) fraction right
    target_error : (run,) mean over presentations and units of |population rate - target| [Hz]
    decisions : (run, presentation)
    """

    accuracy: np.ndarray
    target_error: np.ndarray
    decisions: np.ndarray


def evaluate(
    session: Session, rates: np.ndarray, labels: np.ndarray, *, control: bool = False, tick=None
) -> Evaluation:
    """Present a split once to every die, without learning.

    Parameters
    ----------
    rates : (presentation, input) [Hz]
    labels : (presentation,), or (run, presentation) where each die is asked something else
    control : play targets and let the controllers act; off for every accuracy that counts
    tick : called with the number of presentations done, for progress
    """
    everyone = np.ones(session.n_runs, bool)
    on = np.full(session.n_runs, control)
    schedule = session.schedule
    asked = np.broadcast_to(labels, (session.n_runs, len(rates)))
    decisions = np.empty(asked.shape, np.int64)
    error = np.zeros(session.n_runs)
    for i in range(len(rates)):
        inputs = np.broadcast_to(rates[i], (session.n_runs, rates.shape[1]))
        targets = session.target_rates(asked[:, i])
        session.play(inputs, targets, on, schedule.settle, active=everyone)
        window, _ = session.play(inputs, targets, on, schedule.decide, active=everyone)
        counts = session.unit_counts(window)
        decisions[:, i] = session.decide(counts, everyone)
        unit_rate = counts / (session.circuit.n_per_unit * schedule.decide)
        error += np.abs(unit_rate - targets).mean(1)
        session.rest(everyone)
        if tick:
            tick(i + 1)
    return Evaluation((decisions == asked).mean(1), error / len(rates), decisions)
