"""Transistors that copy bias currents: how their area makes copies differ, and what a process corner does to them.

Left out: the spread of the current factor beta (about 1 % um / sqrt(WL), small beside V_T below strong inversion),
short- and narrow-channel corrections to Pelgrom's law, the Early effect, and junction leakage, which copies no current.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError, UnknownNameError

CHANNELS = ("n", "p")
CORNERS = ("TT", "SS", "FF", "SF", "FS")  # n-channel, then p-channel: typical, slow, fast
MISMATCH_MODELS = ("measured", "geometry")
_SIDE = {"T": 0, "S": 1, "F": -1}


def threshold_sigma(A_VT: float, W: float, L: float, *, pair: bool = False) -> float:
    """Standard deviation of the threshold voltage [V].

    Pelgrom, Duinmaijer and Welbers 1989, "Matching properties of MOS transistors", eq. 5 without its distance term:
    sigma(V_T1 - V_T2) = A_VT / sqrt(W L) for a pair; one transistor about the mean of many has 1 / sqrt(2) of it.

    Parameters
    ----------
    A_VT : float
        Area coefficient of a pair [V m].
    W, L : float
        Width and length [m].
    pair : bool
        Of the difference of two transistors instead of one.

    Examples
    --------
    >>> round(1e3 * threshold_sigma(4e-9, 1e-6, 1e-6, pair=True), 3)
    4.0
    """
    return A_VT / math.sqrt(W * L if pair else 2 * W * L)


def inversion_coefficient(current, I_spec: float, W: float, L: float):
    """IC = I / (I_spec W / L): below 0.1 weak inversion, above 10 strong.

    Enz and Vittoz 2006, "Charge-Based MOS Transistor Modeling"; in saturation.
    """
    return current / (I_spec * W / L)


def transconductance_ratio(IC):
    """g_m U_T / (kappa I), 1 in weak inversion: 2 / (1 + sqrt(1 + 4 IC)).

    Enz and Vittoz 2006, "Charge-Based MOS Transistor Modeling": with the charge q at the source, IC = q^2 + q and
    g_m U_T / (kappa I) = 1 / (1 + q). Velocity saturation is left out.

    Examples
    --------
    >>> float(transconductance_ratio(0.0)), float(transconductance_ratio(2.0))
    (1.0, 0.5)
    """
    return 2 / (1 + np.sqrt(1 + 4 * IC))


def current_sigma(sigma_V_T: float, kappa: float, U_T: float, IC=0.0):
    """sigma(ln I) = (g_m / I) sigma(V_T), in weak inversion kappa sigma(V_T) / U_T.

    V_T is referred to the gate; first order in sigma(V_T), which is exact for the lognormal of weak inversion.

    Examples
    --------
    >>> round(float(current_sigma(threshold_sigma(4e-9, 1e-6, 1e-6), 0.705, 25.69e-3)), 4)
    0.0776
    """
    return kappa * sigma_V_T / U_T * transconductance_ratio(IC)


@dataclass(frozen=True)
class TransistorClass:
    """Transistors of one drawn size: channel, width and length [m], and the neuron parameters whose bias they copy."""

    name: str
    channel: str
    W: float
    L: float
    parameters: tuple[str, ...]

    @property
    def area(self) -> float:
        """W L [m^2]."""
        return self.W * self.L


@dataclass(frozen=True)
class Transistors:
    """What a device file says about its transistors.

    Parameters
    ----------
    A_VT : float
        Pelgrom's coefficient of a pair [V m].
    I_spec_n, I_spec_p : float
        Specific current 2 n mu C_ox U_T^2 of a square transistor [A].
    corner_V_T : float
        Shift of V_T at a slow corner; minus that at a fast one [V].
    corner_mobility : float
        Relative loss of mobility at a slow corner, gain at a fast one.
    corner_residual : float
        What is left in a bias of the shift of ln(current) that a fixed gate voltage would give.
    classes : mapping
        Name to `TransistorClass`.
    """

    A_VT: float
    I_spec_n: float
    I_spec_p: float
    corner_V_T: float
    corner_mobility: float
    corner_residual: float
    classes: Mapping[str, TransistorClass]

    def copying(self, parameter: str) -> TransistorClass | None:
        """Class that copies the bias of a neuron parameter; None if the file names none."""
        return next((found for found in self.classes.values() if parameter in found.parameters), None)

    def I_spec(self, channel: str) -> float:
        """Specific current of a channel [A]."""
        return self.I_spec_n if channel == "n" else self.I_spec_p

    def weak_sigma(self, parameter: str, kappa: float, U_T: float) -> float:
        """sigma(ln I) of the copies of a bias from neuron to neuron in weak inversion; 0 without a class."""
        found = self.copying(parameter)
        return float(current_sigma(threshold_sigma(self.A_VT, found.W, found.L), kappa, U_T)) if found else 0.0

    def relative_sigma(self, parameter: str, current: np.ndarray) -> np.ndarray:
        """sigma(ln I) at a current over that in weak inversion."""
        found = self.copying(parameter)
        if found is None:
            return np.ones_like(current)
        return transconductance_ratio(inversion_coefficient(current, self.I_spec(found.channel), found.W, found.L))

    def leakage_shift(self, corner: str, kappa: float, U_T: float) -> float:
        """Change of ln(leakage) at a corner, that of the n-channel transistor at fixed gate voltage."""
        return self._fixed_gate_shift(corner, "n", kappa, U_T)

    def bias_shift(self, corner: str, parameter: str, kappa: float, U_T: float) -> float:
        """Change of ln(current) of a bias at a corner; that of its n or p transistor, without a class n."""
        found = self.copying(parameter)
        return self.corner_residual * self._fixed_gate_shift(corner, found.channel if found else "n", kappa, U_T)

    def _fixed_gate_shift(self, corner: str, channel: str, kappa: float, U_T: float) -> float:
        """-kappa dV_T / U_T + ln(mu / mu_typical)."""
        side = _SIDE[corner[CHANNELS.index(channel)]]
        return -kappa * side * self.corner_V_T / U_T + float(np.log1p(-side * self.corner_mobility))


def check_choice(transistors: Transistors | None, device: str, mismatch_model: str, corner: str) -> None:
    """Refuse a mismatch model or corner that does not exist, or that a device without ``[transistors]`` cannot have.

    Raises
    ------
    UnknownNameError
        If there is no such model or corner.
    InputError
        If the device describes no transistors.
    """
    if mismatch_model not in MISMATCH_MODELS:
        raise UnknownNameError("mismatch model", mismatch_model, MISMATCH_MODELS)
    if corner not in CORNERS:
        raise UnknownNameError("process corner", corner, CORNERS)
    if transistors is None and (mismatch_model == "geometry" or corner != "TT"):
        asked = "mismatch model 'geometry'" if mismatch_model == "geometry" else f"process corner '{corner}'"
        raise InputError(
            f"{asked} needs the sizes of transistors, and {device} has no table [transistors]; allowed there: mismatch "
            "model 'measured' at corner 'TT'"
        )
