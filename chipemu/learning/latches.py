"""Latches of an experiment: beside what the device sets by itself, in the output neurons and their trained synapses."""

from collections.abc import Sequence
from dataclasses import dataclass

from chipemu.device import DeviceSpec
from chipemu.device_latches import LATCHES, NEURON_LATCHES
from chipemu.errors import InputError, UnknownNameError
from chipemu.projection import DELAYS


@dataclass(frozen=True)
class Latched:
    """Options of the output neurons and of their trained synapses, see `Network.population` and `Network.project`."""

    neurons: tuple[str, ...] | None = None
    stp: bool = False
    delay: str | None = None


def choose(names: Sequence[str], device: DeviceSpec) -> Latched:
    """What an experiment sets, from the names of latches that a device has.

    Raises
    ------
    UnknownNameError
        If a name is no latch.
    InputError
        If the device does not list it.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> choose((), load_device("dynapse1"))
    Latched(neurons=None, stp=False, delay=None)
    """
    for name in names:
        if name not in LATCHES:
            raise UnknownNameError("latch", name, LATCHES)
        if name not in device.latches:
            listed = ", ".join(device.latches) or "none"
            raise InputError(f"latch {name!r} cannot be set; {device.name} has {listed} ({device.path}, latches)")
    if not names:
        return Latched()
    own = {name for name, latch in device.latches.items() if latch.default}
    bits = {"precise_delay", "mismatched_delay"}.intersection(names)
    delay = next((word for word, needed in DELAYS.items() if set(needed) == bits), None)
    neurons = tuple(name for name in NEURON_LATCHES if name in own.union(names))
    return Latched(neurons, "stp" in names, delay)
