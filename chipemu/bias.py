"""The bias generator: digital (coarse, fine) codes to currents and back.

DYNAP-SE1, from its host software: I = fine / (n_fine - 1) * I_max[coarse], never below the leakage floor. The ranges
overlap and the real generators are not monotonic, so a code is found by searching the table, not by a formula.
"""

import functools
from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError
from chipemu.units import show

Code = tuple[int, int]


@dataclass(frozen=True)
class BiasGenerator:
    """Generator of one core.

    Parameters
    ----------
    I_max : tuple of float
        Full-scale current of each coarse range [A], increasing.
    n_fine : int
        Fine codes per range.
    floor : float
        Smallest current that flows whatever the code [A].
    """

    I_max: tuple[float, ...]
    n_fine: int
    floor: float


@functools.cache
def _table(generator: BiasGenerator) -> tuple[np.ndarray, np.ndarray]:
    """Distinct currents in rising order [A] and one code for each, the finest range that reaches it."""
    coarse, fine = np.divmod(np.arange(len(generator.I_max) * generator.n_fine), generator.n_fine)
    currents = np.maximum(fine / (generator.n_fine - 1) * np.asarray(generator.I_max)[coarse], generator.floor)
    currents, first = np.unique(currents, return_index=True)
    return currents, np.stack([coarse[first], fine[first]], axis=1)


def current(generator: BiasGenerator, coarse: int, fine: int) -> float:
    """Nominal current of a code.

    Parameters
    ----------
    generator : BiasGenerator
        Generator of the device.
    coarse, fine : int
        Range and step within it.

    Returns
    -------
    float
        Current [A].

    Raises
    ------
    InputError
        The code does not exist on this generator.

    Examples
    --------
    >>> generator = BiasGenerator(I_max=(15e-12, 105e-12), n_fine=256, floor=0.88e-12)
    >>> round(current(generator, 1, 255) * 1e12, 3), current(generator, 0, 0)
    (105.0, 8.8e-13)
    """
    for name, code, size in (("coarse", coarse, len(generator.I_max)), ("fine", fine, generator.n_fine)):
        if not 0 <= code < size:
            raise InputError(f"{name} = {code} does not exist; allowed 0 to {size - 1}")
    return max(fine / (generator.n_fine - 1) * generator.I_max[coarse], generator.floor)


def nearest_code(generator: BiasGenerator, wanted: float) -> Code:
    """Code whose nominal current lies nearest to the wanted one.

    Parameters
    ----------
    generator : BiasGenerator
        Generator of the device.
    wanted : float
        Current [A]; outside the table the end of the table answers.

    Returns
    -------
    (int, int)
        Coarse and fine; of equal currents the one in the lower range.

    Examples
    --------
    >>> nearest_code(BiasGenerator(I_max=(15e-12, 105e-12), n_fine=256, floor=0.88e-12), 3.64e-12)
    (0, 62)
    """
    if not np.isfinite(wanted):
        raise InputError(f"a bias current of {show(wanted, 'A')} has no code; give a finite one")
    currents, codes = _table(generator)
    above = min(int(np.searchsorted(currents, wanted)), len(currents) - 1)
    below = max(above - 1, 0)
    index = below if wanted - currents[below] <= currents[above] - wanted else above
    return int(codes[index, 0]), int(codes[index, 1])


def next_code(generator: BiasGenerator, code: Code, step: int) -> Code:
    """Code with the next higher (``step`` > 0) or lower (``step`` < 0) current.

    Parameters
    ----------
    generator : BiasGenerator
        Generator of the device.
    code : (int, int)
        Coarse and fine.
    step : int
        Number of distinct currents to move by.

    Returns
    -------
    (int, int)
        The end of the table where the step leads beyond it.

    Examples
    --------
    >>> generator = BiasGenerator(I_max=(15e-12, 105e-12), n_fine=256, floor=0.88e-12)
    >>> next_code(generator, (0, 255), +1), next_code(generator, (0, 0), -1)
    ((1, 37), (0, 0))
    """
    currents, codes = _table(generator)
    here = int(np.searchsorted(currents, current(generator, *code)))
    index = min(max(here + step, 0), len(currents) - 1)
    return int(codes[index, 0]), int(codes[index, 1])
