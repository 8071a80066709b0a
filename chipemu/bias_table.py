"""Bias generators whose steps are not even: the (coarse, fine) table of DYNAP-SE2, made from its published features.

A fine code switches eight current cells. The three largest are smaller than the sum of the cells below them, so that
the current drops where a code first needs one of them: at fine 32, 64 and 128, and less at their multiples. With cells

    1, 2, 4, 8, 16,  w_32 = 31 (1 - d_32),  w_64 = (31 + w_32)(1 - d_64),  w_128 = (31 + w_32 + w_64)(1 - d_128)

in units of the smallest, three drops d a range give all seven drops that the table shipped with rockpool has (its
drops at 96, 160, 192 and 224 follow, and are tested). The current that a bias uses is that table's, times a factor of
its own transistor, which rises towards small currents:

    I = factor(I_table) I_table,    I_table = floor + (I_max - floor) cells(fine) / cells(255)

Left out: the spread between the cells of one range of one chip, and the temperature (values are those at 25 degC).
"""

from dataclasses import dataclass

import numpy as np

N_FINE = 256
N_DROPS = 3  # the largest cells: 32, 64, 128


@dataclass(frozen=True)
class TableGenerator:
    """Generator of one bias of DYNAP-SE2.

    Parameters
    ----------
    I_max : tuple of float
        Table current of the last code of each coarse range [A], before the factor.
    floor : float
        Table current of fine code 0 [A].
    drops : tuple of (float, float, float)
        Relative drop of the current at fine 32, 64 and 128, one triple a coarse range.
    factor : tuple of (float, float)
        Table current [A], rising, and the factor there; between them a power law, beyond them constant.
    """

    I_max: tuple[float, ...]
    floor: float
    drops: tuple[tuple[float, float, float], ...]
    factor: tuple[tuple[float, float], ...]
    n_fine: int = N_FINE


def fine_cells(drops: tuple[float, float, float]) -> np.ndarray:
    """Sum of the cells that each fine code switches on, (fine,) in units of the smallest.

    Examples
    --------
    >>> cells = fine_cells((0.03, 0.05, 0.05))
    >>> float(cells[31]), round(float(cells[32]), 2)
    (31.0, 30.07)
    """
    fine = np.arange(N_FINE)
    total = (fine & 31).astype(float)
    largest = 31.0
    for bit, drop in enumerate(drops, start=5):
        cell = largest * (1 - drop)
        total += (fine >> bit & 1) * cell
        largest += cell
    return total


def table_currents(generator: TableGenerator) -> np.ndarray:
    """Nominal current of every code of a bias, (coarse, fine) [A]."""
    currents = np.empty((len(generator.I_max), generator.n_fine))
    for row, top, drops in zip(currents, generator.I_max, generator.drops, strict=True):
        cells = fine_cells(drops)
        row[:] = generator.floor + (top - generator.floor) * cells / cells[-1]
    return currents * factors(generator, currents)


def factors(generator: TableGenerator, table_current: np.ndarray) -> np.ndarray:
    """Factor of the bias's transistor at some table currents [A]: linear in ln(factor) against ln(current)."""
    at, factor = np.log(generator.factor).T
    return np.exp(np.interp(np.log(table_current), at, factor))
