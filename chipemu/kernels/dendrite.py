"""Dendrites of DYNAP-SE2 between synapse and soma: alpha shape, driving force, and a gain that follows the activity.

They act on AMPA and NMDA, in blocks whose ``features`` ask for them, before and after the dense pass: the dendrite
keeps its own DPI currents, and puts into the block what the soma sees of them at the start of the step, with the ratio
of end to start in place of the decay.  The circuits' names are published, their equations are not; these are modelling
choices:

    alpha shape     I = max(I_E - I_I, 0), two DPIs on the same pulses.
    driving force   I = I_syn max(tanh(kappa (V_rev - V_mem) / (2 U_T)), 0)
                      = I_syn max((I_rev - I_mem) / (I_rev + I_mem), 0),
        a subthreshold differential pair with I_syn as its bias current (Mead 1989, chapter 5), whose gates are reversal
        potential and membrane; it is zero at the reversal, where the linear form 1 - I_mem / I_rev is zero too, but
        saturates far below it, as a current source must.  A dendrite only sources current, hence the floor.
    homeostasis     tau_h d ln(g)/dt = sign(I_target - I_ca), g the factor on the gain current of the dendrite, whose
        gate capacitor an ultra-low leak moves up or down (leakage cell: Qiao, Bartolozzi and Indiveri 2017).

Not modelled: the reversed current above the reversal potential, the membrane's change within the step, and any spread
of the homeostatic leak.
"""

from chipemu.kernels import layout as at
from chipemu.kernels.dpi import charge
from chipemu.kernels.elementary import exp
from chipemu.kernels.jit import kernel, real
from chipemu.kernels.layout import LANES

# bits of a block's features; in blocks that are sensed NMDA and GABA_A charge an apical current beside the soma
SHAPED, REGULATED, SENSED = 1, 2, 4
# receptors that have a dendrite of their own: AMPA and NMDA
DENDRITES = 2


@kernel
def charge_dendrite(X, base, pulse, first, receptor):
    """Give the pulses of AMPA or NMDA, from ``first`` on in ``pulse``, to both DPIs of their dendrite."""
    first = first & at.INDEX
    o = (base + receptor * LANES) & at.INDEX
    zero = real(0.0, X[o])
    for lane in range(LANES):
        q = o + lane
        # the gain current is a factor of the charge, and its own scale
        gain = exp(X[q + at.LN_GAIN * LANES])
        amplitude = pulse[first + lane] * gain
        X[q + at.DPI_E * LANES] = charge(
            X[q + at.DPI_E * LANES], X[q + at.I_GAIN_SYN * LANES] * gain, X[q + at.CHARGE * LANES] * amplitude
        )
        X[q + at.DPI_I * LANES] = charge(
            X[q + at.DPI_I * LANES], X[q + at.I_GAIN_I * LANES] * gain, X[q + at.CHARGE_I * LANES] * amplitude
        )
        pulse[first + lane] = zero


@kernel(inline=True)
def _seen(e, i, alpha, drive, i0):
    # what the soma sees of a dendrite, above the floor that it subtracts
    return i0 + max(e - i0 - alpha * (i - i0), real(0.0, i0)) * drive


@kernel
def shape_dendrites(X, base, i0):
    """One step of both DPIs of AMPA and NMDA, and what the soma sees of them at its start and its end."""
    base = base & at.INDEX
    zero = real(0.0, X[base])
    one = real(1.0, zero)
    for receptor in range(DENDRITES):
        o = base + receptor * LANES
        membrane = base + at.Y * LANES
        for lane in range(LANES):
            q = o + lane
            e0 = X[q + at.DPI_E * LANES]
            i_0 = X[q + at.DPI_I * LANES]
            e1 = max(e0 * X[q + at.DECAY_E * LANES], i0)
            i_1 = max(i_0 * X[q + at.DECAY_I * LANES], i0)
            alpha = X[q + at.ALPHA * LANES]
            over = exp(X[membrane + lane]) * X[q + at.INV_REV * LANES]
            drive = max((one - over) / (one + over), zero)
            start = _seen(e0, i_0, alpha, drive, i0)
            X[q + at.DPI_E * LANES] = e1
            X[q + at.DPI_I * LANES] = i_1
            X[q + at.I_SYN * LANES] = start
            X[q + at.DECAY * LANES] = _seen(e1, i_1, alpha, drive, i0) / start


@kernel(inline=True)
def _moved(ln_gain, rest, move, limit):
    # Compensated sum (Kahan 1965): at 80 ks a step of 1e-4 s moves ln(g) by 1e-9, which float32 would lose.
    change = move + rest
    moved = ln_gain + change
    return min(max(moved, -limit), limit), change - (moved - ln_gain)


@kernel
def regulate(X, base, i0):
    """One step of the calcium DPI, and of the gains of AMPA and NMDA that follow it."""
    base = base & at.INDEX
    one = real(1.0, X[base])
    for lane in range(LANES):
        q = base + lane
        calcium = (
            max(X[q + at.I_CA * LANES] * X[q + at.CA_DECAY * LANES], i0)
            + X[q + at.SPIKE * LANES] * X[q + at.CA_JUMP * LANES]
        )
        sign = one if calcium < X[q + at.I_CA_TARGET * LANES] else -one
        limit = X[q + at.LN_GAIN_LIMIT * LANES]
        ampa, ampa_rest = _moved(
            X[q + at.LN_GAIN * LANES],
            X[q + at.LN_GAIN_REST * LANES],
            sign * X[q + at.LN_GAIN_STEP * LANES],
            limit,
        )
        nmda, nmda_rest = _moved(
            X[q + (at.LN_GAIN + 1) * LANES],
            X[q + (at.LN_GAIN_REST + 1) * LANES],
            sign * X[q + (at.LN_GAIN_STEP + 1) * LANES],
            limit,
        )
        X[q + at.I_CA * LANES] = calcium
        X[q + at.LN_GAIN * LANES] = ampa
        X[q + (at.LN_GAIN + 1) * LANES] = nmda
        X[q + at.LN_GAIN_REST * LANES] = ampa_rest
        X[q + (at.LN_GAIN_REST + 1) * LANES] = nmda_rest
