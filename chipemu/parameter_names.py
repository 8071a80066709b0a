"""Names of the currents that the circuits of a neuron take, each set by a bias of its core."""

from chipemu.device_latches import EXTRA_PARAMETERS

RECEPTOR_NAMES = ("ampa", "nmda", "gaba_a", "gaba_b")
PARAMETERS = (
    *("I_tau", "I_tau2", "I_gain", "I_ref", "I_dc", "I_nmda_thr", "I_ahp_tau", "I_ahp_gain", "I_ahp_w"),
    *(f"I_{role}_{receptor}" for role in ("tau", "gain", "w") for receptor in RECEPTOR_NAMES),
    "I_pulse",
)
BASES = tuple(f"I_w{i}" for i in range(4))  # base currents that the masks of a word choose from
# A device sets either the weight of each receptor or the base currents, and may set these two.
SETTABLE = (*PARAMETERS, *BASES, "I_spkthr", *EXTRA_PARAMETERS)
WITH_MASKS = tuple(name for name in PARAMETERS if name != "I_tau2" and not name.startswith("I_w_")) + BASES
# What a neuron may trim: its bias currents except the pulse, which must stay below the time step, and its two levels.
TRIMMABLE = (*PARAMETERS[:-1], "I_reset", "I_spkthr")
