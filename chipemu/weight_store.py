"""The weight store of plastic synapses as kernel arrays: each die's laws with its effects, and the cells."""

from collections.abc import Sequence

import numpy as np

from chipemu.chip import Chip
from chipemu.device import DeviceSpec
from chipemu.kernels.store import CAPACITOR, CODE, PAIR, Store
from chipemu.store import Capacitor, Laws


def build_store(
    device: DeviceSpec, chips: Sequence[Chip], n_seeds: int, n_synapses: int, dt: float, dtype: type
) -> Store:
    """Empty cells of every run, and the laws of its die: scaled or switched off as its effects say.

    Parameters
    ----------
    device
        What the synapses are on; without a store the code itself acts.
    chips, n_seeds
        Dies, and runs of each.
    n_synapses
        Plastic synapses of a run.
    dt
        Time step [s].
    dtype
        Of the state.
    """
    store, n_runs = device.store, len(chips) * n_seeds
    laws, slope = _no_laws(), np.zeros((len(chips), 4))
    if isinstance(store, Capacitor):
        code_max = device.plastic.code_max
        refresh, threshold = store.droop(store.I_refresh, code_max), store.threshold(code_max)
        leak = store.droop(store.I_leak, code_max)
        slope[:] = [(leak * chip.applied.scale("weight_leak"), refresh, threshold, code_max) for chip in chips]
    elif store is not None:
        laws = store.laws(device.plastic.code_max)
    kind = CODE if store is None else CAPACITOR if isinstance(store, Capacitor) else PAIR

    def of_runs(table: np.ndarray, effect: str) -> np.ndarray:
        scaled = np.stack([table * chip.applied.scale(effect) for chip in chips])
        return np.repeat(scaled, n_seeds, axis=0).astype(dtype)

    read = of_runs(laws.read, "read_noise")
    held = n_synapses if store is not None else 0
    return Store(
        kind=kind,
        time=np.array([dt, laws.t_0, laws.t_read]),
        idle=np.zeros(n_runs),
        cell=np.zeros((n_runs, held, 2, 3), dtype),
        since=np.zeros((n_runs, held)),
        count=np.zeros((n_runs, held), np.int64),
        gain=np.ones(n_runs, dtype),
        target=laws.target.astype(dtype),
        error=of_runs(laws.error, "programming_noise"),
        exponent=of_runs(laws.exponent, "conductance_drift"),
        knot=laws.knot.astype(dtype),
        shift=of_runs(laws.shift, "conductance_drift"),
        read=read,
        noisy=read.reshape(n_runs, -1).any(axis=1),
        slope=np.repeat(slope, n_seeds, axis=0).astype(dtype),
    )


def _no_laws() -> Laws:
    one, nothing = np.zeros(1), np.zeros((1, 2))
    return Laws(one, one, nothing, np.zeros(0), np.zeros((1, 0, 2)), nothing, 1.0, 0.0)
