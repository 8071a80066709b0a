"""What latches make of a neuron's circuit: kernel fields of dendrites and homeostasis, and depressing connections.

On a device that lists no latches every circuit is connected, as on DYNAP-SE1, and nothing here changes anything.
"""

from collections.abc import Mapping

import numpy as np

from chipemu.errors import InputError
from chipemu.kernels import layout as at
from chipemu.kernels.depression import Depression
from chipemu.kernels.layout import LANES, N_FIELDS
from chipemu.mapping import MappedNetwork
from chipemu.mapping.latches import DENDRITES, neuron_latches, synapse_latches
from chipemu.units import MV, PA, PF

# fields that vanish where a latch is not set
_SWITCHED = {
    "dc": (at.I_DC,),
    "adaptation": (at.AHP_JUMP,),
    "exponential": (at.FB_GAIN,),
    "nmda_gate": (at.I_NMDA_THR,),
}
_REST = (at.STEP_PER_CHARGE, at.MEMBRANE_KICK)  # a membrane without these stays where it is


def set_in(mapped: MappedNetwork, latch: str) -> np.ndarray:
    """Neurons in which a latch is set, (neuron,) bool."""
    found = np.zeros(mapped.n_neurons, bool)
    for population in mapped.network.populations:
        found[mapped.neuron_slice(population)] = latch in neuron_latches(population, mapped.device)
    return found


def latch_fields(
    mapped: MappedNetwork,
    fields: Mapping[int, np.ndarray],
    current: Mapping[str, np.ndarray],
    const: Mapping[str, np.ndarray],
    u_t: float,
    step: float,
) -> dict[int, np.ndarray]:
    """Fields that latches change or need, on top of those that every neuron has.

    Parameters
    ----------
    fields : fields of the whole circuit
    current : (neuron,) currents by parameter [pA]
    const : (neuron,) circuit constants [SI]
    u_t : thermal voltage [mV]
    step : time step [ms]

    Returns
    -------
    dict from field to (neuron,) array in kernel units; empty on a device without latches

    Raises
    ------
    InputError
        If a reversal current is not above the leakage floor.
    """
    device = mapped.device
    if not device.latches:
        return {}
    changed = {
        field: fields[field] * set_in(mapped, latch)
        for latch, switched in _SWITCHED.items()
        if latch in device.latches
        for field in switched
    }
    alive = ~set_in(mapped, "kill")
    changed |= {field: fields[field] * alive for field in _REST}
    per_current = const["kappa"] / u_t  # 1/mV
    changed |= _homeostasis_fields(mapped, current, per_current, step)
    for place, receptor in enumerate(DENDRITES):
        changed |= _dendrite_fields(mapped, fields, current, const, per_current, step, place, receptor)
    if device.depression is not None:
        # the recovering current on the capacitor, and what the strength current takes off it in one pulse
        per_charge = per_current / (device.depression.C_std * PF)
        pulse = const["V_th"] * MV * const["C_pulse"] * PF / current["I_pulse"]
        changed[at.STD_RATE] = step * per_charge * current["I_recover_std"]
        changed[at.STD_KEPT] = np.exp(-per_charge * current["I_strength_std"] * pulse)
    return changed


def _dendrite_fields(mapped, fields, current, const, per_current, step, place, receptor) -> dict[int, np.ndarray]:
    device, silent = mapped.device, np.zeros(mapped.n_neurons)
    found = {at.DECAY_E + place: fields[at.DECAY + place], at.DECAY_I + place: silent}
    for field in (at.ALPHA, at.I_GAIN_I, at.CHARGE_I, at.INV_REV):
        found[field + place] = silent
    if f"alpha_{receptor}" in device.latches:
        alpha = set_in(mapped, f"alpha_{receptor}")
        per_charge = per_current / (const[f"C_syn_{receptor}"] * PF)
        # both DPIs hear the same pulses, so that their charges are as their gains
        own = current[f"I_gain_{receptor}"]
        gain = current[f"I_gain_{receptor}_i"] * alpha
        charge = np.divide(fields[at.CHARGE + place] * gain, own, out=np.zeros_like(own), where=own > 0)
        found |= {
            at.ALPHA + place: alpha.astype(float),
            at.DECAY_I + place: np.exp(-step * per_charge * current[f"I_tau_{receptor}_i"]),
            at.I_GAIN_I + place: gain,
            at.CHARGE_I + place: charge,
        }
    if f"conductance_{receptor}" in device.latches:
        found[at.INV_REV + place] = _inverse_reversal(mapped, current[f"I_rev_{receptor}"], receptor)
    return found


def _inverse_reversal(mapped: MappedNetwork, reversal: np.ndarray, receptor: str) -> np.ndarray:
    used, floor = set_in(mapped, f"conductance_{receptor}"), mapped.device.circuit["I0"] * PA
    if np.any(reversal[used] <= floor):
        (bias,) = (name for name, bias in mapped.device.biases.items() if bias.parameter == f"I_rev_{receptor}")
        raise InputError(
            f"reversal current of {reversal[used].min():g} pA for {receptor} is not above the leakage floor of "
            f"{floor:g} pA, so that no membrane could be driven; raise bias {bias} ({mapped.device.path}, circuit.I0)"
        )
    return np.divide(1.0, reversal, out=np.zeros_like(reversal), where=used)


def _homeostasis_fields(mapped, current, per_current, step) -> dict[int, np.ndarray]:
    constants, n = mapped.device.homeostasis, mapped.n_neurons
    if constants is None:
        return {}
    per_step = step * per_current * constants.I_leak * PA / (constants.C_gain * PF)  # dt / tau_h
    found = {
        at.CA_DECAY: np.exp(-step * per_current * current["I_tau_ca"] / (constants.C_ca * PF)),
        at.CA_JUMP: current["I_gain_ca"] / current["I_tau_ca"] * current["I_w_ca"],
        at.I_CA_TARGET: current["I_ca_target"],
        at.LN_GAIN_LIMIT: np.full(n, np.log(constants.largest_gain)),
    }
    for place, receptor in enumerate(DENDRITES):
        found[at.LN_GAIN_STEP + place] = per_step * set_in(mapped, f"homeostasis_{receptor}")
    return found


def build_depression(mapped: MappedNetwork, edge: np.ndarray, n_runs: int, dtype: type) -> Depression:
    """Rested resources of the connections that depress; ``edge`` is the edge behind each connection."""
    depressing = np.array(
        ["stp" in synapse_latches(projection, mapped.device) for projection in mapped.network.projections] or [False]
    )
    of_connection = depressing[mapped.edges.projection[edge]]
    n = int(of_connection.sum())
    place = np.where(of_connection, np.cumsum(of_connection) - 1, -1).astype(np.int32)
    return Depression(place if n else place[:0], np.ones((n_runs, n), dtype), np.zeros((n_runs, n), np.int64))


def bring_to_rest(depression: Depression, state: np.ndarray, floor: np.ndarray) -> None:
    """Dendrites, calcium, gains and resources of neurons that nothing has reached; ``floor`` is (run,) [pA]."""
    fields = state.reshape(len(state), -1, N_FIELDS, LANES)
    for first, count in ((at.DPI_E, 2), (at.DPI_I, 2), (at.I_CA, 1)):
        fields[:, :, first : first + count] = floor[:, None, None, None]
    fields[:, :, at.LN_GAIN : at.LN_GAIN_REST + 2] = 0.0
    depression.resource[:] = 1.0
