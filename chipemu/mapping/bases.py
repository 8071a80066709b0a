"""Base currents of every neuron as the operating points of the cores ask for them."""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.errors import InputError
from chipemu.parameter_names import BASES


def neuron_bases(device, points: Mapping, core_point: Sequence[str | None], address: np.ndarray) -> np.ndarray:
    """Base currents of each neuron's core, in units of its base current 0.

    Parameters
    ----------
    device : DeviceSpec
        With weights of kind ``"masks"``.
    points : mapping
        Operating points by name.
    core_point : (n_cores,) sequence of str or None
        Name of each core's point.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron.

    Returns
    -------
    (n_neurons, 4) float

    Raises
    ------
    InputError
        A point sets base current 0, the unit of weights, to 0 A.
    """
    registers = [device.register(name) for name in BASES]
    table = np.ones((len(core_point), len(BASES)))
    for core, name in enumerate(core_point):
        if name is None:
            continue
        table[core] = [points[name].biases[register] for register in registers]
        if table[core, 0] <= 0:
            raise InputError(
                f"operating point {name!r} sets {registers[0]} to 0 A ({points[name].path}), and it is the unit of "
                "weights; give it a current"
            )
        table[core] /= table[core, 0]
    return table[address[:, 0]]
