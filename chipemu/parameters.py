"""From bias settings and a die's mismatch to the numbers a kernel runs on.

The one place where SI meets kernel units (pA, ms, pF, mV), below everything a user sees.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chipemu import bias
from chipemu.chip import Chip
from chipemu.device import DeviceSpec, OperatingPoint, load_point
from chipemu.errors import InputError
from chipemu.kernels import layout as at
from chipemu.latches import latch_fields
from chipemu.mapping import MappedNetwork
from chipemu.network import RECEPTORS
from chipemu.parameter_names import BASES
from chipemu.temperature import ROOM
from chipemu.units import MS, MV, PA, PF, show, thermal_voltage

NEVER = 80.0  # ln(I / pA) no membrane reaches: the threshold of a padding lane, and of a dead neuron
_CIRCUIT_CURRENTS = ("I_spkthr", "I_reset", "I_fb_gain", "I_fb_th")


@dataclass(frozen=True, eq=False)
class BiasSetting:
    """What the bias generators of some dies are told.

    Attributes
    ----------
    names : biases, the third axis of the arrays
    codes : (chip, core, bias, 2) int16 coarse and fine; -1 where an exact current is set
    currents : (chip, core, bias) nominal current of the code [A]
    trim : (chip, core, neuron, cell) int16 codes of the trimming cells, in order of the device's ``trim.parameters``;
        None where every cell stands at its unit code
    second_leak : (chip, core, neuron) bool, neurons that take leak register 2 instead of 1; None where none does
    """

    names: tuple[str, ...]
    codes: np.ndarray
    currents: np.ndarray
    second_leak: np.ndarray | None = None
    trim: np.ndarray | None = None

    def index(self, name: str) -> int:
        """Position of a bias on the third axis."""
        return self.names.index(name)


def load_points(mapped: MappedNetwork) -> dict[str, OperatingPoint]:
    """The operating points a mapping names, one per bias group."""
    return {name: load_point(name, mapped.device) for name in dict.fromkeys(mapped.core_point) if name is not None}


def point_setting(mapped: MappedNetwork, chips: Sequence[Chip], points: Mapping[str, OperatingPoint]) -> BiasSetting:
    """Biases as the operating points ask for them, before any calibration: nearest codes, exact where codes are off."""
    device = mapped.device
    names = tuple(name for name, spec in device.biases.items() if spec.parameter is not None)
    shape = (len(chips), device.chip.n_cores, len(names))
    codes = np.full((*shape, 2), -1, np.int16)
    currents = np.zeros(shape)
    for point in dict.fromkeys(mapped.core_point):
        if point is None:
            continue
        cores = [core for core, its_point in enumerate(mapped.core_point) if its_point == point]
        for b, name in enumerate(names):
            wanted = points[point].biases[name]
            for c, chip in enumerate(chips):
                codes[c, cores, b], currents[c, cores, b] = generate(chip, name, wanted)
    return BiasSetting(names, codes, currents)


def generate(chip: Chip, name: str, wanted: float) -> tuple[tuple[int, int], float]:
    """Code whose nominal current is nearest to the wanted one on a bias, and that current [A]; (-1, -1) if exact."""
    generator = chip.device.generators.get(name)
    if generator is None or not chip.applied.on("bias_quantisation"):
        return (-1, -1), wanted
    code = bias.nearest_code(generator, wanted)
    return code, bias.current(generator, *code)


def with_currents(setting: BiasSetting, chips: Sequence[Chip], name: str, wanted: np.ndarray) -> BiasSetting:
    """The setting with one bias at the codes nearest to ``wanted`` (chip, core) [A]; where that is NaN it stays."""
    codes, currents, b = setting.codes.copy(), setting.currents.copy(), setting.index(name)
    for c, core in zip(*np.nonzero(np.isfinite(wanted)), strict=True):
        codes[c, core, b], currents[c, core, b] = generate(chips[c], name, float(wanted[c, core]))
    return replace(setting, codes=codes, currents=currents)


def core_temperature(mapped: MappedNetwork, points: Mapping[str, OperatingPoint]) -> np.ndarray:
    """Temperature at which each core's operating point states its biases [K], (core,)."""
    return np.array([ROOM if point is None else points[point].temperature for point in mapped.core_point])


def neuron_temperature(chip: Chip, mapped: MappedNetwork, points: Mapping[str, OperatingPoint]) -> np.ndarray:
    """Temperature at which each placed neuron works [K], (neuron,): the die's, or its point's with the effect off."""
    stated_at = core_temperature(mapped, points)[mapped.address[:, 0]]
    return np.full_like(stated_at, chip.temperature) if chip.applied.on("temperature") else stated_at


