"""Presentations one after the other on one die: the host's part of a lesson, which needs nothing but spike counts.

A presentation has a free pass (settle, perhaps a delay, then decide: output spikes are counted, the unit with most is
the decision) and, where the lesson asks for it, a controlled pass on the same input (targets on, the gate off, the
learn-enable line high in its last part; after it, where the lesson asks for them, noise windows under control with the
line low); a silent gap ends it.  The input may change at the end of the settle phase.  The state of the chip is never
reset.

Phases of spike trains and ties between units are counter-based draws, keyed by the run's own seeds and the number of
windows that it has played, so that a run does not depend on its neighbours.

Axes: r runs, m presentations of a run, p presentations of a split, f phases of the input (1 or 2), i inputs, u units,
s sources, n lanes, d disturbed neurons, b noise windows.  Sources are inputs, then targets (those of a unit side by
side), then the gate, then noise: d sources that raise a neuron each, and d that lower one.  In a noise window one of
both, drawn for every neuron and window, sends regular events; everywhere else all are silent.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.die import Events, run_die
from chipemu.kernels.jit import kernel
from chipemu.kernels.random import uniform, words_at
from chipemu.kernels.stimulus import ON_GRID

TEST, CONTROLLED, TEACH = 0, 1, 2
SETTLE, DECIDE, GAP, DELAY, NOISE = 0, 1, 2, 3, 4
_TIE = 0xFFFF  # in place of a source: the draw that breaks a tie
_SIGN = 0x10000  # added to a neuron's address: the draw that turns its feedback round
_RAISES = 1 << 31  # added to a disturbed neuron: the draw that raises or lowers it


class Lesson(NamedTuple):
    """What every run attends, and what came of it; ``order`` is (r, 0) where there is none."""

    mode: int
    gated: bool  # the controlled pass only after a wrong decision, or one whose lead is small
    margin: int  # ... of fewer spikes than this
    throughout: bool  # synapses learn in all of a controlled pass, not in its last part alone
    steps: np.ndarray  # (5) int64: settle, decide, gap, delay between settle and decide, noise window
    target: np.ndarray  # (2) float64: rate asked of the right unit, and of the others [spikes per step]
    trains: int  # inputs of one source, side by side, whose trains interleave
    gate: float  # rate that holds the controllers silent [spikes per step]
    disturbed: int  # neurons that noise raises or lowers
    noise: float  # ... by events of this rate [spikes per step]
    noise_every: int  # ... after each controlled pass, or each second, third, ... of the lesson alone
    input: np.ndarray  # (p, f, i) float64, rates [spikes per step] while settling, and from then on
    order: np.ndarray  # (r, m) int64, which presentations
    label: np.ndarray  # (r, m) int64, unit that is right
    unit: np.ndarray  # (n) int64, unit of an output neuron's lane, -1 of others
    shuffled: np.ndarray  # int64, plastic synapses whose neurons' feedback gets a random sign at every taught pass
    watched: np.ndarray  # (c) int64, lanes whose spikes are kept for every presentation
    key: np.ndarray  # (r, 2) uint64
    window: np.ndarray  # (r) int64, windows played so far; counted on
    # room to work in
    offset: np.ndarray  # (r, r + 1) int64
    due: np.ndarray  # (r, s) float64, phases of trains as fractions of their interval
    rate: np.ndarray  # (r, s) float64
    bucket: np.ndarray  # (r, steps + 1) int64
    step: np.ndarray  # (r, capacity) int32
    source: np.ndarray  # (r, capacity) int32
    votes: np.ndarray  # (r, u) int64
    # results
    decision: np.ndarray  # (r, m) int64
    latency: np.ndarray  # (r, m) float64, steps of the decide window until the decided unit leads for good
    error: np.ndarray  # (r) float64, sum over presentations and units of |spikes - spikes asked for| in the window
    passes: np.ndarray  # (r) int64, controlled passes
    played: np.ndarray  # (r) int64, steps
    sent: np.ndarray  # (r, s) int64, input events
    count: np.ndarray  # (r, n) int64, spikes
    kept: np.ndarray  # (r, m, c) int32, spikes of watched lanes in the decide window of a controlled pass
    shaken: np.ndarray  # (r, m, b, c) int32, those in the noise windows of a taught presentation


def room(
    n_runs: int, n_sources: int, n_units: int, n_lanes: int, n_presentations: int, most: int, capacity: int,
    n_watched: int = 0, n_noise_windows: int = 0,
):  # fmt: skip
    """Room to work in and results of a lesson, by name: windows of at most ``most`` steps and ``capacity`` events."""

    def zeros(*shape, dtype=np.int64):
        return np.zeros((n_runs, *shape), dtype)

    return {
        "offset": zeros(n_runs + 1), "due": zeros(n_sources, dtype=float), "rate": zeros(n_sources, dtype=float),
        "bucket": zeros(most + 1), "step": zeros(capacity, dtype=np.int32), "source": zeros(capacity, dtype=np.int32),
        "votes": zeros(n_units), "decision": zeros(n_presentations), "latency": zeros(n_presentations, dtype=float),
        "error": zeros(dtype=float), "passes": zeros(), "played": zeros(), "sent": zeros(n_sources),
        "count": zeros(n_lanes), "kept": zeros(n_presentations, n_watched, dtype=np.int32),
        "shaken": zeros(n_presentations, n_noise_windows, n_watched, dtype=np.int32),
    }  # fmt: skip


def no_lesson(n_runs: int) -> Lesson:
    """A lesson of no presentations."""
    nothing, none = np.zeros((n_runs, 0), np.int64), np.zeros(0, np.int64)
    return Lesson(
        TEST, False, 0, False, np.zeros(5, np.int64), np.zeros(2), 1, 0.0, 0, 0.0, 1, np.zeros((0, 1, 0)), nothing,
        nothing, none, none, none, np.zeros((n_runs, 2), np.uint64), np.zeros(n_runs, np.int64),
        **room(n_runs, 0, 0, 0, 0, 0, 0),
    )  # fmt: skip


@kernel
def _uniform(lesson, run, item):
    window = np.uint64(lesson.window[run])
    word = words_at(np.uint64(item), window, at.STREAM_LESSON, lesson.key[run, 0], lesson.key[run, 1])
    return uniform(word[0], lesson.gate)


@kernel(inline=True)
def _targets_of_unit(lesson):
    return (lesson.rate.shape[1] - 1 - 2 * lesson.disturbed - lesson.input.shape[2]) // lesson.votes.shape[1]


@kernel
def _set_trains(lesson, run, presentation, phase, label, control):
    """Rates and phases of every source in the next window; a presentation below 0 is silence."""
    n_inputs = lesson.input.shape[2]
    n_units = lesson.votes.shape[1]
    per_unit = _targets_of_unit(lesson)
    for i in range(n_inputs):
        lesson.rate[run, i] = lesson.input[presentation, phase, i] if presentation >= 0 else 0.0
        # trains of one source, as those of a target below, are spread evenly
        place = i % lesson.trains
        lesson.due[run, i] = (_uniform(lesson, run, i - place) + place / lesson.trains) % 1.0
    for u in range(n_units):
        rate = lesson.target[0 if u == label else 1] if control else 0.0
        drawn = _uniform(lesson, run, n_inputs + u) if control else 0.0
        for k in range(per_unit):
            s = n_inputs + u * per_unit + k
            lesson.rate[run, s] = rate
            lesson.due[run, s] = (drawn + k / per_unit) % 1.0
    gate = n_inputs + n_units * per_unit
    lesson.rate[run, gate] = 0.0 if control else lesson.gate
    lesson.due[run, gate] = 0.0


@kernel
def _set_noise(lesson, run, on):
    """Rates and phases of the noise in the next window: either source of a disturbed neuron sends, or none."""
    first = lesson.rate.shape[1] - 2 * lesson.disturbed
    for d in range(lesson.disturbed):
        raising, lowering = first + d, first + lesson.disturbed + d
        lesson.rate[run, raising] = lesson.rate[run, lowering] = 0.0
        if on:
            s = raising if _uniform(lesson, run, _RAISES + d) < 0.5 else lowering
            lesson.rate[run, s] = lesson.noise
            lesson.due[run, s] = _uniform(lesson, run, s)


@kernel(inline=True)
def _due_step(lesson, run, s, k, n_steps):
    # step of the k-th event of a train; ``n_steps`` where it lies beyond the window, or the train is silent
    if lesson.rate[run, s] <= 0.0:
        return np.int64(n_steps)
    due = (lesson.due[run, s] + k) * (1.0 / lesson.rate[run, s]) + ON_GRID
    return np.int64(min(due, np.float64(n_steps)))


@kernel
def _sort_trains(lesson, run, n_steps):
    """Events of the trains by step, and by source within a step; returns how many."""
    bucket = lesson.bucket[run]
    for k in range(n_steps + 1):
        bucket[k] = 0
    for s in range(lesson.rate.shape[1]):
        k = 0
        step = _due_step(lesson, run, s, k, n_steps)
        while step < n_steps:
            bucket[step + 1] += 1
            k += 1
            step = _due_step(lesson, run, s, k, n_steps)
        lesson.sent[run, s] += k
    for k in range(n_steps):
        bucket[k + 1] += bucket[k]
    n = bucket[n_steps]
    for s in range(lesson.rate.shape[1]):
        k = 0
        step = _due_step(lesson, run, s, k, n_steps)
        while step < n_steps:
            lesson.step[run, bucket[step]] = step
            lesson.source[run, bucket[step]] = s
            bucket[step] += 1
            k += 1
            step = _due_step(lesson, run, s, k, n_steps)
    return n


@kernel
def _decide(lesson, run, m, count):
    """Unit with most output spikes; ties are broken at random."""
    votes = lesson.votes[run]
    for u in range(votes.size):
        votes[u] = 0
    for lane in range(count.size):
        if lesson.unit[lane] >= 0:
            votes[lesson.unit[lane]] += count[lane]
    best, n_best = -1, 0
    for u in range(votes.size):
        if votes[u] > best:
            best, n_best = votes[u], 0
        n_best += votes[u] == best
    chosen = np.int64(_uniform(lesson, run, _TIE) * n_best) if n_best > 1 else 0
    chosen = min(chosen, n_best - 1)
    for u in range(votes.size):
        if votes[u] == best:
            if chosen == 0:
                lesson.decision[run, m] = u
                break
            chosen -= 1


@kernel
def _shuffle_signs(lesson, run, plastic):
    # synapses of one neuron turn together
    for p in lesson.shuffled:
        drawn = _uniform(lesson, run, _SIGN + np.int64(plastic.address[p] >> np.uint32(8)))
        rate = abs(plastic.rate[run, p])
        plastic.rate[run, p] = rate if drawn < 0.5 else -rate


@kernel
def _is_taught(lesson, run, m):
    if not lesson.gated:
        return True
    votes, label = lesson.votes[run], lesson.label[run, m]
    other = -1
    for u in range(votes.size):
        if u != label:
            other = max(other, votes[u])
    return lesson.decision[run, m] != label or votes[label] - other < lesson.margin


@kernel
def _add_error(lesson, run, m, per_unit):
    for u in range(lesson.votes.shape[1]):
        asked = lesson.target[0 if u == lesson.label[run, m] else 1] * lesson.steps[DECIDE] * per_unit
        lesson.error[run] += abs(lesson.votes[run, u] - asked)


@kernel
def _latency(lesson, run, m, step, neuron, fraction, n):
    """Steps of a recorded window from which on the decided unit has more spikes than any other."""
    decided = lesson.decision[run, m]
    votes = lesson.votes[run]
    for u in range(votes.size):
        votes[u] = 0
    behind = True
    since = np.float64(lesson.steps[DECIDE])
    first = 0
    while first < n:
        after = first
        while after < n and step[after] == step[first]:
            after += 1
        # those of one step in order of time: the earliest that is left, again and again
        last = -1.0
        for _ in range(first, after):
            soonest = -1
            for j in range(first, after):
                if fraction[j] >= 0.0 and (soonest < 0 or fraction[j] < fraction[soonest]):
                    soonest = j
            last = np.float64(fraction[soonest])
            fraction[soonest] = -1.0
            unit = lesson.unit[neuron[soonest]]
            if unit >= 0:
                votes[unit] += 1
                leads = True
                for u in range(votes.size):
                    if u != decided and votes[u] >= votes[decided]:
                        leads = False
                if leads and behind:
                    since = step[soonest] + last
                elif not leads:
                    since = np.float64(lesson.steps[DECIDE])
                behind = not leads
        first = after
    lesson.latency[run, m] += since


@kernel
def _begin_window(lesson, run, m, part, control, plastic):
    """Lay out the spike trains of the next window, and raise the learn-enable line where synapses learn in it."""
    presentation = lesson.order[run, m] if part != GAP else -1
    phase = 0 if part == SETTLE else lesson.input.shape[1] - 1
    _set_trains(lesson, run, presentation, phase, lesson.label[run, m], control and part != GAP)
    _set_noise(lesson, run, part == NOISE)
    lesson.offset[run, run] = 0
    lesson.offset[run, run + 1] = _sort_trains(lesson, run, lesson.steps[part])
    learning = part == DECIDE or (lesson.throughout and part != GAP and part != NOISE)
    plastic.learn[run] = 1 if control and lesson.mode == TEACH and learning else 0
    if plastic.learn[run] != 0:
        _shuffle_signs(lesson, run, plastic)


@kernel
def _end_window(lesson, run, m, part, control, noisy, n_steps, spikes):
    """Enter into the lesson that a window has passed, of noise after so many others."""
    lesson.played[run] += n_steps
    lesson.window[run] += 1
    for lane in range(lesson.count.shape[1]):
        lesson.count[run, lane] += spikes.count[run, lane]
    if control and part == DECIDE:
        for k in range(lesson.watched.size):
            lesson.kept[run, m, k] = spikes.count[run, lesson.watched[k]]
    if part == NOISE:
        for k in range(lesson.watched.size):
            lesson.shaken[run, m, noisy, k] = spikes.count[run, lesson.watched[k]]


@kernel
def _judge(lesson, run, m, spikes):
    """Take the decision of a window; returns whether a controlled pass follows."""
    _decide(lesson, run, m, spikes.count[run])
    if lesson.mode == TEACH:
        return _is_taught(lesson, run, m)
    _add_error(lesson, run, m, _targets_of_unit(lesson))
    n = min(spikes.total[run], spikes.step.shape[1])
    _latency(lesson, run, m, spikes.step[run], spikes.neuron[run], spikes.fraction[run], n)
    return False


@kernel
def attend(
    X, pending, room, team, addresses, run, presentations, clock, keys, floor, slow, wiring, amplitude, events, plastic,
    store, features, depression, transit, spikes, probes, lesson,
):  # fmt: skip
    """Let one run attend presentations of a lesson, from the first to before the last; without a lesson there is one
    window, of ``clock.n_steps`` with ``events``.  Arrays as in ``run_die``."""
    taught = lesson.order.shape[1] > 0
    if taught:
        events = Events(lesson.offset[run], lesson.step[run], lesson.source[run])
    n_steps = clock.n_steps
    m, part = presentations[0], SETTLE
    second, control = False, False  # in the controlled pass after a free one; under control at all
    noisy = 0  # noise windows of this presentation that have passed
    while m < presentations[1]:
        if taught:
            n_steps = lesson.steps[part]
            control = second or lesson.mode == CONTROLLED
            _begin_window(lesson, run, m, part, control, plastic)
            for lane in range(lesson.count.shape[1]):
                spikes.count[run, lane] = 0
        # called in one place, because the compiler takes it apart again at every call
        run_die(
            X, pending, room, team, addresses, run, clock.first_step[run] + lesson.played[run], n_steps, clock, keys,
            floor, slow, wiring, amplitude, events, plastic, store, features, depression, transit, spikes, probes,
        )  # fmt: skip
        if not taught:
            break
        _end_window(lesson, run, m, part, control, noisy, n_steps, spikes)
        noisy += part == NOISE
        if part == SETTLE:
            part = DELAY if lesson.steps[DELAY] > 0 else DECIDE
        elif part == DELAY:
            part = DECIDE
        elif part == GAP:
            m, part, second, noisy = m + 1, SETTLE, False, 0
        elif not second and _judge(lesson, run, m, spikes):
            part, second = SETTLE, True
            lesson.passes[run] += 1
        elif second and noisy < lesson.shaken.shape[2] and (lesson.passes[run] - 1) % lesson.noise_every == 0:
            part = NOISE
        else:
            part = GAP
