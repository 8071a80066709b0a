"""Drift of biases with age against its law, from many dies."""

import numpy as np
from scipy import stats

from chipemu.chip import sample_chip
from chipemu.device import DeviceSpec
from chipemu.validation.check import Check, target

_N_DIES = 200


def offsets(device: DeviceSpec, waits: tuple[float, ...]) -> np.ndarray:
    """ln(current) by which every bias of every core has drifted after each of some waits, (wait, sample)."""
    rows = []
    for seed in range(_N_DIES):
        chip, row = sample_chip(device, seed), []
        for wait in waits:
            chip = chip.age(wait)
            row.append(np.concatenate(list(chip.wandered.values())))
        rows.append(np.stack(row))
    return np.concatenate(rows, axis=1)


def run(device: DeviceSpec) -> list[Check]:
    """All rows of this module, where biases drift."""
    law = device.drift
    if law is None or law.bias_std == 0:
        return []
    hour, week = 3600.0, 7 * 86400.0
    after = offsets(device, (hour, hour, week))
    lines = {name: target("drift", name) for name in _ROWS}
    expected = [law.std_after(wait) for wait in (hour, 2 * hour, 2 * hour + week)]
    got = {
        "spread after an hour over its law": after[0].std() / expected[0],
        "spread after two hours over its law": after[1].std() / expected[1],
        "spread after a week over its law": after[2].std() / expected[2],
        "normal after an hour, KS p": stats.kstest(after[0] / expected[0], "norm").pvalue,
        "what an hour keeps": (after[0] @ after[1]) / (after[0] @ after[0]) / law.kept(hour),
    }
    return [lines[name].compare(got[name]) for name in _ROWS]


_ROWS = (
    "spread after an hour over its law",
    "spread after two hours over its law",
    "spread after a week over its law",
    "normal after an hour, KS p",
    "what an hour keeps",
)