def neuron_currents(
    chip: Chip, setting: BiasSetting, c: int, address: np.ndarray, stated_at: np.ndarray
) -> dict[str, np.ndarray]:
    """Every bias current as it flows in some neurons of one die [A].

    Parameters
    ----------
    c : position of the die in ``setting``
    address : (neuron, 2) core and neuron
    stated_at : (core,) temperature for which the biases are stated [K], see :func:`core_temperature`
    """
    core = address[:, 0]
    currents = {}
    for b, name in enumerate(setting.names):
        parameter = chip.device.biases[name].parameter
        at_core = chip.bias_at_work(name, setting.currents[c, :, b], stated_at) * chip.core_factor[name]
        currents[parameter] = chip.flowing(parameter, at_core[core], address)
    if setting.second_leak is not None:
        chosen = setting.second_leak[c, core, address[:, 1]]
        currents["I_tau"] = np.where(chosen, currents["I_tau2"], currents["I_tau"])
    for parameter, factor in _trimmed(chip, setting, c, address).items():
        if parameter in currents:
            # a cell takes no current below the leakage of its own transistors
            floor = chip.bias_floor(chip.device.register(parameter))
            currents[parameter] = np.maximum(currents[parameter] * factor, np.minimum(currents[parameter], floor))
    return currents


def _trimmed(chip: Chip, setting: BiasSetting, c: int, address: np.ndarray) -> dict[str, np.ndarray]:
    """Factor of the trimming cells on each parameter of some neurons; empty where nothing is trimmed."""
    trim = chip.device.trim
    if trim is None or setting.trim is None:
        return {}
    codes = setting.trim[c, address[:, 0], address[:, 1]]
    return {parameter: trim.factor(codes[:, p]) for p, parameter in enumerate(trim.parameters)}


def _circuit(chip: Chip, mapped: MappedNetwork, points: Mapping[str, OperatingPoint], name: str, address) -> np.ndarray:
    """A circuit constant of each neuron [SI]: the device's, unless the core's point overrides it; with its mismatch."""
    design = chip.device.circuit[name]
    at_point = {point: of.circuit.get(name, design) for point, of in points.items()}
    if set(at_point.values()) == {design}:
        value = np.broadcast_to(design, len(address))
    else:
        value = np.array([at_point.get(point, design) for point in mapped.core_point])[address[:, 0]]
    if name in _CIRCUIT_CURRENTS:
        value = value * chip.neuron_factor[name][address[:, 0], address[:, 1]]
    return value


def neuron_fields(
    chip: Chip,
    mapped: MappedNetwork,
    points: Mapping[str, OperatingPoint],
    setting: BiasSetting,
    c: int,
    flowing: Mapping[str, np.ndarray],
    dt: float,
) -> dict[int, np.ndarray]:
    """Kernel parameter fields of every placed neuron of one die.

    Parameters
    ----------
    c : position of the die in ``setting``
    flowing : (neuron,) currents of the die, see :func:`neuron_currents` [A]
    dt : time step [s]

    Returns
    -------
    dict from field (see ``kernels.layout``) to (neuron,) array in kernel units

    Raises
    ------
    InputError
        If a pulse is longer than ``dt``, which the charge map does not describe.
    """
    address = mapped.address
    current = {name: value * PA for name, value in flowing.items()}
    const = {name: _circuit(chip, mapped, points, name, address) for name in chip.device.circuit}
    const |= {
        name: const[name] * factor for name, factor in _trimmed(chip, setting, c, address).items() if name in const
    }
    kappa = const["kappa"]
    u_t = thermal_voltage(neuron_temperature(chip, mapped, points)) * MV
    step = dt * MS
    pulse = const["V_th"] * MV * const["C_pulse"] * PF / current["I_pulse"]
    if np.any(pulse > step * (1 + 1e-9)):
        worst = int(np.argmax(pulse))
        raise InputError(
            f"pulse width of {show(float(pulse[worst]) / MS, 's')} on core {address[worst, 0]}, neuron "
            f"{address[worst, 1]} is longer than the time step {show(dt, 's')}; raise bias "
            f"{chip.device.register('I_pulse')}, or take a longer dt"
        )
    charge_unit = const["C_mem"] * PF * u_t / kappa  # pA ms
    # a dead neuron has no threshold and no positive feedback, which would lift its membrane without end
    dead = chip.dead_neurons[address[:, 0], address[:, 1]]
    threshold = current["I_spkthr"] if "I_spkthr" in current else const["I_spkthr"] * PA
    fields = {
        at.I_TAU: current["I_tau"],
        at.I_GAIN: current["I_gain"],
        at.STEP_PER_CHARGE: step / charge_unit,
        at.I_DC: current["I_dc"],
        at.I_NMDA_THR: current["I_nmda_thr"],
        at.FB_GAIN: np.where(dead, 0.0, const["I_fb_gain"] * PA),
        at.FB_TH: const["I_fb_th"] * PA,
        at.FB_INV_NORM: 1 / (const["I_fb_norm"] * PA),
        at.AHP_DECAY: np.exp(-step * kappa * current["I_ahp_tau"] / (const["C_ahp"] * PF * u_t)),
        at.AHP_JUMP: current["I_ahp_gain"] / current["I_ahp_tau"] * current["I_ahp_w"],
        at.Y_THR: np.where(dead, NEVER, np.log(threshold)),
        at.Y_RESET: np.log(np.maximum(const["I_reset"], const["I0"] * chip.leakage) * PA),
        at.T_REF: const["V_th"] * MV * const["C_ref"] * PF / current["I_ref"] / step,
    }
    for r, receptor in enumerate(RECEPTORS):
        capacity = const[f"C_syn_{receptor}"] * PF * u_t / kappa  # pA ms
        fields[at.DECAY + r] = np.exp(-step * current[f"I_tau_{receptor}"] / capacity)
        fields[at.I_GAIN_SYN + r] = current[f"I_gain_{receptor}"]
        fields[at.CHARGE + r] = current[f"I_gain_{receptor}"] * word_current(current, receptor) * pulse / capacity
    fields |= _noise_fields(chip, fields, const, u_t, step)
    return fields | latch_fields(mapped, fields, current, const, u_t, step)


