"""Trimming cells: a small converter at every neuron that sets some of its currents relative to the core's bias.

    I = code / unit_code * I_bias

A linear converter, as in the analog parameter memory of BrainScaleS-2 (Hock et al. 2013), here as a factor.  Left out:
differential and integral nonlinearity of the converter, and leakage of its memory between refreshes.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trim:
    """What a device file says about trimming.

    Parameters
    ----------
    bits : int
        Of a cell.
    unit_code : int
        Code at which a current is as its bias says.
    least : int
        Smallest code that is used: at 0 a current would be off.
    adc_step : float
        Step of the converter through which the membrane voltage is read [V].
    parameters : tuple of str
        Neuron parameters that have a cell.
    """

    bits: int
    unit_code: int
    least: int
    adc_step: float
    parameters: tuple[str, ...]

    @property
    def most(self) -> int:
        """Largest code."""
        return 2**self.bits - 1

    def factor(self, code: np.ndarray) -> np.ndarray:
        """Current at a code over that of the bias, same shape.

        Examples
        --------
        >>> Trim(10, 256, 16, 1e-3, ("I_tau",)).factor(np.array([128, 256])).tolist()
        [0.5, 1.0]
        """
        return np.asarray(code) / self.unit_code
