"""Energy of events: what a spike costs on its way from the neuron to the synapses it reaches.

Moradi et al. 2018 (IEEE TBioCAS 12:106), the energy of each operation of a DYNAP-SE; the figures stand in the device
file and are unverified.  Not modelled: the static power of neurons and bias generators, the mesh between chips, the
update of a plastic synapse, and the host.
"""

from __future__ import annotations

import numpy as np

from chipemu.device import Energy


def event_energy(
    energy: Energy, n_destinations: np.ndarray, n_cores: np.ndarray, n_pulses: np.ndarray, from_neuron: np.ndarray
) -> np.ndarray:
    """Energy that one event of each sender costs.

        E = [generate + encode n_destinations] + route (n_cores - 1) + broadcast n_cores + pulse n_pulses

    where the bracket is paid by neurons only: an event from outside was generated elsewhere.

    Parameters
    ----------
    energy : Energy
        Cost of each operation [J].
    n_destinations : ndarray of int, (sender,)
        Routing (SRAM) words of each sender.
    n_cores : ndarray of int, (sender,)
        Cores its events are broadcast in.
    n_pulses : ndarray of int, (run, sender)
        Synapses, CAM words or plastic ones, that its events fire.
    from_neuron : ndarray of bool, (sender,)
        Whether the sender is a neuron of the chip.

    Returns
    -------
    ndarray, (run, sender)
        Energy of one event [J].

    Examples
    --------
    >>> one = Energy(generate=1.0, encode=1.0, route=1.0, broadcast=10.0, pulse=0.1)
    >>> event_energy(one, np.array([1, 0]), np.array([2, 1]), np.array([[5, 5]]), np.array([True, False]))
    array([[23.5, 10.5]])
    """
    made = np.where(from_neuron, energy.generate + energy.encode * n_destinations, 0.0)
    carried = energy.route * np.maximum(n_cores - 1, 0) + energy.broadcast * n_cores
    return made + carried + energy.pulse * n_pulses
