"""Events between sender and synapse: lost, held back by the arbiter, or on a delayed connection.

A ring has one row a step of chip time; what is due in step s waits in row s modulo the depth, so that a run may be cut
into calls anywhere.  An event that the arbiter holds back waits as an event, because a plastic synapse reads its code
and learns when the event arrives; a pulse on a delayed connection waits as amplitude.

The arbiter's delay is exponential, the waiting time of a queue with random arrivals (Kleinrock 1975, section 3.2):

    t_held = -jitter ln(u),     mean = standard deviation = jitter.

An event sent at fraction f of a step arrives floor(f + t_held / dt) steps later than without a delay, whose mean over f
is t_held / dt whatever the grid.  Not modelled: that events queue behind one another, so that delays grow with the
traffic; that a tag is corrupted on the way.

Axes: r runs, s senders (inputs first, then lanes), d rows of held events, l rows of delayed pulses, b blocks.
"""

import math
from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.block import gather
from chipemu.kernels.depression import strength
from chipemu.kernels.elementary import log
from chipemu.kernels.jit import kernel
from chipemu.kernels.layout import LANES
from chipemu.kernels.random import uniform, words_at

LOST = -1
LONGEST = 17.4  # of t_held / jitter: -ln of the smallest uniform number, 2^-25
_BEFORE_NEXT = 1.0 - 2.0**-24  # a fraction of 1 is the end of its step, not the start of the next


class Transit(NamedTuple):
    """What may happen to events, and those on their way; a ring of depth 1 holds nothing and costs nothing."""

    address: np.ndarray  # (s) uint32, the address of a sender's draws
    loss: np.ndarray  # (r) float64, probability that an event is lost
    jitter: np.ndarray  # (r) float64, mean delay in the arbiter [steps]
    held: np.ndarray  # (r, d, s) uint16, events that leave the arbiter in a step
    n_held: np.ndarray  # (r, d) int64
    pulse: np.ndarray  # (r, l, b * 64) of the state's type, amplitude due in a step [CAM words]
    touched: np.ndarray  # (r, l, b * 4) uint8, 1 for every 16 lanes of a receptor that have any


@kernel(inline=True)
def steps_held(transit, run, sender, step, fraction, key_a, key_b):
    """Steps by which the arbiter holds an event back, or ``LOST``.

    Keyed by sender and time: events of one sender in one step share their fate. Where in its step an input was sent is
    not known (``fraction`` < 0) and drawn.
    """
    a, b, c, _ = words_at(transit.address[sender], np.uint64(step), at.STREAM_EVENT, key_a, key_b)
    like = transit.loss[run]
    if uniform(a, like) <= transit.loss[run]:
        return LOST
    sent = min(fraction if fraction >= 0 else uniform(c, like), _BEFORE_NEXT)
    return math.floor(sent - transit.jitter[run] * log(uniform(b, like)))


@kernel(inline=True)
def hold_back(transit, run, sender, due):
    """Let an event wait until absolute step ``due``."""
    row = due % transit.held.shape[1]
    transit.held[run, row, sender] += 1
    transit.n_held[run, row] += 1


@kernel
def delay_pulses(X, pulse, places, n, sender, wiring, amplitude, depression, transit, run, step):
    """Send an event down its connections, each with a delay of its own; no delay is this step."""
    depth = transit.pulse.shape[1]
    for e in range(wiring.first[sender], wiring.last[sender]):
        t = wiring.target[e]
        strong = strength(X, e, t, amplitude, depression, run, step)
        if wiring.delay[run, e] == 0:
            n = gather(pulse, places, n, t, strong)
        else:
            row = (step + wiring.delay[run, e]) % depth
            transit.pulse[run, row, t] += strong
            transit.touched[run, row, t // LANES] = 1
    return n


@kernel
def deliver_pulses(pulse, places, team, transit, run, step):
    """Give the delayed pulses that are due in a step to their synapses; returns how many have one."""
    row = step % transit.pulse.shape[1]
    n = 0
    for group in range(team.first * at.N_RECEPTORS, team.last * at.N_RECEPTORS):
        if transit.touched[run, row, group] != 0:
            transit.touched[run, row, group] = 0
            for t in range(group * LANES, (group + 1) * LANES):
                n = gather(pulse, places, n, t, transit.pulse[run, row, t])
                transit.pulse[run, row, t] = 0
    return n
