"""What trained dies do on a split, with the feedback off or on: decisions, errors, latency, spikes and energy."""

from dataclasses import dataclass

import numpy as np

from chipemu.learning.lesson import CONTROLLED, TEST, Attended, attend
from chipemu.learning.session import Session

_TOGETHER = 100  # presentations in one call: between calls the progress bar moves


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results of one pass over a split.

    Attributes
    ----------
    accuracy : (run,) fraction right
    target_error : (run,) mean over presentations and units of |population rate - target| [Hz]
    decisions : (run, presentation)
    latency : (run,) mean over presentations of the time from which the decided unit leads for good [s]: has more spikes
        than any other until the end of the window; the whole window if the lead is never safe, as in a tie
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
    rates : (presentation, input) or (presentation, phase, input) [Hz]
    labels : (presentation,), or (run, presentation) where each die is asked something else
    """
    asked, parts = _presented(session, rates, labels, TEST)
    return (_decisions(parts) == asked).mean(1)


def _presented(session: Session, rates, labels, mode: int, tick=None) -> tuple[np.ndarray, list[Attended]]:
    """Labels of every run, (run, presentation), and what came of a split in pieces."""
    asked = np.broadcast_to(labels, (session.n_runs, len(rates)))
    parts = []
    for first in range(0, len(rates), _TOGETHER):
        order = np.arange(first, min(first + _TOGETHER, len(rates)))
        here = np.broadcast_to(order, (session.n_runs, len(order)))
        parts.append(attend(session, rates, here, asked[:, order], mode))
        if tick:
            tick(int(order[-1]) + 1)
    return asked, parts


def _decisions(parts: list[Attended]) -> np.ndarray:
    return np.concatenate([part.decision for part in parts], axis=1)


def decisions(session: Session, rates: np.ndarray) -> np.ndarray:
    """What every run decides with the feedback off, (run, presentation), where nothing is right or wrong.

    Parameters
    ----------
    rates : (presentation, input) or (presentation, phase, input) [Hz]
    """
    return _decisions(_presented(session, rates, np.zeros(len(rates), np.int64), TEST)[1])


def evaluate(
    session: Session, rates: np.ndarray, labels: np.ndarray, *, control: bool = False, tick=None
) -> Evaluation:
    """Present a split once to every die, without learning.

    Parameters
    ----------
    rates : (presentation, input) or (presentation, phase, input) [Hz]
    labels : (presentation,), or (run, presentation) where each die is asked something else
    control : play targets and let the controllers act; off for every accuracy that counts
    tick : called with the number of presentations done, for progress
    """
    n, cost = len(rates), session.emulator.event_energy()
    asked, parts = _presented(session, rates, labels, CONTROLLED if control else TEST, tick)
    decisions = _decisions(parts)
    count, sent = (sum(getattr(part, name) for part in parts) for name in ("count", "sent"))
    # summed in turn: a reduction over an array would add up in another order for another number of dies
    error, latency = (
        sum(getattr(part, name) * part.decision.shape[1] for part in parts) / n for name in ("error", "latency")
    )
    return Evaluation(
        (decisions == asked).mean(1),
        error,
        decisions,
        latency,
        count.sum(1) / n,
        (np.hstack([sent, count]) * cost).sum(1) / n,
    )
