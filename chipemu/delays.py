"""Delays of single connections, on devices whose synapses have latches for them.

Every synapse has the base delay, and by its latches the precise one, the mismatched one, or both.  The curves of the
chip are not published; an element is modelled as the pulse extender is, a current that charges a capacitor to a
threshold, and the mismatched one with a wide lognormal spread from synapse to synapse:

    t = V_th C_delay / I,        t_mismatched = t exp(spread z).

A bias at the floor of its generator leaves its element open: working settings of the chip put the base delay there.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.addresses import packed
from chipemu.bias import span
from chipemu.chip import Chip
from chipemu.errors import InputError
from chipemu.kernels.layout import LANES, N_RECEPTORS, STREAM_DELAY
from chipemu.kernels.transit import Transit
from chipemu.mapping import MappedNetwork
from chipemu.mapping.latches import synapse_latches
from chipemu.mismatch import normals
from chipemu.network import RECEPTORS
from chipemu.parameters import BiasSetting
from chipemu.units import show

_ELEMENT = {"precise_delay": "I_delay_precise", "mismatched_delay": "I_delay_mismatched"}


def connection_delays(
    mapped: MappedNetwork,
    edge: np.ndarray,
    chips: Sequence[Chip],
    setting: BiasSetting,
    flowing: Sequence[Mapping[str, np.ndarray]],
) -> np.ndarray:
    """Delay of every connection on every die [s], (chip, connection).

    Parameters
    ----------
    edge : edge behind each connection
    flowing : (neuron,) currents of every die [A]

    Raises
    ------
    InputError
        If a delay is longer than the device allows.
    """
    delays = np.zeros((len(chips), len(edge)))
    post = mapped.edges.post[edge]
    for c, (chip, current) in enumerate(zip(chips, flowing, strict=True)):
        delays[c] = _time(chip, setting, c, mapped, current, "I_delay")[post]
        for latch, parameter in _ELEMENT.items():
            if latch in mapped.device.latches:
                chosen = _set_in(mapped, latch)[mapped.edges.projection[edge]]
                spread = _spread(mapped, edge[chosen], chip) if latch == "mismatched_delay" else 1.0
                delays[c, chosen] += _time(chip, setting, c, mapped, current, parameter)[post[chosen]] * spread
    _refuse_longer(mapped, edge, delays)
    return delays


def deepened(transit: Transit, step: np.ndarray, depth: int, n_blocks: int) -> Transit:
    """The same pulses on their way in a ring of at least ``depth`` rows; ``step`` is (run,) chip time."""
    before = transit.pulse.shape[1]
    if depth <= before:
        return transit
    n_runs, dtype = len(transit.pulse), transit.pulse.dtype
    pulse = np.zeros((n_runs, depth, n_blocks * N_RECEPTORS * LANES), dtype)
    touched = np.zeros((n_runs, depth, n_blocks * N_RECEPTORS), np.uint8)
    for run in range(n_runs if before > 1 else 0):
        due = step[run] + np.arange(before)
        pulse[run, due % depth] = transit.pulse[run, due % before]
        touched[run, due % depth] = transit.touched[run, due % before]
    return transit._replace(pulse=pulse, touched=touched)


def _set_in(mapped: MappedNetwork, latch: str) -> np.ndarray:
    """Projections whose synapses have a latch set, (projection,) bool."""
    return np.array([latch in synapse_latches(p, mapped.device) for p in mapped.network.projections], bool)


def _time(chip: Chip, setting: BiasSetting, c: int, mapped: MappedNetwork, current, parameter: str) -> np.ndarray:
    """Delay of one element in the synapses of every neuron [s]."""
    device, flows = chip.device, current[parameter]
    name = device.register(parameter)
    floor = span(device.generators[name])[0] if name in device.generators else 0.0
    closed = setting.currents[c, :, setting.index(name)] > max(floor, device.circuit["I0"])
    charge = device.circuit["V_th"] * device.delays.C_delay
    return np.divide(charge, flows, out=np.zeros_like(flows), where=closed[mapped.address[:, 0]])


def _spread(mapped: MappedNetwork, edge: np.ndarray, chip: Chip) -> np.ndarray:
    """Factor of each mismatched synapse, keyed by die, receiver, tag it listens to, and receptor."""
    edges = mapped.edges
    address = packed(mapped.address[edges.post[edge]])
    index = mapped.sender_tag[edges.pre[edge]].astype(np.int64) * len(RECEPTORS) + edges.receptor[edge]
    normal = np.empty(len(edge))
    for one in np.unique(index):
        same = index == one
        normal[same] = normals(chip.seed, address[same], STREAM_DELAY, int(one))
    return np.exp(chip.device.delays.spread * normal)


def _refuse_longer(mapped: MappedNetwork, edge: np.ndarray, delays: np.ndarray) -> None:
    longest, device = float(delays.max(initial=0.0)), mapped.device
    if longest > device.delays.longest:
        worst = int(np.unravel_index(np.argmax(delays), delays.shape)[1])
        name = mapped.network.projections[mapped.edges.projection[edge[worst]]].name
        raise InputError(
            f"a synapse of projection {name!r} delays its pulses by {show(longest, 's')}; allowed "
            f"{show(device.delays.longest, 's')} ({device.path}, delays.longest). Raise the bias of its delay"
        )
