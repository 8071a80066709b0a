"""Spike generators: regular and Poisson trains on the time grid, as sorted event lists."""

import numpy as np

from chipemu.kernels.jit import kernel
from chipemu.kernels.random import philox, uniform

STREAM_POISSON = 5
ON_GRID = 1e-6  # steps; a spike this little before a step belongs to it, whatever the rounding of its interval


@kernel(allocates=True)
def regular_trains(rate, phase, n_steps, dt, capacity, step, source, count):
    """Events of regular trains for every run, sorted by step.

    Parameters
    ----------
    rate : (r, s) float64, spikes per ms; 0 is silent
    phase : (r, s) float64, first spike as a fraction of the interval, in [0, 1)
    n_steps : int
    dt : float, ms
    capacity : int, room for each run
    step, source : (r, capacity) int32, filled
    count : (r) int64, events of each run (may exceed ``capacity``: the caller asks again with more room)
    """
    for run in range(rate.shape[0]):
        n_sources = rate.shape[1]
        due = np.empty(n_sources, np.float64)
        sent = np.zeros(n_sources, np.int64)
        active = np.empty(n_sources, np.int64)
        n_active = 0
        for s in range(n_sources):
            if rate[run, s] > 0.0:
                due[s] = phase[run, s] / (rate[run, s] * dt) + ON_GRID
                active[n_active] = s
                n_active += 1
        n = 0
        for k in range(n_steps):
            for a in range(n_active):
                s = active[a]
                while due[s] < k + 1:
                    if n < capacity:
                        step[run, n] = k
                        source[run, n] = s
                    n += 1
                    sent[s] += 1
                    due[s] = (phase[run, s] + sent[s]) / (rate[run, s] * dt) + ON_GRID
        count[run] = n


@kernel
def poisson_trains(rate, n_steps, dt, first_step, key_a, capacity, step, source, count):
    """Events of Bernoulli trains (at most one spike a step), keyed by (seed, source, absolute step), not by run."""
    for run in range(rate.shape[0]):
        n = 0
        like = rate[run, 0]
        for k in range(n_steps):
            now = np.uint64(first_step + k)
            for s in range(rate.shape[1]):
                a = philox(
                    np.uint64(s), now, np.uint64(STREAM_POISSON), np.uint64(0), np.uint64(key_a), np.uint64(0)
                )[0]  # fmt: skip
                if uniform(a, like) < rate[run, s] * dt:
                    if n < capacity:
                        step[run, n] = k
                        source[run, n] = s
                    n += 1
        count[run] = n