def _noise_fields(chip, fields, const, u_t, step) -> dict[int, np.ndarray]:
    noise = chip.device.noise
    # kT/C on the membrane node in units of ln(I): sigma = kappa / U_T sqrt(eta k T / C), with k T = q U_T
    boltzmann_t = 1.602176634e-19 * u_t / MV  # J
    sigma = const["kappa"] / (u_t / MV) * np.sqrt(noise.thermal_eta * boltzmann_t / const["C_mem"])
    rate = fields[at.STEP_PER_CHARGE] * fields[at.I_TAU]  # dt / tau
    keep = np.exp(-step / (noise.input_tau * MS)) if noise.input_std > 0 else 0.0
    spread = noise.input_std * chip.applied.scale("input_noise")
    return {
        at.MEMBRANE_KICK: chip.applied.scale("thermal_noise") * sigma * np.sqrt(2 * rate),
        at.OU_KEEP: np.full_like(rate, keep),
        at.OU_KICK: np.full_like(rate, spread * np.sqrt(1 - keep**2)),
    }


def warn_if_coarse(fields: Mapping[int, np.ndarray], silenced: np.ndarray, dt: float) -> None:
    """Warn where the time step [s] is long beside the membrane of some neuron that is not silenced (neuron,)."""
    rate = float(np.max((fields[at.STEP_PER_CHARGE] * fields[at.I_TAU])[~silenced], initial=0.0))
    if rate > 0.25:
        warnings.warn(
            f"time step {show(dt, 's')} is {rate:.2g} of the shortest membrane time constant; rates are accurate to "
            "about 1 % below 0.25. Take a shorter dt or a longer time constant",
            stacklevel=4,
        )


PADDING: dict[int, float] = {
    at.I_TAU: 5.0, at.I_GAIN: 1.0, at.STEP_PER_CHARGE: 1e-3, at.I_NMDA_THR: 1.0, at.FB_INV_NORM: 1.0, at.AHP_DECAY: 0.5,
    at.Y_THR: NEVER, at.T_REF: 10.0, at.I_GAIN_SYN: 1.0, at.I_GAIN_SYN + 1: 1.0, at.I_GAIN_SYN + 2: 1.0,
    at.I_GAIN_SYN + 3: 1.0,
}  # fmt: skip
"""Parameter fields of lanes that hold no neuron: a quiet membrane that never spikes. Fields not listed are 0."""


def word_current(current: Mapping[str, Any], receptor: str) -> Any:
    """Current of one CAM word during its pulse: its receptor's, or that of a word with all four base currents."""
    own = f"I_w_{receptor}"
    return current[own] if own in current else sum(current[base] for base in BASES)


def base_shares(flowing: Mapping[str, np.ndarray]) -> np.ndarray:
    """Part of each base current in a word with all four, (neuron, base), of currents that flow in some neurons."""
    bases = np.stack([flowing[base] for base in BASES], axis=1)
    total = word_current(flowing, "")[:, None]
    return np.divide(bases, total, out=np.zeros_like(bases), where=total > 0)


def design_currents(device: DeviceSpec, point: OperatingPoint) -> dict[str, float]:
    """Current of every neuron parameter as a point asks for it [A]: no codes, no mismatch."""
    return {spec.parameter: point.biases[name] for name, spec in device.biases.items() if spec.parameter}


def nominal_charge(device: DeviceSpec, point: OperatingPoint, receptor: str) -> float:
    """Charge that one CAM word's pulse sends through a receptor, by design values in the linear limit [C].

    Jump kappa I_gain I_w t_pulse / (C U_T) times tau = C U_T / (kappa I_tau): I_gain I_w t_pulse / I_tau.
    """
    current = design_currents(device, point)
    pulse = device.circuit["V_th"] * device.circuit["C_pulse"] / current["I_pulse"]
    return current[f"I_gain_{receptor}"] * word_current(current, receptor) * pulse / current[f"I_tau_{receptor}"]


def nominal_decay(device: DeviceSpec, point: OperatingPoint, receptor: str) -> float:
    """Time constant of a receptor by design values [s]."""
    current = design_currents(device, point)
    capacity = point.circuit.get(f"C_syn_{receptor}", device.circuit[f"C_syn_{receptor}"])
    return capacity * thermal_voltage(point.temperature) / (device.circuit["kappa"] * current[f"I_tau_{receptor}"])
