"""What the spike generators play: regular and Poisson trains, or any list of events."""

from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError
from chipemu.kernels.die import Events
from chipemu.kernels.stimulus import poisson_trains, regular_trains
from chipemu.units import MS, show

_MAX_EVENTS = 200_000_000


def steps(duration: float, dt: float) -> int:
    """Whole time steps in a duration [s].

    Raises
    ------
    InputError
        If the duration is not positive or no whole number of steps.
    """
    n = round(duration / dt) if np.isfinite(duration) else 0
    if n < 1 or abs(duration - n * dt) > 1e-6 * dt * max(n, 1):
        raise InputError(f"duration {show(duration, 's')} is not a positive whole number of steps of {show(dt, 's')}")
    return n


def check_events(events: Events, n_runs: int, n_sources: int, n_steps: int) -> None:
    """Refuse events that do not belong to a call: a kernel reads them without looking at bounds.

    Raises
    ------
    InputError
        If they are of another number of runs, or name a source or a step that does not exist.
    """
    given = len(events.offset) - 1
    if given != n_runs:
        raise InputError(f"events of {given} {'run' if given == 1 else 'runs'} for an emulator of {n_runs}")
    if len(events.step) and not 0 <= events.source.min() <= events.source.max() < n_sources:
        raise InputError(f"events name source {events.source.max()}; the network has sources 0 to {n_sources - 1}")
    if len(events.step) and not 0 <= events.step.min() <= events.step.max() < n_steps:
        raise InputError(f"events reach step {events.step.max()}; the call has steps 0 to {n_steps - 1}")


def _rates(rates: np.ndarray, dt: float) -> np.ndarray:
    rates = np.atleast_2d(np.asarray(rates, float))
    if not np.all(np.isfinite(rates)) or np.any(rates < 0) or np.any(rates * dt > 1):
        raise InputError(
            f"spike rates run from {rates.min():g} Hz to {rates.max():g} Hz; allowed 0 to {1 / dt:g} Hz (1/dt)"
        )
    return np.ascontiguousarray(rates / MS)


def _fill(trains, n_runs: int, guess: int) -> Events:
    capacity = max(16, guess)
    while True:
        step = np.empty((n_runs, capacity), np.int32)
        source = np.empty((n_runs, capacity), np.int32)
        count = np.zeros(n_runs, np.int64)
        trains(capacity, step, source, count)
        if count.max(initial=0) <= capacity:
            break
        capacity = int(count.max())
        if capacity * n_runs > _MAX_EVENTS:
            raise InputError(f"{capacity * n_runs} input events in one call; allowed {_MAX_EVENTS}. Use shorter calls")
    offset = np.concatenate([[0], np.cumsum(count)])
    used = np.arange(capacity) < count[:, None]
    return Events(offset, step[used], source[used])


def regular(rates: np.ndarray, duration: float, dt: float, phase: np.ndarray | None = None) -> Events:
    """Regular spike trains.

    Parameters
    ----------
    rates
        (source) or (run, source) rates [Hz]; 0 is silent.
    duration, dt
        Length of the trains and time step [s].
    phase
        First spike as a fraction of the interval, same shape; by default spread over the sources by the golden ratio,
        so that equal rates do not coincide.

    Examples
    --------
    >>> regular([100.0], duration=0.05, dt=1e-4, phase=[0.0]).step
    array([  0, 100, 200, 300, 400], dtype=int32)
    """
    n_steps = steps(duration, dt)
    per_ms = _rates(rates, dt)
    if phase is None:
        phase = np.arange(per_ms.shape[1]) * 0.6180339887498949 % 1.0
    phase = np.ascontiguousarray(np.broadcast_to(np.asarray(phase, float), per_ms.shape))
    guess = int(per_ms.sum(1).max(initial=0) * n_steps * dt * MS) + per_ms.shape[1] + 1
    return _fill(
        lambda capacity, step, source, count: regular_trains(
            per_ms, phase, n_steps, dt * MS, capacity, step, source, count
        ),
        len(per_ms),
        guess,
    )


def poisson(rates: np.ndarray, duration: float, dt: float, seed: int, first_step: int = 0) -> Events:
    """Poisson trains (at most one spike a step and source), keyed by seed, source and absolute step.

    Runs at equal rates hear the same trains, so a die does not hear something else in company.

    Examples
    --------
    >>> events = poisson([100.0], duration=10.0, dt=1e-4, seed=1)
    >>> 900 < len(events.step) < 1100
    True
    """
    n_steps = steps(duration, dt)
    per_ms = _rates(rates, dt)
    guess = int(1.2 * per_ms.sum(1).max(initial=0) * n_steps * dt * MS) + 64
    return _fill(
        lambda capacity, step, source, count: poisson_trains(
            per_ms, n_steps, dt * MS, first_step, seed, capacity, step, source, count
        ),
        len(per_ms),
        guess,
    )


@dataclass(frozen=True, eq=False)
class EventList:
    """Input spikes by hand: times [s] and source indices, the same for every run."""

    time: np.ndarray
    source: np.ndarray

    def events(self, n_runs: int, duration: float, dt: float, n_sources: int) -> Events:
        """On the grid, sorted, repeated for every run.

        Raises
        ------
        InputError
            If a time lies outside the call or a source does not exist.
        """
        time, source = np.asarray(self.time, float), np.asarray(self.source, np.int64)
        if time.shape != source.shape or time.ndim != 1:
            raise InputError(f"event times have shape {time.shape} and sources {source.shape}; give two equal lists")
        if time.size and (not np.all(np.isfinite(time)) or time.min() < 0 or time.max() >= duration):
            raise InputError(f"event times run from {time.min():g} s to {time.max():g} s; allowed 0 to {duration:g} s")
        if source.size and (source.min() < 0 or source.max() >= n_sources):
            raise InputError(f"event sources run from {source.min()} to {source.max()}; allowed 0 to {n_sources - 1}")
        order = np.lexsort((source, time))
        step = np.floor(time[order] / dt + 1e-6).astype(np.int32)
        offset = np.arange(n_runs + 1) * len(step)
        return Events(offset, np.tile(step, n_runs), np.tile(source[order].astype(np.int32), n_runs))


def as_events(stimulus, n_runs: int, duration: float, dt: float, n_sources: int) -> Events:
    """Input of a run: ready events as they are, an `EventList` on the time grid, rates [Hz] as regular trains.

    Raises
    ------
    InputError
        If rates are neither one a source nor one a source of each run.
    """
    if isinstance(stimulus, Events):
        return stimulus
    if isinstance(stimulus, EventList):
        return stimulus.events(n_runs, duration, dt, n_sources)
    rates = np.asarray(stimulus, float)
    if rates.shape not in ((n_sources,), (n_runs, n_sources)):
        raise InputError(f"rates have shape {rates.shape}; the network has {n_sources} sources and {n_runs} runs")
    return regular(np.broadcast_to(rates, (n_runs, n_sources)), duration, dt)
