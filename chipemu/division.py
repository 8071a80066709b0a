"""What each thread of a call is given: dies of its own, or a part of one die with the connections that reach it."""

from typing import NamedTuple

import numpy as np

from chipemu.kernels.die import Wiring
from chipemu.kernels.plastic import Plastic
from chipemu.kernels.team import Team, gather_team
from chipemu.kernels.transit import Transit
from chipemu.wiring import within

_SMALLEST = 32  # blocks that are worth a thread's meeting the others after every step


class Member(NamedTuple):
    """What a thread is given of what a call is about."""

    team: Team
    wiring: Wiring
    plastic: Plastic
    transit: Transit


def undivided(n_blocks: int, n: int, wiring: Wiring, plastic: Plastic, transit: Transit) -> list[Member]:
    """Threads that step dies of their own."""
    return [Member(gather_team(n_blocks, 1)[0], wiring, plastic, transit) for _ in range(n)]


def n_parts(n_blocks: int, n_threads: int) -> int:
    """Threads that share one die of ``n_blocks`` blocks, with ``n_threads`` to be had.

    Examples
    --------
    >>> n_parts(20, 2), n_parts(64, 2), n_parts(1024, 8)
    (1, 2, 8)
    """
    return max(1, min(n_threads, n_blocks // _SMALLEST))


class Division:
    """A die in ``n`` parts.

    Parameters
    ----------
    n_blocks : blocks of the die
    wiring, plastic : connections and plastic synapses of the whole die
    """

    def __init__(self, n_blocks: int, n: int, wiring: Wiring, plastic: Plastic):
        self._teams = gather_team(n_blocks, n)
        self._wiring = [within(wiring, team.first, team.last) for team in self._teams]
        self._plastic = [within(plastic, team.first, team.last) for team in self._teams]

    def members(self, wiring: Wiring, plastic: Plastic, transit: Transit) -> list[Member]:
        """Every thread's part in one call; what threads would write in common each but the first has for itself."""
        members = []
        for team, (first, last), synapses in zip(self._teams, self._wiring, self._plastic, strict=True):
            if team.index > 0:  # each follows all senders, and keeps its own account of what the arbiter holds back
                transit = transit._replace(held=transit.held.copy(), n_held=transit.n_held.copy())
                plastic = plastic._replace(writes=np.zeros_like(plastic.writes))
            mine = plastic._replace(first=synapses[0], last=synapses[1])
            members.append(Member(team, wiring._replace(first=first, last=last), mine, transit))
        return members


def add_writes(members: list[Member]) -> None:
    """Enter the code changes of all threads into the account of the first."""
    for member in members[1:]:
        members[0].plastic.writes[:] += member.plastic.writes
