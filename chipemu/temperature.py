"""How currents follow temperature: leakage that doubles every ten kelvin, and the kinds of bias generators.

Prefactor of the subthreshold current (Sze and Ng 2007, "Physics of Semiconductor Devices", section 6.2, in the form of
Tsividis 1999 with V referred to the gate):

    I0(T) ~ mu(T) U_T^2 exp(-kappa V_T0(T) / U_T),     mu ~ T^-m,     V_T0(T) = V_T0 + slope (T - 25 degC).

Left out: kappa and the capacitors, which change by less than 0.1 % per kelvin, and temperature differences on a die.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chipemu.units import thermal_voltage

ROOM = 298.15  # K, at which device files state leakage and thresholds
BIAS_KINDS = ("constant", "ptat", "fixed_voltage")


@dataclass(frozen=True)
class Temperature:
    """What a device file says about temperature.

    Parameters
    ----------
    V_T0, V_T_slope : float
        Threshold voltage at 25 degC [V], and its change [V/K].
    mobility_exponent : float
        m in mu ~ T^-m.
    bias_kind : {"constant", "ptat", "fixed_voltage"}
        What the generators hold: the current, a current proportional to T, or the gate voltage of the mirrors.
    prefactor : float
        Subthreshold current at V = 0 and 25 degC [A], needed where gate voltages are fixed.
    per_kelvin : mapping
        Bias name to what is left of its change after the generator's compensation, relative [1/K].
    """

    V_T0: float
    V_T_slope: float
    mobility_exponent: float
    bias_kind: str
    prefactor: float
    per_kelvin: Mapping[str, float]


def leakage_ratio(law: Temperature, kappa: float, temperature, reference: float = ROOM):
    """I0 at a temperature over I0 at another.

    Parameters
    ----------
    law : Temperature
    kappa : float
        Slope factor.
    temperature : float or array
        [K]
    reference : float
        [K]

    Returns
    -------
    float or array
        Of the same shape as ``temperature``.

    Examples
    --------
    >>> law = Temperature(0.45, -0.9e-3, 1.5, "constant", 6e-14, {})
    >>> float(round(leakage_ratio(law, 0.705, 310.15), 2))  # 25 to 37 degC
    2.19
    """

    def log_prefactor(kelvin):
        u_t = thermal_voltage(kelvin)
        threshold = law.V_T0 + law.V_T_slope * (kelvin - ROOM)
        return (2 - law.mobility_exponent) * np.log(kelvin) - kappa * threshold / u_t

    return np.exp(log_prefactor(temperature) - log_prefactor(reference))


def bias_ratio(law: Temperature, kappa: float, bias: str, current: np.ndarray, temperature, reference):
    """Current of a bias at a temperature over the one asked for at another.

        constant       1                                (generator with a temperature-compensated current)
        ptat           T / T_ref                        (generator built on U_T / R)
        fixed_voltage  I0(T) exp(kappa V_G / U_T) / I:  (I0(T) / I0(T_ref)) (I / I0(T_ref))^(T_ref / T - 1)

    each times exp(per_kelvin (T - T_ref)).

    Parameters
    ----------
    bias : str
        Register.
    current : array
        At the reference temperature [A]; matters to fixed voltages only.
    temperature, reference : float or array
        [K]

    Returns
    -------
    array
        Broadcast over ``current``, ``temperature`` and ``reference``.

    Examples
    --------
    >>> law = Temperature(0.45, -0.9e-3, 1.5, "fixed_voltage", 6e-14, {})
    >>> float(bias_ratio(law, 0.705, "IF_DC_P", np.array(100e-12), 303.15, 298.15).round(2))  # 20 % in 5 K
    1.23
    """
    left = np.exp(law.per_kelvin.get(bias, 0.0) * (temperature - reference))
    if law.bias_kind == "ptat":
        return left * temperature / reference
    if law.bias_kind == "fixed_voltage":
        at_reference = law.prefactor * leakage_ratio(law, kappa, reference)
        above = np.maximum(current / at_reference, 1.0)  # a gate voltage of zero passes the prefactor itself
        return left * leakage_ratio(law, kappa, temperature, reference) * above ** (reference / temperature - 1)
    return left * np.ones_like(np.asarray(current, float))
