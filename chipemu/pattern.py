"""How mismatch lies on a die: a slope across it, what neighbours have in common, and outliers.

Draws are standard normals keyed by (die seed, place, parameter), like all mismatch. The neurons of a core fill a square
row by row, and so do the cores of a die.
"""

import numpy as np
from scipy.special import ndtri

from chipemu.addresses import die_addresses, every_place
from chipemu.kernels.layout import STREAM_CORRELATED, STREAM_GRADIENT, STREAM_OUTLIER
from chipemu.mismatch import normals

_REACH = 3.0  # correlation lengths at which the weight of a neighbour is cut off, at 1e-4


def places(n_cores: int, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of every neuron on the die, each (core, neuron) from -1/2 at one edge to 1/2 at the other."""
    across, side = int(np.ceil(np.sqrt(n_cores))), int(np.ceil(np.sqrt(n_neurons)))
    core_row, core_column = np.divmod(np.arange(n_cores), across)
    row, column = np.divmod(np.arange(n_neurons), side)
    last = max(across * side - 1, 1)
    x = (core_column[:, None] * side + column) / last - 0.5
    y = (core_row[:, None] * side + row) / last - 0.5
    return x, y


def slope(seed: int, n_cores: int, n_neurons: int, n_chips: int = 1) -> np.ndarray:
    """Linear pattern of unit standard deviation along each axis, (core, neuron): every direction is equally likely.

    The cores may be those of several chips, each with a direction of its own.
    """
    x, y = places(n_cores // n_chips, n_neurons)
    along_x, along_y = (normals(seed, die_addresses(n_chips), STREAM_GRADIENT, axis)[:, None, None] for axis in (0, 1))
    return (along_x * x + along_y * y).reshape(n_cores, n_neurons)


def correlated(seed: int, n_cores: int, n_neurons: int, index: int, length: float) -> np.ndarray:
    """Standard normals with correlation exp(-d^2 / (2 length^2)) at distance d [neurons] in a core, (core, neuron).

    White noise on a square wider than the core, weighted by exp(-d^2 / length^2) along rows and then columns, whose
    autocorrelation is the Gaussian asked for. Sums run in a fixed order. Different cores are independent.
    """
    side = int(np.ceil(np.sqrt(n_neurons)))
    margin = int(np.ceil(_REACH * length))
    wide = side + 2 * margin
    offset = np.arange(-margin, margin + 1)
    weight = np.exp(-((offset / length) ** 2))
    weight /= np.sqrt((weight**2).sum())
    field = normals(seed, every_place(n_cores, wide * wide), STREAM_CORRELATED, index).reshape(n_cores, wide, wide)
    field = sum(w * field[:, :, k : k + side] for k, w in enumerate(weight))
    field = sum(w * field[:, k : k + side] for k, w in enumerate(weight))
    return field.reshape(n_cores, -1)[:, :n_neurons]


def outliers(seed: int, address: np.ndarray, index: int, share: float) -> np.ndarray:
    """Standard normals at a random share of the addresses, 0 at the others: the tail of a contaminated normal.

    Tukey 1960, "A survey of sampling from contaminated distributions": most values from one normal, few from a wider.
    """
    chosen = np.abs(normals(seed, address, STREAM_OUTLIER, 2 * index)) > ndtri(1 - share / 2)
    return np.where(chosen, normals(seed, address, STREAM_OUTLIER, 2 * index + 1), 0.0)
