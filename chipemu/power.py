"""Energy, power and latency: what a spike costs on its way from the neuron to the synapses it reaches.

Moradi et al. 2018 (IEEE TBioCAS 12:106), energy and time of each operation of a DYNAP-SE; the figures stand in the
device file and are unverified. On a board every hop to another chip adds its energy. Not modelled: power of the bias
generators by itself (it is held in the static figure), waiting behind other events, the update of a plastic synapse,
and the host.
"""

from __future__ import annotations

import warnings

import numpy as np

from chipemu.device import DeviceSpec, Energy


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


def static_power(device: DeviceSpec) -> float:
    """Power of a chip, or a board, on which nothing spikes [W], all cores counted; NaN if its file does not say.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> round(1e6 * static_power(load_device("dynapse1")), 1)
    54.8
    """
    power = device.power
    chip = device.chip
    return np.nan if power is None else chip.n_chips * power.static_chip + chip.n_cores * power.static_core


def event_latency(device: DeviceSpec, n_hops: int = 0) -> float:
    """Time from a spike to the pulses of its synapses when nothing else is under way [s]; NaN if the file does not say.

    A hop to each chip on the way, and one broadcast; cores of a chip are reached at the same time.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> event_latency(load_device("dynapse1")), event_latency(load_device("dynapse1"), n_hops=2)
    (2.7e-08, 5.78e-08)
    """
    power = device.power
    return np.nan if power is None else power.broadcast_time + n_hops * power.hop_time


def hop_energy(device: DeviceSpec, n_hops: int | np.ndarray) -> float | np.ndarray:
    """Energy of carrying an event over some chips [J], beside that of :func:`event_energy`; NaN if nobody knows."""
    return n_hops * (np.nan if device.power is None else device.power.hop)


def warn_if_busy(device: DeviceSpec, n_events: np.ndarray, duration: float) -> None:
    """Warn if a core was sent more events in some time than it takes; they would wait or be lost, and are not here.

    Parameters
    ----------
    device
        Whose limit holds.
    n_events : (run, core)
        Events broadcast in each core.
    duration
        [s]
    """
    if device.power is None or n_events.size == 0:
        return
    rate, limit = float(n_events.max()) / duration, device.power.event_rate
    if rate > limit:
        core = int(np.unravel_index(n_events.argmax(), n_events.shape)[1])
        warnings.warn(
            f"core {core} is sent {rate:.3g} events/s; {device.name} takes {limit:.3g} ({device.path}, "
            "power.event_rate). The rest would wait or be lost on a chip and is delivered here",
            stacklevel=3,
        )
