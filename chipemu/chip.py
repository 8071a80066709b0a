"""One imperfect die: what the foundry made of a device description.

Every factor is drawn from a counter-based generator keyed by (die seed, place, parameter), so a neuron's mismatch
depends on nothing else: not on the network, the batch or the order of drawing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS, Switches, switches
from chipemu.errors import InputError
from chipemu.kernels.layout import STREAM_MISMATCH, STREAM_SLOT
from chipemu.kernels.random import fill_normals
from chipemu.units import show

# Position is the address of a parameter's draw: append, never reorder.
PARAMETERS = (
    "I_tau", "I_tau2", "I_gain", "I_ref", "I_dc", "I_nmda_thr", "I_ahp_tau", "I_ahp_gain", "I_ahp_w",
    "I_tau_ampa", "I_tau_nmda", "I_tau_gaba_a", "I_tau_gaba_b",
    "I_gain_ampa", "I_gain_nmda", "I_gain_gaba_a", "I_gain_gaba_b",
    "I_w_ampa", "I_w_nmda", "I_w_gaba_a", "I_w_gaba_b",
    "I_pulse", "I_spkthr", "I_fb_gain", "I_fb_th",
)  # fmt: skip
_WHOLE_CORE = 0xFFFF  # neuron part of an address that means the core itself
_WHOLE_DIE = 0xFFFFFFFF
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
            factor[:, slot] = np.exp(sigma * _normals(self.seed, place, STREAM_SLOT, first + slot))
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


def _normals(seed: int, address: np.ndarray, stream: int, index: int) -> np.ndarray:
    out = np.empty(address.size)
    fill_normals(address.astype(np.uint32), stream, index, seed & 0xFFFFFFFF, seed >> 32, out)
    return out


def sample_factors(seed: int, address: np.ndarray, parameter: str, sigma: float) -> np.ndarray:
    """Lognormal factors exp(sigma z) with median 1 for neurons at ``address`` (core * 65536 + neuron).

    The coefficient of variation is sqrt(exp(sigma^2) - 1).
    """
    return np.exp(sigma * _normals(seed, address, STREAM_MISMATCH, PARAMETERS.index(parameter)))


def _core_factors(device: DeviceSpec, seed: int, applied: Switches) -> dict[str, np.ndarray]:
    cores = (np.arange(device.chip.n_cores, dtype=np.uint32) << 16) | _WHOLE_CORE
    die = np.array([_WHOLE_DIE], np.uint32)
    factors = {}
    for name, bias in device.biases.items():
        if bias.parameter is None:
            continue
        index = PARAMETERS.index(bias.parameter)
        between_cores = device.mismatch.between_cores.get(name, 0.0) * applied.scale("mismatch_between_cores")
        between_dies = device.mismatch.between_dies.get(name, 0.0) * applied.scale("mismatch_between_dies")
        factors[name] = np.exp(
            between_cores * _normals(seed, cores, STREAM_MISMATCH, index)
            + between_dies * _normals(seed, die, STREAM_MISMATCH, index)
        )
    return factors


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
    n_cores, n_neurons = device.chip.n_cores, device.chip.n_neurons_per_core
    address = ((np.arange(n_cores, dtype=np.uint32) << 16)[:, None] | np.arange(n_neurons, dtype=np.uint32)).reshape(-1)
    neuron_factor = {}
    for parameter in PARAMETERS:
        sigma = device.mismatch.within_core.get(parameter, 0.0) * applied.scale("mismatch_within_core")
        neuron_factor[parameter] = sample_factors(seed, address, parameter, sigma).reshape(n_cores, n_neurons)
    return Chip(device, seed, temperature, applied, neuron_factor, _core_factors(device, seed, applied))
