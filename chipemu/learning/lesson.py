"""Lessons: many presentations in one compiled call, for every die at once."""

from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError
from chipemu.kernels.lesson import CONTROLLED, TEACH, TEST, Lesson, room
from chipemu.learning.schedule import Schedule
from chipemu.learning.session import Session
from chipemu.ledger import Ledger
from chipemu.stimulus import steps

__all__ = ["CONTROLLED", "TEACH", "TEST", "Attended", "attend"]


@dataclass(frozen=True, eq=False)
class Attended:
    """What came of a lesson.

    Attributes
    ----------
    decision : (run, presentation) unit with most spikes
    latency : (run,) mean over presentations of the time from which the decided unit leads for good [s]
    error : (run,) mean over presentations and units of |population rate - target| [Hz]
    passes : (run,) controlled passes
    sent, count : (run, source) input events and (run, neuron) spikes of the whole lesson
    kept : (run, presentation, watched neuron) spikes in the decide window of a controlled pass, see :class:`Session`
    shaken : (run, presentation, window, watched neuron) those in the noise windows of a taught presentation
    """

    decision: np.ndarray
    latency: np.ndarray
    error: np.ndarray
    passes: np.ndarray
    sent: np.ndarray
    count: np.ndarray
    kept: np.ndarray
    shaken: np.ndarray


def attend(session: Session, rates: np.ndarray, order: np.ndarray, labels: np.ndarray, mode: int) -> Attended:
    """Present to every die in turn what its order says.

    Parameters
    ----------
    rates : (presentation, input) [Hz], or (presentation, phase, input) where they change after the settle phase
    order : (run, place) index into ``rates``
    labels : (run, place) unit that is right
    mode : ``TEST`` (feedback off), ``CONTROLLED`` (feedback on, no learning), or ``TEACH`` (the schedule's gate decides
        where a controlled pass follows, in which synapses learn)
    """
    lesson = _lesson(session, rates, order, labels, mode)
    emulator, schedule, k = session.emulator, session.schedule, session.circuit.n_per_unit
    emulator.attend(lesson, record=mode != TEACH)
    count = lesson.count[:, emulator.lane]
    session.account(count)
    emulator.ledger += Ledger(noise_events=lesson.sent[:, session.circuit.gate + 1 :].sum(1))
    if mode == TEACH:
        emulator.ledger += Ledger(host_operations=np.full(session.n_runs, order.shape[1]))
    n = max(order.shape[1], 1)
    return Attended(
        lesson.decision,
        schedule.settle + schedule.delay + lesson.latency.mean(1) * emulator.dt,
        lesson.error / (n * session.circuit.n_units * k * _second_part(schedule, mode)),
        lesson.passes,
        lesson.sent,
        count,
        lesson.kept,
        lesson.shaken,
    )


def _second_part(schedule: Schedule, mode: int) -> float:
    return schedule.decide if mode == TEACH else schedule.answered


def _lesson(session: Session, rates, order, labels, mode) -> Lesson:
    emulator, circuit, schedule = session.emulator, session.circuit, session.schedule
    dt, mapped = emulator.dt, emulator.mapped
    parts = schedule.settle, _second_part(schedule, mode), schedule.gap
    noise = circuit.noise
    optional = [steps(part, dt) if part else 0 for part in (schedule.delay, noise.window)]
    lengths = np.array([steps(part, dt) for part in parts] + optional)
    target = np.array([schedule.target_rate, schedule.other_rate])
    rates = rates.reshape(len(rates), -1, circuit.n_inputs)
    others = max(target.max(), schedule.gate_rate, noise.rate)
    highest = max(rates.max(initial=0.0), others) * dt
    if not np.all(np.isfinite(rates)) or rates.min(initial=0.0) < 0 or highest > 1:
        raise InputError(f"spike rates reach {highest / dt:g} Hz; allowed 0 to {1 / dt:g} Hz (1/dt)")
    unit = np.full(emulator.n_lanes, -1)
    unit[emulator.lane[mapped.neuron_slice("outputs")]] = np.repeat(np.arange(circuit.n_units), circuit.n_per_unit)
    n_sources, most = mapped.n_sources, int(lengths.max())
    summed = rates.sum(2).max(initial=0.0) + (n_sources - rates.shape[2]) * others
    return Lesson(
        mode, schedule.gated, schedule.margin, schedule.learn_throughout, lengths, target * dt, circuit.n_trains,
        schedule.gate_rate * dt, circuit.disturbed, noise.rate * dt, session.noise_every,
        np.ascontiguousarray(rates * dt, float), np.ascontiguousarray(order, np.int64),
        np.ascontiguousarray(labels, np.int64), unit, session.shuffled, emulator.lane[session.watched],
        session.key, session.window,
        **room(
            session.n_runs, n_sources, circuit.n_units, emulator.n_lanes, order.shape[1], most,
            int(summed * dt * most) + 2 * n_sources, len(session.watched), noise.windows,
        ),
    )  # fmt: skip
