"""Adaptive exponential DPI soma in the log domain.

Chicca et al. 2014, eq. 5, with I_sum = I_tau + I_ahp + I_gaba_a - I_fb, is

    (1 + I_gain / I_mem) tau dI_mem/dt = (I_gain / I_tau) (I_in - I_sum) - I_sum I_mem / I_tau.

Dividing by I_mem and using tau I_tau = C U_T / kappa gives the form integrated here, y = ln I_mem:

    (C U_T / kappa) dy/dt = I_in I_gain / (I_gain + I_mem) - I_tau - I_ahp - I_gaba_a + I_fb(I_mem),

that is C dV/dt = current in - current out: the voltage V = (U_T / kappa) ln(I_mem / I0) decays as a straight line.

    I_in = max(I_ampa + I_nmda / (1 + I_nmda_thr / I_mem) - I_gaba_b + I_dc, I0)
    I_fb = I_fb_gain / (1 + exp(-(I_mem - I_fb_th) / I_fb_norm))       (sigmoid form of the positive feedback)

A spike is the crossing of I_spkthr; the membrane is then held at I_reset for t_ref.

Not modelled: the shape of the spike itself, the Early effect, moderate inversion, calcium-gated NMDA kinetics.
"""

from chipemu.kernels.elementary import exp
from chipemu.kernels.jit import kernel, real

SIGMOID = 3.0
"""Where the positive feedback's sigmoid bends: at arguments below this size."""


@kernel(inline=True)
def net_current(y, i_nmda, i_other, i_out, i_gain, nmda_thr, fb_gain, fb_th, fb_inv_norm, i0):
    """Current that charges the membrane capacitor [pA], C dV/dt of the module's equation, and how it bends.

    ``i_other`` is I_ampa - I_gaba_b + I_dc and ``i_out`` is I_tau + I_ahp + I_gaba_a [pA].

    Returns
    -------
    net : [pA]
    slope : d net / dy [pA]
    bend : size of d^2 net / dy^2, an estimate from above [pA]
    steep : d x / dy of the argument x of the positive feedback's sigmoid
    x : that argument
    """
    one = real(1.0, y)
    i_mem = exp(y)
    open_nmda = i_mem / (i_mem + nmda_thr)
    gated = i_nmda * open_nmda
    asked = gated + i_other
    i_in = max(asked, i0)
    gated = gated if asked > i0 else real(0.0, y)  # a floored input has no slope
    passed = i_gain / (i_gain + i_mem)
    steep = i_mem * fb_inv_norm
    x = steep - fb_th * fb_inv_norm
    on = one / (one + exp(-x))
    by_input = (gated * (one - open_nmda) - i_in * (one - passed)) * passed
    by_feedback = fb_gain * on * (one - on) * steep
    return (
        i_in * passed - i_out + fb_gain * on,
        by_input + by_feedback,
        abs(by_input) + by_feedback * (one + steep),
        steep,
        x,
    )


@kernel(inline=True)
def move_exponentially(h, net, slope):
    """Change of y in a step of ``h`` [1/pA]: h phi_1(h J) f with phi_1(z) = (e^z - 1) / z.

    By the Pade form (0, 2) of phi_1: exact to z^2, never singular.
    """
    one = real(1.0, h)
    z = h * slope
    return h * net / (one + z * (z * real(1.0 / 12.0, h) - real(0.5, h)))
