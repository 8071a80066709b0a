"""Silencing neurons by the second leak register: a leak so large that nothing lifts them to their threshold.

DYNAP-SE1 has two leak registers a core and lets every neuron choose; laboratories give bad neurons the second one
(ctxctl-docs). A silenced neuron keeps its words and its place, and does not spike.
"""

from dataclasses import replace

import numpy as np

from chipemu.emulator import Emulator
from chipemu.errors import InputError
from chipemu.ledger import Ledger
from chipemu.parameters import generate
from chipemu.stimulus import regular
from chipemu.units import show

SILENT_LEAK = 1e-9  # A, ten times the largest positive feedback: the soma cannot outrun it
LISTENING = 1.0  # s


def silence(emulator: Emulator, chosen: np.ndarray, *, leak: float = SILENT_LEAK) -> None:
    """Give some neurons of every die the second leak register, and that register a large current.

    Parameters
    ----------
    emulator
        Dies whose design has the register.
    chosen : (chip, neuron) bool
        Neurons in order of the network.
    leak
        Current of the register [A].

    Raises
    ------
    InputError
        If ``chosen`` has another shape, the device has no second leak register, or a core uses it for another leak.

    Examples
    --------
    >>> import numpy as np
    >>> from chipemu import Network, load_device, map_network, sample_chip
    >>> device, net = load_device("dynapse1"), Network("cells")
    >>> _ = net.population("cells", 4, point="output")
    >>> emulator = Emulator([sample_chip(device, 1, without=["mismatch"])], map_network(net, device))
    >>> silence(emulator, np.array([[True, False, False, False]]))
    >>> [bool(count > 0) for count in np.bincount(emulator.run([], 1.0).spike_neuron, minlength=4)]
    [False, True, True, True]
    """
    mapped, setting = emulator.mapped, emulator.setting
    chosen = np.asarray(chosen, bool)
    shape = (len(emulator.chips), mapped.n_neurons)
    if chosen.shape != shape:
        raise InputError(
            f"neurons to silence have shape {chosen.shape}; give one flag for each die and neuron, {shape}"
        )
    register = _register(emulator)
    second = np.zeros((len(emulator.chips), mapped.device.chip.n_cores, mapped.device.chip.n_neurons_per_core), bool)
    if setting.second_leak is not None:
        second |= setting.second_leak
    die, neuron = np.nonzero(chosen)
    core = mapped.address[neuron, 0]
    codes, currents = setting.codes.copy(), setting.currents.copy()
    for c, k in {(int(c), int(k)) for c, k in zip(die, core, strict=True)}:
        if second[c, k].any() and currents[c, k, register] < leak / 2:
            raise InputError(
                f"core {k} of die {emulator.chips[c].seed} uses leak register 2 for neurons that are to spike, at "
                f"{show(float(currents[c, k, register]), 'A')}; calibrate without the choice of leaks to silence there"
            )
        codes[c, k, register], currents[c, k, register] = generate(emulator.chips[c], setting.names[register], leak)
    second[die, core, mapped.address[neuron, 1]] = True
    emulator.set_biases(replace(setting, codes=codes, currents=currents, second_leak=second))


def silence_hot(emulator: Emulator, above: float, *, duration: float = LISTENING) -> np.ndarray:
    """Play silence, and silence the neurons that fire by themselves: a laboratory's procedure.

    Parameters
    ----------
    emulator
        Calibrated dies.
    above
        Rate above which a neuron counts as hot [Hz]; the mean over the noise seeds of a die.
    duration
        For which silence is played [s].

    Returns
    -------
    (chip, neuron) bool
        Neurons that were silenced; the ledger counts them and the time.
    """
    if not above >= 0:
        raise InputError(f"neurons above {above} Hz to silence; allowed 0 Hz and above")
    none = regular(np.zeros((emulator.n_runs, emulator.mapped.n_sources)), duration, emulator.dt)
    count = emulator.advance(none, duration).count
    n_seeds = len(emulator.noise_seeds)
    hot = count.reshape(len(emulator.chips), n_seeds, -1).mean(1) / duration > above
    if hot.any():
        silence(emulator, hot)
    emulator.ledger += Ledger(silenced_neurons=np.repeat(hot.sum(1), n_seeds))
    return hot


def _register(emulator: Emulator) -> int:
    device = emulator.mapped.device
    names = [name for name in emulator.setting.names if device.biases[name].parameter == "I_tau2"]
    if not names:
        raise InputError(
            f"{device.name} ({device.path}) has no second leak register (parameter I_tau2), which silencing needs"
        )
    return emulator.setting.index(names[0])
