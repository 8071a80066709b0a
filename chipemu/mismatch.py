"""Fixed mismatch of a die: every factor from a counter-based generator keyed by (die seed, place, parameter).

A neuron's mismatch depends on nothing else: not on the network, the batch or the order of drawing.
"""

import numpy as np

from chipemu.addresses import core_addresses, die_addresses
from chipemu.device import DeviceSpec
from chipemu.effects import Switches
from chipemu.kernels.layout import STREAM_MISMATCH
from chipemu.kernels.random import fill_normals
from chipemu.temperature import ROOM
from chipemu.units import thermal_voltage

# Position is the address of a parameter's draw: append, never reorder.
PARAMETERS = (
    "I_tau", "I_tau2", "I_gain", "I_ref", "I_dc", "I_nmda_thr", "I_ahp_tau", "I_ahp_gain", "I_ahp_w",
    "I_tau_ampa", "I_tau_nmda", "I_tau_gaba_a", "I_tau_gaba_b",
    "I_gain_ampa", "I_gain_nmda", "I_gain_gaba_a", "I_gain_gaba_b",
    "I_w_ampa", "I_w_nmda", "I_w_gaba_a", "I_w_gaba_b",
    "I_pulse", "I_spkthr", "I_fb_gain", "I_fb_th", "I_reset", "I_w0", "I_w1", "I_w2", "I_w3",
    "I_tau_ampa_i", "I_gain_ampa_i", "I_tau_nmda_i", "I_gain_nmda_i", "I_rev_ampa", "I_rev_nmda",
    "I_tau_ca", "I_gain_ca", "I_w_ca", "I_ca_target", "I_recover_std", "I_strength_std",
    "I_delay", "I_delay_precise", "I_delay_mismatched",
)  # fmt: skip


def normals(seed: int, address: np.ndarray, stream: int, index: int) -> np.ndarray:
    """Standard normals of a die, one for each address; ``stream`` and ``index`` say which."""
    out = np.empty(address.size)
    fill_normals(address.astype(np.uint32), stream, index, seed & 0xFFFFFFFF, seed >> 32, out)
    return out


def sample_factors(seed: int, address: np.ndarray, parameter: str, sigma: float) -> np.ndarray:
    """Lognormal factors exp(sigma z) with median 1 for neurons at ``address`` (core * 65536 + neuron).

    The coefficient of variation is sqrt(exp(sigma^2) - 1).
    """
    return np.exp(sigma * normals(seed, address, STREAM_MISMATCH, parameter_index(parameter)))


def parameter_index(parameter: str) -> int:
    """Address of a parameter's draw."""
    return PARAMETERS.index(parameter)


def core_factors(device: DeviceSpec, seed: int, applied: Switches, corner: str = "TT") -> dict[str, np.ndarray]:
    """Factor on each bias from the generators of its core and its die, and the corner of its process, (core,).

    The median is 1 at the typical corner.
    """
    cores, dies = core_addresses(device.chip.n_cores), die_addresses(device.chip.n_chips)
    factors = {}
    for name, bias in device.biases.items():
        if bias.parameter is None:
            continue
        index = parameter_index(bias.parameter)
        between_cores = device.mismatch.between_cores.get(name, 0.0) * applied.scale("mismatch_between_cores")
        between_dies = device.mismatch.between_dies.get(name, 0.0) * applied.scale("mismatch_between_dies")
        factors[name] = np.exp(
            between_cores * normals(seed, cores, STREAM_MISMATCH, index)
            + between_dies * np.repeat(normals(seed, dies, STREAM_MISMATCH, index), device.chip.cores_per_chip)
        )
        if corner != "TT":
            shift = device.transistors.bias_shift(
                corner, bias.parameter, device.circuit["kappa"], thermal_voltage(ROOM)
            )
            factors[name] = factors[name] * np.exp(shift)
    return factors
