"""One imperfect die: what the foundry made of a device description, at its temperature and age.

Effects act in one order, whatever the order in which the verbs are called: a code asks for a current (quantisation);
temperature changes it, then age; it is held above the leakage floor; last, the mismatch of the die multiplies it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from chipemu.ageing import wander
from chipemu.bias import span
from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS, Switches, switches
from chipemu.errors import InputError
from chipemu.kernels.layout import STREAM_AGEING, STREAM_SLOT
from chipemu.mismatch import core_addresses, core_factors, neuron_factors, normals, parameter_index
from chipemu.temperature import ROOM, bias_ratio, leakage_ratio
from chipemu.units import in_si, show

OLDEST = 100 * 365.25 * 86400.0  # s


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
    elapsed : float
        Time since the die was made [s].
    wandered : dict of (core,) arrays
        ln(current) by which each bias has drifted since; a bias that is missing has not.
    n_waits : int
        How often time was let pass: the address of the next draw.
    """

    device: DeviceSpec
    seed: int
    temperature: float
    applied: Switches
    neuron_factor: Mapping[str, np.ndarray]
    core_factor: Mapping[str, np.ndarray]
    elapsed: float = 0.0
    wandered: Mapping[str, np.ndarray] = field(default_factory=dict)
    n_waits: int = 0

    def set_temperature(self, temperature: str | float) -> "Chip":
        """The same die at another temperature, e.g. ``"60degC"`` or 333.15 [K]; InputError outside 200 K to 450 K."""
        return replace(self, temperature=_checked_temperature(in_si(temperature, "K", where="die temperature")))

    def age(self, duration: str | float) -> "Chip":
        """The same die after some time, e.g. ``"1 week"`` or a number [s], in which its biases have drifted.

        One long wait has the statistics of many short ones, but is another draw.

        Examples
        --------
        >>> from chipemu.device import load_device
        >>> chip = sample_chip(load_device("dynapse1"), seed=1).age("1 week")
        >>> chip.elapsed, round(float(chip.wandered["IF_TAU1_N"][0]), 3)
        (604800.0, 0.042)
        """
        duration = in_si(duration, "s", where="age")
        if not 0 <= duration <= OLDEST - self.elapsed:
            raise InputError(
                f"a wait of {show(duration, 's')} is out of range for a die of {show(self.elapsed, 's')}; allowed from "
                f"0 s to an age of {show(OLDEST, 's')} (100 years)"
            )
        if duration == 0:
            return self
        return replace(self, elapsed=self.elapsed + duration, wandered=self._wander(duration), n_waits=self.n_waits + 1)

    def _wander(self, duration: float) -> dict[str, np.ndarray]:
        law, cores = self.device.drift, core_addresses(self.device)
        if law is None:
            return {}
        wandered = {}
        for name in self.device.modelled_biases:
            index = self.n_waits << 16 | parameter_index(self.device.biases[name].parameter)
            normal = normals(self.seed, cores, STREAM_AGEING, index)
            before = self.wandered.get(name, np.zeros(len(cores)))
            wandered[name] = wander(law, before, duration, normal, self.applied.scale("bias_drift"))
        return wandered

    @property
    def is_nominal(self) -> bool:
        """Whether nothing tells the die from its design: no mismatch, no drift, and no temperature of its own."""
        factors = (*self.core_factor.values(), *self.neuron_factor.values())
        return (
            all(np.all(factor == 1) for factor in factors)
            and not any(np.any(offset) for offset in self.wandered.values())
            and not (self.applied.on("temperature") and self.temperature != ROOM)
        )

    @property
    def leakage(self) -> float:
        """Leakage floor over that at 25 degC."""
        law = self.device.temperature
        if law is None or not self.applied.on("temperature"):
            return 1.0
        return float(leakage_ratio(law, self.device.circuit["kappa"], self.temperature))

    def bias_at_work(self, name: str, asked: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Current of a bias on each core before mismatch [A]: as asked, changed by temperature, then by age.

        Parameters
        ----------
        name
            Register.
        asked
            (core,) nominal current of the code at the temperature of the core's operating point [A].
        reference
            (core,) that temperature [K].
        """
        law, generator, flows = self.device.temperature, self.device.generators.get(name), asked
        if law is not None and self.applied.on("temperature"):
            flows = flows * bias_ratio(law, self.device.circuit["kappa"], name, asked, self.temperature, reference)
        if name in self.wandered:
            flows = flows * np.exp(self.wandered[name])
        # exact currents (no codes) know no floor either: zero amperes are off
        coded = generator is not None and self.applied.on("bias_quantisation")
        return np.maximum(flows, span(generator)[0] * self.leakage) if coded else flows

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
            f"die {self.seed} of {self.device.name} at {show(self.temperature, 'K')}, {show(self.elapsed, 's')} old",
            "  effect                  scale  unit",
        ]
        for name, effect in EFFECTS.items():
            state = f"{self.applied.scale(name):g}" if self.applied.on(name) else "off"
            lines.append(f"  {name:<23} {state:>5}  {effect.unit:<10} {effect.summary}")
        return "\n".join(lines)


def _checked_temperature(temperature: float) -> float:
    if not 200 <= temperature <= 450:
        raise InputError(f"die temperature {show(temperature, 'K')} is out of range; allowed 200 K to 450 K")
    return temperature


def sample_chip(
    device: DeviceSpec,
    seed: int,
    *,
    without: Iterable[str] = (),
    scale: Mapping[str, float] | None = None,
    temperature: str | float = ROOM,
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
        Of the die, e.g. ``"60degC"`` or 333.15 [K].

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
    temperature = _checked_temperature(in_si(temperature, "K", where="die temperature"))
    applied = switches(without, scale)
    return Chip(
        device,
        seed,
        temperature,
        applied,
        neuron_factors(device, seed, applied),
        core_factors(device, seed, applied),
    )
