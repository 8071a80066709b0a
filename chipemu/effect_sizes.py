"""How large each effect is on a device, as its file says; which effects a device has at all."""

from collections.abc import Callable

from chipemu.device import DeviceSpec
from chipemu.effects import EFFECTS
from chipemu.store import Capacitor
from chipemu.units import show

NONE = "none"


def size_text(device: DeviceSpec, effect: str) -> str:
    """Size of an effect in its unit (`Effect.unit`), a range where it differs between elements.

    Returns
    -------
    str
        ``"none"`` where the device does not have the effect, ``"on"`` where it has no size of its own.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> size_text(load_device("dynapse1"), "mismatch_slot"), size_text(load_device("ideal"), "mismatch_slot")
    ('0.03', 'none')
    """
    if effect in _VALUES:
        values = _VALUES[effect](device)
        low, high = min(values, default=0.0), max(values, default=0.0)
        if high == 0:
            return NONE
        return f"{high:g}" if low == high else f"{low:g} to {high:g}"
    stored = _store_sizes(device)
    if effect in stored:
        return stored[effect]
    present = {
        "bias_quantisation": bool(device.generators),
        # a device whose cores are alike has nothing to be tuned, unless its neurons are
        "calibration": device.trim is not None
        or any((*device.mismatch.between_cores.values(), *device.mismatch.between_dies.values())),
    }
    return "on" if present.get(effect, True) else NONE


def effects_of(device: DeviceSpec) -> tuple[str, ...]:
    """Names of the effects that a device has.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> effects_of(load_device("ideal"))
    ('temperature',)
    """
    return tuple(name for name in EFFECTS if size_text(device, name) != NONE)


def _within_core(device: DeviceSpec, factor: float) -> list[float]:
    return [factor * sigma for sigma in device.mismatch.within_core.values()]


def _outliers(device: DeviceSpec) -> list[float]:
    structure = device.mismatch.structure
    return _within_core(device, structure.outlier_width) if structure.outlier_share else []


def _defects(name: str) -> Callable[[DeviceSpec], list[float]]:
    """Fraction of CAM words, and of plastic synapses where there are any."""

    def fractions(device: DeviceSpec) -> list[float]:
        words, synapses = (getattr(device.defects, f"{name}_{kind}") for kind in ("words", "synapses"))
        return [words, synapses] if device.plastic else [words]

    return fractions


_VALUES: dict[str, Callable[[DeviceSpec], list[float]]] = {
    "mismatch_within_core": lambda device: _within_core(device, 1.0),
    "mismatch_between_cores": lambda device: list(device.mismatch.between_cores.values()),
    "mismatch_between_dies": lambda device: list(device.mismatch.between_dies.values()),
    "mismatch_correlated": lambda device: _within_core(device, device.mismatch.structure.correlated_share**0.5),
    "mismatch_outliers": _outliers,
    "mismatch_gradient": lambda device: [device.mismatch.structure.gradient],
    "mismatch_slot": lambda device: [device.mismatch.slot],
    "mismatch_trace": lambda device: [device.traces.mismatch if device.traces else 0.0],
    "thermal_noise": lambda device: [device.noise.thermal_eta],
    "input_noise": lambda device: [device.noise.input_std],
    "flicker_noise": lambda device: [device.noise.flicker_K / device.noise.flicker_C_gate],
    "supply_noise": lambda device: [device.noise.supply_std],
    "event_jitter": lambda device: [device.noise.event_jitter],
    "event_loss": lambda device: [device.noise.event_loss],
    "bias_drift": lambda device: [device.drift.bias_std if device.drift else 0.0],
    "dead_words": _defects("dead"),
    "stuck_words": _defects("stuck"),
    "dead_neurons": lambda device: [device.defects.dead_neurons],
    "dead_tags": lambda device: [device.defects.dead_tags],
}


def _store_sizes(device: DeviceSpec) -> dict[str, str]:
    """Sizes of the effects on a weight store, over all codes."""
    store = device.store
    sizes = dict.fromkeys(("programming_noise", "read_noise", "conductance_drift", "weight_leak"), NONE)
    if isinstance(store, Capacitor):
        sizes["weight_leak"] = show(store.I_leak, "A") if store.I_leak > 0 else NONE
    elif store is not None:
        laws = store.laws(device.plastic.code_max)
        error = laws.error * store.step(device.plastic.code_max)
        exponent = laws.exponent[:, 0]
        sizes["programming_noise"] = f"{show(error.min(), 'S')} to {show(error.max(), 'S')}"
        sizes["read_noise"] = "on"
        sizes["conductance_drift"] = f"nu {exponent.min():.2g} to {exponent.max():.2g}" if exponent.any() else "on"
    return sizes
