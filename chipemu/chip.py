"""One imperfect die: what the foundry made of a device description, at its temperature and age.

Where the description is of a board of several chips, all of its dies: each has its own spread between dies and its own
gradient, and all share their temperature, age and process corner.

Effects act in one order, whatever the order in which the verbs are called: a code asks for a current (quantisation);
temperature changes it, then age; it is held above the leakage floor; last, the mismatch of the die multiplies it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from chipemu.addresses import core_addresses, packed
from chipemu.ageing import check_age, wander
from chipemu.bias import span
from chipemu.defects import Defects
from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS, Switches, switches
from chipemu.errors import InputError
from chipemu.kernels.layout import STREAM_AGEING, STREAM_SLOT
from chipemu.mismatch import core_factors, normals, parameter_index
from chipemu.seats import Seats, good_first
from chipemu.spread import neuron_factors, relative_sigma
from chipemu.temperature import ROOM, bias_ratio, leakage_ratio
from chipemu.transistor import check_choice
from chipemu.units import in_si, show, thermal_voltage


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
        Within-core mismatch of each parameter, a factor with median 1; at other currents see ``flowing``.
    core_factor : dict of (core,) arrays
        Factor on each bias from its core's and its die's generator, median 1.
    defects : Defects
        Dead and stuck elements of the die as it was made.
    seats : Seats or None
        Where a repaired die keeps what a mapping names; None for a die as it was made.
    elapsed : float
        Time since the die was made [s].
    wandered : dict of (core,) arrays
        ln(current) by which each bias has drifted since; a bias that is missing has not.
    n_waits : int
        How often time was let pass: the address of the next draw.
    mismatch_model : {"measured", "geometry"}
        Where the size of within-core mismatch comes from.
    corner : {"TT", "SS", "FF", "SF", "FS"}
        Process corner of the n- and p-channel transistors; it is in ``core_factor`` and in ``leakage``.
    """

    device: DeviceSpec
    seed: int
    temperature: float
    applied: Switches
    neuron_factor: Mapping[str, np.ndarray]
    core_factor: Mapping[str, np.ndarray]
    defects: Defects
    seats: Seats | None = None
    elapsed: float = 0.0
    wandered: Mapping[str, np.ndarray] = field(default_factory=dict)
    n_waits: int = 0
    mismatch_model: str = "measured"
    corner: str = "TT"

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
        (604800.0, -0.011)
        """
        duration = in_si(duration, "s", where="age")
        check_age(duration, self.elapsed)
        if duration == 0:
            return self
        return replace(self, elapsed=self.elapsed + duration, wandered=self._wander(duration), n_waits=self.n_waits + 1)

    def _wander(self, duration: float) -> dict[str, np.ndarray]:
        law, cores = self.device.drift, core_addresses(self.device.chip.n_cores)
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
            and self.acting_temperature == ROOM
            and self.corner == "TT"
        )

    @property
    def acting_temperature(self) -> float:
        """Temperature of the die [K], or 25 degC where the effect is off (circuits then work at their point's)."""
        return self.temperature if self.applied.on("temperature") else ROOM

    @property
    def leakage(self) -> float:
        """Leakage floor over that at 25 degC of a typical process."""
        law, kappa = self.device.temperature, self.device.circuit["kappa"]
        warm = law is not None and self.applied.on("temperature")
        ratio = float(leakage_ratio(law, kappa, self.temperature)) if warm else 1.0
        if self.corner == "TT":
            return ratio
        return ratio * float(np.exp(self.device.transistors.leakage_shift(self.corner, kappa, thermal_voltage(ROOM))))

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
        law, flows = self.device.temperature, asked
        if law is not None and self.applied.on("temperature"):
            flows = flows * bias_ratio(law, self.device.circuit["kappa"], name, asked, self.temperature, reference)
        if name in self.wandered:
            flows = flows * np.exp(self.wandered[name])
        return np.maximum(flows, self.bias_floor(name))

    def bias_floor(self, name: str) -> float:
        """Smallest current of a bias [A]; exact currents (no codes) know no floor: zero amperes are off."""
        generator = self.device.generators.get(name)
        coded = generator is not None and self.applied.on("bias_quantisation")
        return span(generator)[0] * self.leakage if coded else 0.0

    def flowing(self, parameter: str, current: np.ndarray, address: np.ndarray) -> np.ndarray:
        """Currents of some neurons [A] whose cores send them ``current`` [A]; ``address`` is (n, 2) core, neuron.

        A neuron keeps its place in the distribution; how wide that is follows the current, see ``chipemu.spread``.
        """
        factor = self.neuron_factor[parameter][address[:, 0], address[:, 1]]
        wide = relative_sigma(self.device, self.mismatch_model, parameter, current, self.acting_temperature)
        return current * factor**wide

    def slot_factor(self, address: np.ndarray) -> np.ndarray:
        """Pulse factor of every CAM slot of some neurons, 0 where the word is dead.

        ``address`` is (n, 2) core, neuron; returns (n, slot).
        """
        sigma = self.device.mismatch.slot * self.applied.scale("mismatch_slot")
        place = self._place(address)
        factor = self._per_slot(place, 0, self.device.chip.n_cam_words, sigma)
        dead = self.defects.dead_words(place)
        factor[dead] = 0.0
        return self._in_order(factor, dead, lambda: self.defects.stuck_words(place))

    def stuck_words(self, address: np.ndarray) -> np.ndarray:
        """CAM slots of some neurons that keep their first content, (n, slot) bool."""
        place = self._place(address)
        stuck = self.defects.stuck_words(place)
        return self._in_order(stuck, self.defects.dead_words(place), lambda: stuck)

    def plastic_factor(self, address: np.ndarray, what: str) -> np.ndarray:
        """Factor of every plastic synapse of some neurons on its ``"pulse"`` or its ``"step"`` rate, (n, slot).

        0 for the pulse of a dead synapse, and for the step rate of a stuck one.
        """
        plastic, n_cam = self.device.plastic, self.device.chip.n_cam_words
        sigma = self.device.mismatch.slot if what == "pulse" else plastic.step_mismatch
        first = n_cam if what == "pulse" else n_cam + plastic.n_words
        place = self._place(address)
        factor = self._per_slot(place, first, plastic.n_words, sigma * self.applied.scale("mismatch_slot"))
        dead, stuck = self.defects.dead_synapses(place), self.defects.stuck_synapses(place)
        factor[dead if what == "pulse" else stuck] = 0.0
        return self._in_order(factor, dead, lambda: stuck)

    def trace_factor(self, address: np.ndarray) -> np.ndarray:
        """Factor of the fast and of the slow spike trace of some neurons, (n, 2)."""
        first = self.device.chip.n_cam_words + 2 * self.device.plastic.n_words
        sigma = self.device.traces.mismatch * self.applied.scale("mismatch_trace")
        return self._per_slot(self._place(address), first, 2, sigma)

    @cached_property
    def dead_neurons(self) -> np.ndarray:
        """Neurons that never spike, (core, neuron) bool."""
        dead = self.defects.dead_neurons
        return dead if self.seats is None else np.take_along_axis(dead, self.seats.neuron, axis=1)

    @cached_property
    def dead_tags(self) -> np.ndarray:
        """Tags that a core does not hear, (core, tag) bool."""
        dead = self.defects.dead_tags
        return dead if self.seats is None else dead[:, self.seats.tag]

    def deaf(self, core: np.ndarray, tag: np.ndarray) -> np.ndarray:
        """Whether some cores do not hear some tags, (n,) bool: entries of ``dead_tags``, which is large on a board."""
        return self.defects.deaf(core, tag if self.seats is None else self.seats.tag[tag])

    def _place(self, address: np.ndarray) -> np.ndarray:
        return address if self.seats is None else self.seats.place(address)

    def _in_order(self, values: np.ndarray, dead: np.ndarray, stuck) -> np.ndarray:
        """Values of slots in the order in which a mapping fills them."""
        if self.seats is None:
            return values
        return np.take_along_axis(values, good_first(dead, stuck()), axis=1)

    def _per_slot(self, address: np.ndarray, first: int, n_slots: int, sigma: float) -> np.ndarray:
        place = packed(address)
        factor = np.empty((len(place), n_slots))
        for slot in range(n_slots):
            factor[:, slot] = np.exp(sigma * normals(self.seed, place, STREAM_SLOT, first + slot))
        return factor

    def __str__(self) -> str:
        lines = [
            f"die {self.seed} of {self.device.name} at {show(self.temperature, 'K')}, {show(self.elapsed, 's')} old, "
            f"corner {self.corner}, spread {'by geometry' if self.mismatch_model == 'geometry' else 'as measured'}",
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
    mismatch_model: str = "measured",
    corner: str = "TT",
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
    mismatch_model
        Size of the spread from neuron to neuron: ``"measured"``, or by ``"geometry"`` of the transistors.
    corner
        Process corner, n-channel then p-channel: ``"TT"``, ``"SS"``, ``"FF"``, ``"SF"``, ``"FS"`` (typical, slow,
        fast).

    Returns
    -------
    Chip

    Raises
    ------
    InputError
        If the seed, temperature, or a scale is out of range, or the device describes no transistors where they count.
    UnknownNameError
        If an effect, mismatch model or corner does not exist.

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
    check_choice(device.transistors, device.path, mismatch_model, corner)
    applied = switches(without, scale)
    return Chip(
        device,
        seed,
        temperature,
        applied,
        neuron_factors(device, seed, applied, mismatch_model),
        core_factors(device, seed, applied, corner),
        Defects(device.defects, device.chip, device.plastic.n_words if device.plastic else 0, seed, applied),
        mismatch_model=mismatch_model,
        corner=corner,
    )
