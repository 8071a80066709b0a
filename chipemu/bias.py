"""The bias generator: digital (coarse, fine) codes to currents and back.

DYNAP-SE1, from its host software: I = fine / (n_fine - 1) * I_max[coarse], never below the leakage floor. DYNAP-SE2:
`chipemu.bias_table`. The ranges overlap and SE2's currents do not rise with the code everywhere, so a code is found by
searching the whole table, not by a formula.

What a code gives is its nominal current at 25 degC, a pure function of generator and code.
"""

import functools
from dataclasses import dataclass

import numpy as np

from chipemu.bias_table import TableGenerator, table_currents
from chipemu.errors import InputError
from chipemu.units import show

Code = tuple[int, int]


@dataclass(frozen=True)
class BiasGenerator:
    """Generator of one core, the same for each of its biases.

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


Generator = BiasGenerator | TableGenerator


@functools.cache
def currents(generator: Generator) -> np.ndarray:
    """Nominal current of every code, (coarse, fine) [A], read-only.

    Parameters
    ----------
    generator : BiasGenerator or TableGenerator
        Generator of one bias.

    Examples
    --------
    >>> currents(BiasGenerator(I_max=(15e-12, 105e-12), n_fine=256, floor=0.88e-12)).shape
    (2, 256)
    """
    if isinstance(generator, TableGenerator):
        table = table_currents(generator)
    else:
        fine = np.arange(generator.n_fine) / (generator.n_fine - 1)
        table = np.maximum(fine * np.asarray(generator.I_max)[:, None], generator.floor)
    table.flags.writeable = False
    return table


def span(generator: Generator) -> tuple[float, float]:
    """Smallest and largest nominal current of a generator [A]."""
    table = currents(generator)
    return float(table.min()), float(table.max())


@functools.cache
def _sorted(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Distinct currents in rising order [A] and one code for each, the finest range that reaches it."""
    flat = currents(generator).ravel()
    coarse, fine = np.divmod(np.arange(flat.size), generator.n_fine)
    distinct, first = np.unique(flat, return_index=True)
    return distinct, np.stack([coarse[first], fine[first]], axis=1)


def current(generator: Generator, coarse: int, fine: int) -> float:
    """Nominal current of a code.

    Parameters
    ----------
    generator : BiasGenerator or TableGenerator
        Generator of the bias.
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
    table = currents(generator)
    for name, code, size in zip(("coarse", "fine"), (coarse, fine), table.shape, strict=True):
        if not 0 <= code < size:
            raise InputError(f"{name} = {code} does not exist; allowed 0 to {size - 1}")
    return float(table[coarse, fine])


def nearest_code(generator: Generator, wanted: float) -> Code:
    """Code whose nominal current lies nearest to the wanted one.

    Parameters
    ----------
    generator : BiasGenerator or TableGenerator
        Generator of the bias.
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
    rising, codes = _sorted(generator)
    above = min(int(np.searchsorted(rising, wanted)), len(rising) - 1)
    below = max(above - 1, 0)
    index = below if wanted - rising[below] <= rising[above] - wanted else above
    return int(codes[index, 0]), int(codes[index, 1])


def next_code(generator: Generator, code: Code, step: int) -> Code:
    """Code with the next higher (``step`` > 0) or lower (``step`` < 0) current.

    Parameters
    ----------
    generator : BiasGenerator or TableGenerator
        Generator of the bias.
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
    rising, codes = _sorted(generator)
    here = int(np.searchsorted(rising, current(generator, *code)))
    index = min(max(here + step, 0), len(rising) - 1)
    return int(codes[index, 0]), int(codes[index, 1])
