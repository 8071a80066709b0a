"""What trained dies do on a split, with the feedback off or on: decisions, errors, latency, spikes and energy."""

from dataclasses import dataclass

import numpy as np

from chipemu.emulator import Window
from chipemu.learning.session import Session


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results of one pass over a split.

    Attributes
    ----------
    accuracy : (run,) fraction right
    target_error : (run,) mean over presentations and units of |population rate - target| [Hz]
    decisions : (run, presentation)
    latency : (run,) mean over presentations of the time from which the decided unit leads for good [s]; see
        :func:`decision_latency`
    spikes : (run,) spikes of all neurons of the chip in a presentation, silent gap included
    energy : (run,) what those spikes and the input events cost in a presentation [J]; NaN if the device does not say
    """

    accuracy: np.ndarray
    target_error: np.ndarray
    decisions: np.ndarray
    latency: np.ndarray
    spikes: np.ndarray
    energy: np.ndarray

    def confusion(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """Presentations by label and decision, (run, label, decision)."""
        asked = np.broadcast_to(labels, self.decisions.shape)
        cell = (np.arange(len(asked))[:, None] * n_classes + asked) * n_classes + self.decisions
        return np.bincount(cell.ravel(), minlength=len(asked) * n_classes**2).reshape(-1, n_classes, n_classes)


def accuracy(session: Session, rates: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Fraction decided rightly with the feedback off, (run,): what :func:`evaluate` counts, and nothing else.

    Parameters
    ----------
    rates : (presentation, input) [Hz]
    labels : (presentation,), or (run, presentation) where each die is asked something else
    """
    everyone, off = np.ones(session.n_runs, bool), np.zeros(session.n_runs, bool)
    schedule = session.schedule
    asked = np.broadcast_to(labels, (session.n_runs, len(rates)))
    right = np.zeros(session.n_runs, np.int64)
    for i in range(len(rates)):
        inputs = np.broadcast_to(rates[i], (session.n_runs, rates.shape[1]))
        session.play(inputs, None, off, schedule.settle, active=everyone)
        window, _ = session.play(inputs, None, off, schedule.decide, active=everyone)
        right += session.decide(session.unit_counts(window), everyone) == asked[:, i]
        session.rest(everyone)
    return right / len(rates)


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
    error, latency = np.zeros(session.n_runs), np.zeros(session.n_runs)
    meter = session.meter()
    for i in range(len(rates)):
        inputs = np.broadcast_to(rates[i], (session.n_runs, rates.shape[1]))
        targets = session.target_rates(asked[:, i])
        meter.add(*session.play(inputs, targets, on, schedule.settle, active=everyone))
        window, events = session.play(inputs, targets, on, schedule.decide, active=everyone, record=True)
        meter.add(window, events)
        counts = session.unit_counts(window)
        decisions[:, i] = session.decide(counts, everyone)
        latency += schedule.settle + decision_latency(session, window, decisions[:, i])
        unit_rate = counts / (session.circuit.n_per_unit * schedule.decide)
        error += np.abs(unit_rate - targets).mean(1)
        meter.add(*session.rest(everyone))
        if tick:
            tick(i + 1)
    n = len(rates)
    accuracy = (decisions == asked).mean(1)
    return Evaluation(accuracy, error / n, decisions, latency / n, meter.spikes / n, meter.energy / n)


def decision_latency(session: Session, window: Window, decided: np.ndarray) -> np.ndarray:
    """Time from which the decided unit has more spikes than any other until the end of a recorded window.

    Parameters
    ----------
    window : recorded spikes of the window in which the decision is taken
    decided : (run,) class decided

    Returns
    -------
    (run,) [s] since the window began; its whole length if the lead is never safe, as in a tie
    """
    decide = session.schedule.decide
    unit, run, time = session.unit_spikes(window)
    latency = np.full(session.n_runs, decide)
    for r in range(session.n_runs):
        mine = run == r
        count = np.cumsum(unit[mine][:, None] == np.arange(session.circuit.n_units), axis=0)
        if not len(count):
            continue
        own = count[:, decided[r]].copy()
        count[:, decided[r]] = -1
        behind = np.flatnonzero(own <= count.max(axis=1))
        first = 0 if not len(behind) else behind[-1] + 1
        if first < len(count):
            latency[r] = time[mine][first]
    return latency
