"""Short-term depression of single connections: resources spent by events and recovered between them.

The depression of Tsodyks and Markram 1997, with recovered resources only (no inactive state, no facilitation): the
resource x recovers between events, dx/dt = (1 - x) / tau_rec; an event delivers x times the weight and leaves
x (1 - U).  A rested synapse delivers its whole weight, so that U sets the depression alone.  For regular events at
interval T, with E = exp(-T / tau_rec), the fixed point is x = (1 - E) / (1 - (1 - U) E).

The chip has one latch a synapse and two biases; its equation is not published, so this form is a modelling choice.
"""

from typing import NamedTuple

import numpy as np

from chipemu.kernels import layout as at
from chipemu.kernels.elementary import exp
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import BLOCK, LANES, PULSES


class Depression(NamedTuple):
    """Connections with short-term depression, d of e; all arrays empty where there are none."""

    place: np.ndarray  # (e) int32, position among the d of a connection, -1 where it does not depress; (0) without any
    resource: np.ndarray  # (r, d) of the state's type, what the last event left
    last: np.ndarray  # (r, d) int64, absolute step of the last event


@kernel(inline=True)
def strength(X, e, target, amplitude, depression, run, step):
    """Amplitude that an event at absolute ``step`` delivers through connection ``e`` to ``target`` of the pulses."""
    if depression.place.size == 0 or depression.place[e] < 0:
        return amplitude[e]
    d = depression.place[e]
    lane = target // PULSES * BLOCK + target % LANES
    one = real(1.0, amplitude[e])
    elapsed = real(step - depression.last[run, d], one)
    rate = X[lane + at.STD_RATE * LANES]
    resource = one - (one - depression.resource[run, d]) * exp(-elapsed * rate)
    depression.resource[run, d] = resource * X[lane + at.STD_KEPT * LANES]
    depression.last[run, d] = step
    return amplitude[e] * resource
