"""Threads that step one die together, each its own blocks, and tell each other after every step who fired.

A thread delivers every event to its own neurons only, in the order of senders, so that sums have the same bits for any
number of threads.  It writes whom it finds fired into one of two lists, by the parity of the step, and meets the others
at a barrier (a counter that only grows); while one still reads the lists of this step another may already fill those of
the next, which are the others.

Axes: w threads of the team, n lanes of the die.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.jit import add_atomic, give_way, kernel, load_atomic
from chipemu.kernels.layout import BLOCK, LANES

_SPINS = 4096  # looks at the counter before a thread lets others have the core
_APART = 16  # counts of two threads lie so far apart, that they do not share a cache line


class Team(NamedTuple):
    """One thread's place in a team; a die of its own is a team of one."""

    index: int
    n: int
    first: int  # block
    last: int  # block after the last
    fired: np.ndarray  # (w, 2, n) int32, lanes that spiked, by thread and parity of the step
    fraction: np.ndarray  # (w, 2, n) float64, where in the step
    n_fired: np.ndarray  # (w, 2, 16) int64
    arrived: np.ndarray  # (1) int64, arrivals at the barrier so far


def gather_team(n_blocks: int, n: int) -> list[Team]:
    """A team of ``n`` threads that divide the blocks of one die in pairs, as evenly as they can."""
    bounds = [2 * (n_blocks // 2 * w // n) for w in range(n + 1)]
    most = LANES * max(bounds[w + 1] - bounds[w] for w in range(n))
    shared = (
        np.empty((n, 2, most), np.int32),
        np.empty((n, 2, most)),
        np.zeros((n, 2, _APART), np.int64),
        np.zeros(1, np.int64),
    )
    return [Team(w, n, bounds[w], bounds[w + 1], *shared) for w in range(n)]


@kernel(inline=True)
def place_of(lane, field):
    """Position of a field of one lane in a run's state."""
    return lane // LANES * BLOCK + field * LANES + lane % LANES


@kernel(inline=True)
def list_fired(X, pending, team, parity):
    """List the own lanes that spiked in the step just done, in order."""
    n = 0
    for block in range(team.first, team.last):
        if pending[block] > 0:
            for lane in range(block * LANES, (block + 1) * LANES):
                if X[place_of(lane, at.SPIKE)] != 0:
                    team.fired[team.index, parity, n] = lane
                    team.fraction[team.index, parity, n] = X[place_of(lane, at.SPIKE_FRACTION)]
                    n += 1
    team.n_fired[team.index, parity, 0] = n


@kernel(inline=True)
def meet(team, times):
    """Wait until every thread of the team has come here for the ``times``-th time."""
    if team.n == 1:
        return
    add_atomic(team.arrived, 1)
    spins = 0
    while load_atomic(team.arrived) < team.n * times:
        spins += 1
        if spins % _SPINS == 0:
            give_way()


@kernel(inline=True)
def merge_fired(team, parity, fired, fraction):
    """Everyone's lanes that spiked, in order; returns how many."""
    n = 0
    for w in range(team.n):
        for i in range(team.n_fired[w, parity, 0]):
            fired[n] = team.fired[w, parity, i]
            fraction[n] = team.fraction[w, parity, i]
            n += 1
    return n
