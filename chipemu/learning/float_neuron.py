"""Constants of a float neuron, read from a nominal die: what `chipemu.float_network` needs to mean the same.

Membrane, rheobase and dead time are fitted to the rate of the die's soma under constant currents, which is an integral
over its membrane (the equation of `chipemu.kernels.soma` without noise and adaptation),

    1 / rate = t_ref + integral from reset to threshold of (C U_T / kappa) dy / net(y),

so that no spike has to be counted.
"""

from collections.abc import Iterable

import numpy as np

from chipemu.chip import sample_chip
from chipemu.float_network import FloatNeuron
from chipemu.kernels import layout as at
from chipemu.learning.hidden import word_per_code
from chipemu.mapping import MappedNetwork
from chipemu.parameters import core_temperature, load_points, neuron_currents, neuron_fields, point_setting
from chipemu.units import MS, PA

_DRIVES = np.array([1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0])  # in units of the rheobase
_N_GRID = 4001  # of ln(I_mem)


def nominal_fields(mapped: MappedNetwork, dt: float, without: Iterable[str] = ()) -> dict[int, np.ndarray]:
    """Kernel parameters of every neuron on a die that is as designed, at the codes that its operating points ask for.

    Parameters
    ----------
    mapped : network with its operating points
    dt : time step of the decays [s]
    without : effects that are off; ``bias_quantisation`` gives exact currents
    """
    exact = ["bias_quantisation"] if "bias_quantisation" in without or "quantisation" in without else []
    chip = sample_chip(mapped.device, 0, without=["mismatch", "noise", "dead", *exact])
    points = load_points(mapped)
    setting = point_setting(mapped, [chip], points)
    flowing = neuron_currents(chip, setting, 0, mapped.address, core_temperature(mapped, points))
    fields = neuron_fields(chip, mapped, points, setting, 0, flowing, dt)
    return {field: np.broadcast_to(values, len(mapped.address)) for field, values in fields.items()}


def float_neuron(mapped: MappedNetwork, population: str, dt: float, without: Iterable[str] = ()) -> FloatNeuron:
    """Constants of a population's neurons on a nominal die.

    Parameters
    ----------
    mapped : network with trained synapses and its operating points
    population : its neurons are all alike
    dt : time step of the die [s]
    without : effects that are off, see :func:`nominal_fields`

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network
    >>> device, net = load_device("dynapse1-plastic"), Network("one")
    >>> cells = net.population("cells", 1, point="hidden")
    >>> neuron = float_neuron(map_network(net, device), "cells", 5e-4)
    >>> round(neuron.rheobase * 1e12), round(neuron.tau_syn * 1e3)
    (216, 30)
    """
    lane = mapped.neuron_slice(population).start
    field = {name: float(values[lane]) for name, values in nominal_fields(mapped, dt, without).items()}
    # ms; pA, and pA ms
    step = dt * MS
    tau, rheobase, dead_time = _fitted(field, field[at.T_REF] * step, step / field[at.STEP_PER_CHARGE])
    receptor = at.DECAY  # of AMPA, which GABA_B equals at the points of trained weights
    return FloatNeuron(
        tau=tau / MS,
        rheobase=rheobase / PA,
        dead_time=dead_time / MS,
        tau_syn=float(-dt / np.log(field[receptor])),
        step_current=field[at.CHARGE] * word_per_code(mapped.device) / PA,
        dc=field[at.I_DC] / PA,
        adaptation=field[at.AHP_JUMP] / field[at.I_TAU],
        tau_adaptation=float(-dt / np.log(field[at.AHP_DECAY])),
    )


def _fitted(field: dict[int, float], dead: float, charge: float) -> tuple[float, float, float]:
    """Time constant [ms], rheobase [pA] and dead time [ms] of the leaky neuron that fires most alike."""
    from scipy.optimize import least_squares

    y = np.linspace(field[at.Y_RESET], field[at.Y_THR], _N_GRID)
    i_mem = np.exp(y)
    feedback = field[at.FB_GAIN] / (1 + np.exp(-(i_mem - field[at.FB_TH]) * field[at.FB_INV_NORM]))
    passed = field[at.I_GAIN] / (field[at.I_GAIN] + i_mem)
    rheobase = float(np.max((field[at.I_TAU] - feedback) / passed))
    drive = rheobase * _DRIVES
    net = drive[:, None] * passed + feedback - field[at.I_TAU]
    period = dead + np.trapezoid(charge / net, y, axis=1)

    def off(guess):
        ratio = drive / (rheobase * guess[2])
        return np.log((guess[1] + guess[0] * np.log(ratio / np.maximum(ratio - 1, 1e-9))) / period)

    tau, dead, factor = least_squares(off, [charge / field[at.I_TAU], dead, 1.0], x_scale=[10, 1, 0.1]).x
    return tau, factor * rheobase, dead
