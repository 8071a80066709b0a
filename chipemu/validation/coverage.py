"""Which rows of ``chipemu check`` stand for which effect."""

from collections.abc import Iterable

from chipemu.device import DeviceSpec
from chipemu.effect_sizes import effects_of
from chipemu.validation.check import Check

# Measurements (the column `check` of the reference tables) that stand for an effect; any of them will do, because
# devices differ in how a weight is stored. That an effect acts on a die, by its switch, is for `tests/test_effects.py`.
MEASUREMENTS: dict[str, tuple[str, ...]] = {
    "mismatch_within_core": ("within cores, distance from a lognormal",),
    "mismatch_correlated": ("correlation of neighbours",),
    "mismatch_outliers": ("with outliers, distance from a contaminated lognormal",),
    "mismatch_gradient": ("direction of the gradient, distance from uniform",),
    "mismatch_between_cores": ("between cores and dies, distance from a lognormal",),
    "mismatch_between_dies": ("between cores and dies, distance from a lognormal",),
    "mismatch_slot": ("words, distance from a lognormal",),
    "mismatch_trace": ("traces, distance from a lognormal",),
    "thermal_noise": ("thermal noise, charge over shot noise",),
    "input_noise": ("input noise, standard deviation",),
    "flicker_noise": ("flicker, density over K / (C_gate f)",),
    "supply_noise": ("supply noise, standard deviation over the device's",),
    "event_jitter": ("events held back, chi-square",),
    "event_loss": ("lost events, deviation of their number",),
    "temperature": ("tau_syn per kelvin, constant biases",),
    "bias_drift": ("spread after an hour over its law",),
    "programming_noise": ("programming sigma over law",),
    "read_noise": ("read noise after a day over law",),
    "conductance_drift": (
        "drift exponent, mean over law",
        "spread after the first time over law",
        "drift after a day, mean over law",
    ),
    "weight_leak": ("droop of a capacitor over I_leak / C",),
    "bias_quantisation": ("largest current of a range", "slope of the fine code, n"),
    "dead_words": ("dead words of a neuron, chi-square",),
    "stuck_words": ("stuck words, deviation of their number",),
    "dead_neurons": ("dead neurons, deviation of their number",),
    "dead_tags": ("dead tags, deviation of their number",),
    "calibration": ("spread of core means, after over before, zero",),
}


def unchecked(device: DeviceSpec, rows: Iterable[Check]) -> tuple[str, ...]:
    """Effects that a device has and none of the rows stands for.

    Parameters
    ----------
    device
    rows : what `run_checks` returned for it

    Returns
    -------
    tuple of str
        Names as in ``effects.EFFECTS``.
    """
    names = [row.name for row in rows]
    return tuple(
        effect
        for effect in effects_of(device)
        if not any(name.startswith(measurement) for name in names for measurement in MEASUREMENTS[effect])
    )
