"""What a run shows: spikes and probes as an xarray Dataset."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from chipemu.errors import UnknownNameError
from chipemu.kernels import layout as at
from chipemu.network import RECEPTORS

_STATE = {f"I_{receptor}": at.I_SYN + r for r, receptor in enumerate(RECEPTORS)} | {
    "I_mem": at.Y,
    "V_mem": at.Y,
    "I_ahp": at.I_AHP,
}
_SOMA = (at.I_SYN, at.I_SYN + 1, at.I_SYN + 2, at.I_SYN + 3, at.Y)
# I_ampa and I_nmda are what the soma sees, behind the alpha shape and the driving force of a latched dendrite
PROBES = (*_STATE, "I_fb", "I_in")


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
    name: str, sampled: dict[int, np.ndarray], parameter, i0: float, volt_per_log: np.ndarray
) -> np.ndarray:
    """One probed quantity in SI, dims (run, probe_neuron, time).

    Parameters
    ----------
    name : one of ``PROBES``
    sampled : state fields, dims (run, probe_neuron, time), kernel units
    parameter : callable, field -> (run, probe_neuron) parameter in kernel units
    i0 : leakage floor [pA]
    volt_per_log : (run,) U_T / kappa [V]
    """
    if name == "V_mem":
        return volt_per_log[:, None, None] * (sampled[at.Y] - np.log(i0))
    if name == "I_mem":
        return np.exp(sampled[at.Y]) * 1e-12
    if name == "I_fb":
        argument = (parameter(at.FB_TH)[..., None] - np.exp(sampled[at.Y])) * parameter(at.FB_INV_NORM)[..., None]
        return parameter(at.FB_GAIN)[..., None] / (1 + np.exp(np.clip(argument, -80, 80))) * 1e-12
    if name == "I_in":
        i_mem = np.exp(sampled[at.Y])
        gate = i_mem / (i_mem + parameter(at.I_NMDA_THR)[..., None]) * parameter(at.INJECT_NMDA)[..., None]
        total = (sampled[at.I_SYN + at.NMDA] - i0) * gate + sampled[at.I_SYN + at.AMPA] - sampled[at.I_SYN + at.GABA_B]
        return np.maximum(total + parameter(at.I_DC)[..., None], i0) * 1e-12
    return sampled[_STATE[name]] * 1e-12


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
