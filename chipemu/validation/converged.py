"""One neuron solved to convergence by SciPy, written from the equations and not from the kernels.

The membrane in the form it was published in (Chicca et al. 2014, eq. 5; positive feedback as a sigmoid), with the
current itself as the variable:

    (1 + I_gain / I_mem) tau dI_mem/dt = (I_gain / I_tau) (I_in - I_sum) - I_sum I_mem / I_tau,
    I_sum = I_tau - I_fb(I_mem),

and one AMPA synapse that decays as I(t) = I(0) exp(-t / tau_syn) and jumps at an event by the charge map
I' - I + I_gain ln(I' / I) = A, whose root Brent's method finds. Every current stays above the leakage floor I0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from chipemu.errors import RunError
from chipemu.units import thermal_voltage

TOLERANCE = 1e-9
_PA = 1e12


@dataclass(frozen=True)
class Neuron:
    """Numbers of the equations above in pA and ms."""

    i_tau: float
    i_gain: float
    tau: float
    i_fb_gain: float
    i_fb_th: float
    i_fb_norm: float
    i_threshold: float
    i_reset: float
    t_ref: float
    tau_syn: float
    i_gain_syn: float
    charge: float
    i0: float

    def slope(self, i_mem: float, i_in: float) -> float:
        """dI_mem/dt [pA/ms]."""
        # bounded argument: the sigmoid is 0 or 1 to the last digit beyond it
        argument = min(max(-(i_mem - self.i_fb_th) / self.i_fb_norm, -700.0), 700.0)
        i_sum = self.i_tau - self.i_fb_gain / (1 + math.exp(argument))
        drive = self.i_gain / self.i_tau * (max(i_in, self.i0) - i_sum) - i_sum * i_mem / self.i_tau
        return drive / (self.tau * (1 + self.i_gain / i_mem))

    def jump(self, i_syn: float, words: float) -> float:
        """Synaptic current after an event through some words [pA]."""
        charge = words * self.charge

        def deficit(after: float) -> float:
            return after - i_syn + self.i_gain_syn * math.log(after / i_syn) - charge

        return brentq(deficit, i_syn, i_syn + charge, xtol=1e-12, rtol=1e-14)


def neuron(value: dict[str, float], temperature: float) -> Neuron:
    """The neuron of an operating point from its currents and constants [SI]."""
    capacity = thermal_voltage(temperature) / value["kappa"]
    width = value["V_th"] * value["C_pulse"] / value["I_pulse"]
    linear = value["I_gain_ampa"] * value["I_w_ampa"] * width / (value["C_syn_ampa"] * capacity)
    return Neuron(
        i_tau=value["I_tau"] * _PA,
        i_gain=value["I_gain"] * _PA,
        tau=value["C_mem"] * capacity / value["I_tau"] * 1e3,
        i_fb_gain=value["I_fb_gain"] * _PA,
        i_fb_th=value["I_fb_th"] * _PA,
        i_fb_norm=value["I_fb_norm"] * _PA,
        i_threshold=value["I_spkthr"] * _PA,
        i_reset=value["I_reset"] * _PA,
        t_ref=value["V_th"] * value["C_ref"] / value["I_ref"] * 1e3,
        tau_syn=value["C_syn_ampa"] * capacity / value["I_tau_ampa"] * 1e3,
        i_gain_syn=value["I_gain_ampa"] * _PA,
        charge=linear * _PA,
        i0=value["I0"] * _PA,
    )


def spike_times(
    cell: Neuron, i_dc: float, events: Sequence[float], words: int, duration: float, tolerance: float = TOLERANCE
) -> np.ndarray:
    """Spike times of a neuron that starts at rest [ms].

    Parameters
    ----------
    cell
        Neuron.
    i_dc
        Constant input current [pA].
    events
        Input spikes, rising [ms]; equal times arrive as one pulse.
    words
        CAM words of an event.
    duration
        [ms].
    tolerance
        Relative; absolute in pA.
    """
    times, counts = np.unique(np.asarray(events, float), return_counts=True)
    i_mem, i_syn, now, held_until = cell.i0, cell.i0, 0.0, 0.0
    spikes: list[float] = []
    for arrival, count in zip([*times, duration], [*counts, 0], strict=True):
        while now < arrival:
            start = min(max(now, held_until), arrival)
            i_syn, now = max(i_syn * math.exp(-(start - now) / cell.tau_syn), cell.i0), start
            if start < arrival:
                end, i_mem, fired = _solve(cell, i_dc, i_mem, i_syn, now, arrival, tolerance)
                i_syn, now = max(i_syn * math.exp(-(end - now) / cell.tau_syn), cell.i0), end
                if fired:
                    spikes.append(now)
                    i_mem, held_until = cell.i_reset, now + cell.t_ref
        if count:
            i_syn = cell.jump(i_syn, words * count)
    return np.array(spikes)


def _solve(cell: Neuron, i_dc, i_mem, i_syn, start, end, tolerance) -> tuple[float, float, bool]:
    """Time, membrane current and whether the threshold was reached, between two instants without events.

    The input only falls here, so a membrane that comes down to the leakage floor rests there until ``end``.
    """

    def slope(time, state):
        synapse = max(i_syn * math.exp(-(time - start) / cell.tau_syn), cell.i0)
        return (cell.slope(state[0], synapse - cell.i0 + i_dc),)

    def threshold(time, state):
        return state[0] - cell.i_threshold

    def floor(time, state):
        return state[0] - cell.i0

    if i_mem <= cell.i0 and slope(start, (cell.i0,))[0] <= 0:
        return end, cell.i0, False
    threshold.terminal = floor.terminal = True
    threshold.direction, floor.direction = 1, -1
    solved = solve_ivp(
        slope, (start, end), (i_mem,), method="LSODA", rtol=tolerance, atol=tolerance, events=(threshold, floor)
    )
    if solved.status < 0:
        raise RunError(f"the reference solution stopped at {solved.t[-1]:g} ms: {solved.message}")
    if solved.t_events[1].size:
        return end, cell.i0, False
    return solved.t[-1], float(solved.y[0, -1]), solved.status == 1
