"""One imperfect die: what the foundry made of a device description."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS, Switches, switches
from chipemu.errors import InputError
from chipemu.kernels.layout import STREAM_SLOT
from chipemu.mismatch import core_factors, neuron_factors, normals
from chipemu.units import show

ROOM = 298.15  # K


@dataclass(frozen=True, eq=False)
class Chip:
    """One die, ready to be calibrated and used.

    Attributes
    ----------
    device : DeviceSpec
    seed : int
        Die seed.
    temperature : float
        Of the whole die [K].
    applied : Switches
        Which effects act, and how strongly.
    neuron_factor : dict of (core, neuron) arrays
        Within-core mismatch of each parameter, a factor with median 1.
    core_factor : dict of (core,) arrays
        Factor on each bias from its core's and its die's generator, median 1.
    """

    device: DeviceSpec
    seed: int
    temperature: float
    applied: Switches
    neuron_factor: Mapping[str, np.ndarray]
    core_factor: Mapping[str, np.ndarray]

    def slot_factor(self, address: np.ndarray) -> np.ndarray:
        """Pulse factor of every CAM slot of some neurons; ``address`` is (n, 2) core, neuron; returns (n, slot)."""
        sigma = self.device.mismatch.slot * self.applied.scale("mismatch_slot")
        return self._per_slot(address, 0, self.device.chip.n_cam_words, sigma)

    def plastic_factor(self, address: np.ndarray, what: str) -> np.ndarray:
        """Factor of every plastic synapse of some neurons on its ``"pulse"`` or its ``"step"`` rate, (n, slot)."""
        plastic, n_cam = self.device.plastic, self.device.chip.n_cam_words
        sigma = self.device.mismatch.slot if what == "pulse" else plastic.step_mismatch
        first = n_cam if what == "pulse" else n_cam + plastic.n_words
        return self._per_slot(address, first, plastic.n_words, sigma * self.applied.scale("mismatch_slot"))

    def _per_slot(self, address: np.ndarray, first: int, n_slots: int, sigma: float) -> np.ndarray:
        place = (address[:, 0].astype(np.uint32) << 16) | address[:, 1].astype(np.uint32)
        factor = np.empty((len(place), n_slots))
        for slot in range(n_slots):
            factor[:, slot] = np.exp(sigma * normals(self.seed, place, STREAM_SLOT, first + slot))
        return factor

    def __str__(self) -> str:
        lines = [
            f"die {self.seed} of {self.device.name} at {show(self.temperature, 'K')}",
            "  effect                  scale  unit",
        ]
        for name, effect in EFFECTS.items():
            state = f"{self.applied.scale(name):g}" if self.applied.on(name) else "off"
            lines.append(f"  {name:<23} {state:>5}  {effect.unit:<10} {effect.summary}")
        return "\n".join(lines)


def sample_chip(
    device: DeviceSpec,
    seed: int,
    *,
    without: Iterable[str] = (),
    scale: Mapping[str, float] | None = None,
    temperature: float = ROOM,
) -> Chip:
    """Draw one die of a device.

    Parameters
    ----------
    device
        What to draw from.
    seed
        Die seed, 0 to 2^63 - 1.
    without
        Effects or groups to switch off, e.g. ``["noise"]``.
    scale
        Factor on the standard deviation of effects or groups, e.g. ``{"mismatch": 2}``.
    temperature
        Of the die [K].

    Returns
    -------
    Chip

    Raises
    ------
    InputError
        If the seed, temperature, or a scale is out of range.
    UnknownNameError
        If an effect does not exist.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> chip = sample_chip(load_device("dynapse1"), seed=1)
    >>> chip.neuron_factor["I_tau"].shape
    (4, 256)
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"die seed {seed} is out of range; allowed 0 to 2^63 - 1")
    if not 200 <= temperature <= 450:
        raise InputError(f"die temperature {show(temperature, 'K')} is out of range; allowed 200 K to 450 K")
    applied = switches(without, scale)
    return Chip(
        device,
        seed,
        temperature,
        applied,
        neuron_factors(device, seed, applied),
        core_factors(device, seed, applied),
    )
