"""Dies and their network as plain arrays in one .npz file, for simulators that run in another interpreter.

Units: pA, ms. The charge of a synapse is the one of the linear limit: the gain law of the DPI stays with chipemu.
"""

import numpy as np

from chipemu.bench.speed import NOISY
from chipemu.bench.work import GRID, Work, work_chips, work_emulator, work_input, work_mapping
from chipemu.kernels import layout as at
from chipemu.parameters import core_temperature, neuron_currents, neuron_fields, point_setting

RECEPTORS = ("ampa", "nmda", "gaba_a", "gaba_b")
_PLAIN = {
    "I_tau": at.I_TAU,
    "I_gain": at.I_GAIN,
    "I_dc": at.I_DC,
    "I_nmda_thr": at.I_NMDA_THR,
    "I_fb_gain": at.FB_GAIN,
    "I_fb_th": at.FB_TH,
    "fb_inv_norm": at.FB_INV_NORM,
    "ahp_jump": at.AHP_JUMP,
    "membrane_kick": at.MEMBRANE_KICK,
    "ou_kick": at.OU_KICK,
    "ou_keep": at.OU_KEEP,
}


def write_arrays(path, work: Work) -> None:
    """Write a work, its input and its dies to a file."""
    mapped, chips, stimulus = work_mapping(work), work_chips(work, NOISY), work_input(work)
    points = work_emulator(mapped, chips[:1]).points
    setting = point_setting(mapped, chips, points)
    dies = [_die(mapped, points, setting, c, chip) for c, chip in enumerate(chips)]
    edges = mapped.edges
    np.savez(
        path,
        n_neurons=work.n_neurons,
        n_inputs=work.n_inputs,
        n_dies=work.n_dies,
        duration=work.duration,
        grid=GRID,
        input_step=np.rint(np.asarray(stimulus.time) / GRID).astype(np.int64),
        input_source=stimulus.source,
        pre=edges.pre,
        post=edges.post,
        receptor=edges.receptor,
        floor=mapped.device.circuit["I0"] * 1e12,
        tau_noise=mapped.device.noise.input_tau * 1e3,
        **{name: np.stack([die[name] for die in dies]) for name in dies[0]},
    )


def _die(mapped, points, setting, c, chip) -> dict[str, np.ndarray]:
    flowing = neuron_currents(chip, setting, c, mapped.address, core_temperature(mapped, points))
    field = neuron_fields(chip, mapped, points, setting, c, flowing, GRID)
    step = GRID * 1e3
    die = {name: np.broadcast_to(field[f], mapped.n_neurons) for name, f in _PLAIN.items()}
    die["charge_unit"] = step / field[at.STEP_PER_CHARGE]
    die["tau_ahp"] = -step / np.log(field[at.AHP_DECAY])
    die["t_ref"] = step * field[at.T_REF]
    die["I_thr"], die["I_reset"] = np.exp(field[at.Y_THR]), np.exp(field[at.Y_RESET])
    for r, receptor in enumerate(RECEPTORS):
        die[f"tau_{receptor}"] = -step / np.log(field[at.DECAY + r])
    charge = np.stack([field[at.CHARGE + r] for r in range(len(RECEPTORS))])
    edges = mapped.edges
    die["weight"] = charge[edges.receptor, edges.post] * _words(mapped, chip)
    return die


def _words(mapped, chip) -> np.ndarray:
    """Words behind every edge, each with its spread, (edge,)."""
    slots = mapped.cam_slots(mapped.image())
    filled = slots >= 0
    return np.bincount(slots[filled], chip.slot_factor(mapped.address)[filled], len(mapped.edges))
