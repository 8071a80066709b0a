"""Differential-pair-integrator synapse: the charge of one summed pulse, and the decay between pulses.

Bartolozzi and Indiveri 2007 (DPI), in the log-domain form of Chicca, Stefanini, Bartolozzi and Indiveri 2014, eq. 4:

    tau dI/dt = I [ (I_gain / I_tau) I_w / (I + I_gain) - 1 ]   during a pulse,      dI/dt = -I / tau   between pulses,

with tau = C U_T / (kappa I_tau).  Between pulses the decay is a pure exponential whatever the gain.

Not modelled: the finite slope of the pulse edges, the Early effect, and the leak during the pulse itself (a pulse is at
most one time step, so what is left out is below dt / tau of one charge).
"""

from chipemu.kernels.elementary import log, rough_exp, rough_log
from chipemu.kernels.jit import kernel, real


@kernel(inline=True)
def _refined(rise, log_rise, i_syn, i_gain, charge_linear):
    # one step of Fritsch, Shafer and Crowley 1973 (fourth order) for i_syn (rise - 1) + i_gain ln(rise) = charge_linear
    one = real(1.0, rise)
    two = real(2.0, rise)
    rest = charge_linear - i_syn * (rise - one) - i_gain * log_rise
    slope = i_gain + i_syn * rise
    twice = two * slope * (slope + real(2.0 / 3.0, rise) * rest)
    bend = i_gain * rest
    return rise + rise * rest * (twice - bend) / (slope * (twice - two * bend))


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
    # Both bounds of the rise I'/I lie above the root (one ignores each term's excess); the lower of them is within a
    # factor of 6 of it where synapses work, and two steps of fourth order leave less than float32 resolves. The first
    # of them needs its logarithm to two digits only.
    by_gain = rough_exp(
        min(charge_linear / (i_gain + i_syn), real(80.0, i_syn))
    )  # the other bound is lower long before
    rise = min(by_gain, real(1.0, i_syn) + charge_linear / i_syn)
    # written out: an inner loop would keep the caller's loop over lanes from being packed
    rise = _refined(rise, rough_log(rise), i_syn, i_gain, charge_linear)
    rise = _refined(rise, log(rise), i_syn, i_gain, charge_linear)
    return i_syn * rise
