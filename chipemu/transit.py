"""What happens to events on their way, from the device file and the switches of each die."""

from collections.abc import Sequence

import numpy as np

from chipemu.chip import Chip
from chipemu.kernels.die import Wiring
from chipemu.kernels.layout import LANES, N_RECEPTORS
from chipemu.kernels.transit import LONGEST, Transit
from chipemu.mapping import MappedNetwork
from chipemu.wiring import Lanes

_INPUT = 0x80000000  # bit of an address that tells a virtual source from a neuron


def sender_addresses(mapped: MappedNetwork, lanes: Lanes) -> np.ndarray:
    """Address of every sender's draws, (sender,) uint32: inputs by first core reached and tag, then lanes."""
    first = mapped.reach.first(mapped.n_sources).astype(np.uint32)
    inputs = np.uint32(_INPUT) | first << np.uint32(16) ^ mapped.source_tag.astype(np.uint32)
    return np.concatenate([inputs, lanes.address])


def build_transit(
    mapped: MappedNetwork, lanes: Lanes, chips: Sequence[Chip], n_seeds: int, wiring: Wiring, dt: float, dtype: type
) -> Transit:
    """Nothing on its way yet; the rings are as deep as the longest delay that can occur.

    Parameters
    ----------
    wiring : connections, whose ``delay`` holds the delays of delayed ones
    dt : time step [s]
    dtype : of the state
    """
    noise = mapped.device.noise
    loss = np.repeat([noise.event_loss * chip.applied.scale("event_loss") for chip in chips], n_seeds)
    jitter = np.repeat([noise.event_jitter / dt * chip.applied.scale("event_jitter") for chip in chips], n_seeds)
    address = sender_addresses(mapped, lanes)
    depth = int(1 + LONGEST * jitter.max()) + 1 if loss.any() or jitter.any() else 1
    late = int(wiring.delay.max(initial=0)) + 1
    n_runs, n_blocks = len(loss), lanes.n_lanes // LANES
    return Transit(
        address=address,
        loss=loss,
        jitter=jitter,
        held=np.zeros((n_runs, depth, len(address) if depth > 1 else 0), np.uint16),
        n_held=np.zeros((n_runs, depth), np.int64),
        pulse=np.zeros((n_runs, late, n_blocks * N_RECEPTORS * LANES if late > 1 else 0), dtype),
        touched=np.zeros((n_runs, late, n_blocks * N_RECEPTORS if late > 1 else 0), np.uint8),
    )


def clear(transit: Transit) -> None:
    """Forget everything that is on its way."""
    for ring in (transit.held, transit.n_held, transit.pulse, transit.touched):
        ring[:] = 0
