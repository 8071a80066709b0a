"""Latches of a mapped network: what its populations and projections ask for, checked against what the device has."""

from chipemu.device_latches import NEURON_LATCHES, SYNAPSE_LATCHES
from chipemu.errors import InputError

DENDRITES = ("ampa", "nmda")
"""Receptors with a dendrite, by their place in the fields of two."""


def check_latches(network, device) -> None:
    """Refuse a latch that the device does not list.

    Raises
    ------
    InputError
        With the population or projection, the latch and the file.
    """
    asked = [(f"population {p.name!r}", p.latches or ()) for p in network.populations]
    asked += [(f"projection {p.name!r}", p.latches) for p in network.projections]
    for item, latches in asked:
        for latch in latches:
            if latch not in device.latches:
                listed = ", ".join(device.latches) or "none"
                raise InputError(
                    f"{item} sets latch {latch!r}; {device.name} has {listed} ({device.path}, latches). "
                    "Leave it out, or take a device that lists it"
                )


def neuron_latches(population, device) -> frozenset[str]:
    """Latches that are set in the neurons of a population: those it asks for, or the device's defaults."""
    if population.latches is not None:
        return frozenset(population.latches)
    return frozenset(name for name, latch in device.latches.items() if latch.default and name in NEURON_LATCHES)


def synapse_latches(projection, device) -> frozenset[str]:
    """Latches that are set in the synapses of a projection: those it asks for, and the device's defaults."""
    default = {name for name, latch in device.latches.items() if latch.default and name in SYNAPSE_LATCHES}
    return frozenset(default.union(projection.latches))
