"""Differential-pair-integrator synapse: the charge of one summed pulse, and the decay between pulses.

Bartolozzi and Indiveri 2007 (DPI), in the log-domain form of Chicca, Stefanini, Bartolozzi and Indiveri 2014, eq. 4:

    tau dI/dt = I [ (I_gain / I_tau) I_w / (I + I_gain) - 1 ]   during a pulse,      dI/dt = -I / tau   between pulses,

with tau = C U_T / (kappa I_tau).  Between pulses the decay is a pure exponential whatever the gain.

Not modelled: the finite slope of the pulse edges, the Early effect, and the leak during the pulse itself (a pulse is at
most one time step, so what is left out is below dt / tau of one charge).
"""

from chipemu.kernels.elementary import exp, log
from chipemu.kernels.jit import kernel, real


@kernel(inline=True)
def _newton(u, i_syn, i_gain, charge_linear):
    e = i_syn * exp(u)
    return u - (e - i_syn + i_gain * u - charge_linear) / (e + i_gain)


@kernel(inline=True)
def charge(i_syn, i_gain, charge_linear):
    """Synaptic current right after a pulse.

    Dividing the pulse form by I and leaving out the leak gives (1 + I_gain / I) dI = dA, whose integral is the
    charge map solved here for the new current I':

        I' - I + I_gain ln(I' / I) = A,      A = kappa I_gain I_w t_pulse / (C U_T).

    For I >> I_gain the jump is A (linear synapse); from far below I_gain it starts exponentially.

    Parameters
    ----------
    i_syn : current before the pulse [pA], > 0
    i_gain : DPI gain current [pA]
    charge_linear : A, summed over the parallel words of the step [pA]
    """
    # u = ln(I'/I) solves the convex, increasing f(u) = I (e^u - 1) + I_gain u - A = 0.  Both bounds lie above the
    # root (one ignores each term's excess), so Newton comes down to it without overshoot.
    one = real(1.0, i_syn)
    bound_gain = charge_linear / (i_gain + i_syn)
    bound_linear = log(one + charge_linear / i_syn)
    u = min(bound_gain, bound_linear)
    # six steps, written out: an inner loop would keep the caller's loop over lanes from being packed
    u = _newton(u, i_syn, i_gain, charge_linear)
    u = _newton(u, i_syn, i_gain, charge_linear)
    u = _newton(u, i_syn, i_gain, charge_linear)
    u = _newton(u, i_syn, i_gain, charge_linear)
    u = _newton(u, i_syn, i_gain, charge_linear)
    u = _newton(u, i_syn, i_gain, charge_linear)
    return i_syn * exp(u)
