"""What a run shows: spikes and probes as an xarray Dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from chipemu.errors import InputError, UnknownNameError
from chipemu.kernels import layout as at
from chipemu.mapping import MappedNetwork
from chipemu.network import RECEPTORS

_STATE = {f"I_{receptor}": at.I_SYN + r for r, receptor in enumerate(RECEPTORS)} | {
    "I_mem": at.Y,
    "V_mem": at.Y,
    "I_ahp": at.I_AHP,
}
_SOMA = (at.I_SYN, at.I_SYN + 1, at.I_SYN + 2, at.I_SYN + 3, at.Y)
# I_ampa and I_nmda are what the soma sees, behind the alpha shape and the driving force of a latched dendrite
PROBES = (*_STATE, "I_fb", "I_in")


@dataclass(frozen=True, eq=False)
class Window:
    """Spikes of one call: ``count`` (run, neuron); the lists are empty where nothing was recorded.

    ``step`` counts from the start of the call; ``fraction`` says where in the step the threshold was crossed.
    """

    count: np.ndarray
    run: np.ndarray
    step: np.ndarray
    neuron: np.ndarray
    fraction: np.ndarray


def probe_fields(probes: Sequence[str]) -> list[int]:
    """State fields that must be sampled to show some quantities.

    Raises
    ------
    UnknownNameError
        If a quantity cannot be probed.
    """
    needed: set[int] = set()
    for name in probes:
        if name not in PROBES:
            raise UnknownNameError("probe", name, PROBES)
        needed |= set(_SOMA) if name == "I_in" else {at.Y} if name == "I_fb" else {_STATE[name]}
    return sorted(needed)


def probe_values(
    name: str,
    sampled: dict[int, np.ndarray],
    parameter,
    i0: float,
    floor: np.ndarray,
    volt_per_log: np.ndarray,
    inject: float = 1.0,
) -> np.ndarray:
    """One probed quantity in SI, dims (run, probe_neuron, time).

    Parameters
    ----------
    name : one of ``PROBES``
    sampled : state fields, dims (run, probe_neuron, time), kernel units
    parameter : callable, field -> (run, probe_neuron) parameter in kernel units
    i0 : current at V_mem = 0, the leakage floor at 25 degC [pA]
    floor : (run,) leakage floor of each die at its temperature [pA]
    volt_per_log : (run, probe_neuron) U_T / kappa [V]
    inject : 1, or 0 where feedback currents are sensed but not injected
    """
    if name == "V_mem":
        return volt_per_log[..., None] * (sampled[at.Y] - np.log(i0))
    if name == "I_mem":
        return np.exp(sampled[at.Y]) * 1e-12
    if name == "I_fb":
        argument = (parameter(at.FB_TH)[..., None] - np.exp(sampled[at.Y])) * parameter(at.FB_INV_NORM)[..., None]
        return parameter(at.FB_GAIN)[..., None] / (1 + np.exp(np.clip(argument, -80, 80))) * 1e-12
    if name == "I_in":
        i_mem = np.exp(sampled[at.Y])
        gate = i_mem / (i_mem + parameter(at.I_NMDA_THR)[..., None]) * inject
        least = floor[:, None, None]
        excess = (sampled[at.I_SYN + at.NMDA] - least) * gate
        total = excess + sampled[at.I_SYN + at.AMPA] - sampled[at.I_SYN + at.GABA_B]
        return np.maximum(total + parameter(at.I_DC)[..., None], least) * 1e-12
    return sampled[_STATE[name]] * 1e-12


def chosen_neurons(mapped: MappedNetwork, chosen: str | Sequence[int] | None) -> np.ndarray:
    """Indices of the neurons to probe: of a population, of a list, or all.

    Raises
    ------
    InputError
        If an index does not exist.
    """
    everyone = np.arange(mapped.n_neurons)
    if chosen is None:
        return everyone
    if isinstance(chosen, str):
        return everyone[mapped.neuron_slice(chosen)]
    picked = np.asarray(chosen, np.int64)
    if picked.size and (picked.min() < 0 or picked.max() >= len(everyone)):
        raise InputError(f"probed neurons run from {picked.min()} to {picked.max()}; allowed 0 to {len(everyone) - 1}")
    return picked


def build_dataset(
    spikes, probes: dict[str, np.ndarray], time: np.ndarray, neurons: np.ndarray, attributes
) -> xr.Dataset:
    """Spikes (run, time, neuron) and probes as one Dataset; names, dims and units as declared in ``variables``."""
    run, when, neuron = spikes
    data = {
        "spike_time": ("spike", when, {"units": "s"}),
        "spike_neuron": ("spike", neuron.astype(np.int64), {"units": "1"}),
        "spike_run": ("spike", run.astype(np.int64), {"units": "1"}),
    }
    coords = {}
    if probes:
        coords = {"probe_neuron": neurons, "time": ("time", time, {"units": "s"})}
        for name, values in probes.items():
            data[name] = (("run", "probe_neuron", "time"), values, {"units": "V" if name == "V_mem" else "A"})
    return xr.Dataset(data, coords, attributes)
