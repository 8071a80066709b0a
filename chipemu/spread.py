"""The spread from neuron to neuron: how large it is by measurement or by geometry, and how it follows the current.

Every current of a neuron keeps one draw z for life: a neuron that is slow at one bias is slow at the others. What the
current changes is the size, sigma(ln I).

- ``measured``: the sizes of the device file, and for parameters measured at several currents their table.
- ``geometry``: Pelgrom's law for the transistors of the device file, flat in weak inversion, smaller above.
"""

import numpy as np

from chipemu.addresses import every_place
from chipemu.device import DeviceSpec
from chipemu.device_latches import EXTRA_PARAMETERS
from chipemu.effects import Switches
from chipemu.kernels.layout import STREAM_MISMATCH
from chipemu.mismatch import PARAMETERS, normals, parameter_index
from chipemu.parameter_names import BASES
from chipemu.pattern import correlated, outliers, slope
from chipemu.temperature import ROOM
from chipemu.units import thermal_voltage

_SMALLEST = 1e-30  # A, stands for no current in a logarithm


def reference_sigma(device: DeviceSpec, model: str, parameter: str) -> float:
    """sigma(ln I) from neuron to neuron where the current leaves it as it is; by geometry in weak inversion at 25 degC.

    Parameters
    ----------
    device
        Whose file says how large.
    model : {"measured", "geometry"}
        Where the size comes from.
    parameter
        Current of a neuron.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> device = load_device("dynapse1")
    >>> [round(reference_sigma(device, model, "I_w_ampa"), 3) for model in ("measured", "geometry")]
    [0.13, 0.056]
    """
    if model == "geometry":
        return device.transistors.weak_sigma(parameter, device.circuit["kappa"], thermal_voltage(ROOM))
    return device.mismatch.within_core.get(parameter, 0.0)


def relative_sigma(
    device: DeviceSpec, model: str, parameter: str, current: np.ndarray, temperature: float = ROOM
) -> np.ndarray:
    """sigma(ln I) at a current over :func:`reference_sigma`, of the shape of ``current`` [A].

    By geometry it falls with temperature [K] as 1 / U_T; the measurement knows one temperature.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> relative_sigma(load_device("dynapse1"), "measured", "I_tau", np.array([1e-12, 3.644e-12])).tolist()
    [0.52, 1.0]
    """
    if model == "geometry":
        return device.transistors.relative_sigma(parameter, current) * (ROOM / temperature)
    if parameter not in device.mismatch.against_current:
        return np.ones_like(current)
    currents, factors = device.mismatch.against_current[parameter]
    logs = np.interp(np.log(np.maximum(current, _SMALLEST)), np.log(currents), np.log(factors))
    return np.exp(logs)


def neuron_factors(device: DeviceSpec, seed: int, applied: Switches, model: str) -> dict[str, np.ndarray]:
    """Factor on each parameter of every neuron of a die at the reference, (core, neuron) with median 1.

    ln(factor) = sigma (sqrt(1 - s) z + sqrt(s) z_c + w z_o) + slope: s is the share of the variance that neighbours
    have in common; where `mismatch_correlated` is off the independent part keeps all of it, so that the spread stays as
    measured.
    """
    n_cores, n_neurons = device.chip.n_cores, device.chip.n_neurons_per_core
    address = every_place(n_cores, n_neurons)
    structure, biased = device.mismatch.structure, {bias.parameter for bias in device.biases.values()}
    steepness = structure.gradient * applied.scale("mismatch_gradient")
    tilt = steepness * slope(seed, n_cores, n_neurons, device.chip.n_chips) if steepness else 0.0
    share = structure.correlated_share if applied.on("mismatch_correlated") else 0.0
    alone = applied.scale("mismatch_within_core") * np.sqrt(1 - share)
    common = applied.scale("mismatch_correlated") * np.sqrt(share)
    tail = applied.scale("mismatch_outliers") * structure.outlier_width
    factors = {}
    for parameter in PARAMETERS:
        if parameter in (*EXTRA_PARAMETERS, *BASES) and parameter not in device.mismatch.within_core:
            continue  # no bias of this device sets it
        sigma, index = reference_sigma(device, model, parameter), parameter_index(parameter)
        log = sigma * alone * normals(seed, address, STREAM_MISMATCH, index)
        if sigma and common:
            log = log + sigma * common * correlated(
                seed, n_cores, n_neurons, index, structure.correlation_length
            ).reshape(-1)
        if sigma and tail:
            log = log + sigma * tail * outliers(seed, address, index, structure.outlier_share)
        log = log.reshape(n_cores, n_neurons)
        factors[parameter] = np.exp(log + tilt if parameter in biased else log)
    return factors
