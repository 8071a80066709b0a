"""The utilisation table: what a mapping uses of what the device has."""

import numpy as np

_LONGEST_NAME = 24
_MOST_CORES = 16
_WIDEST_LIST = 9


def utilisation_table(mapped, cam_use=None) -> str:
    """What a mapped network uses of its device, as text of at most 80 columns.

    Parameters
    ----------
    mapped : MappedNetwork
        What to describe.
    cam_use : (n_neurons,) array of int, optional
        CAM words each neuron uses with a weight image; by default those of the fixed projections.

    Returns
    -------
    str
    """
    chip = mapped.device.chip
    lines = [f"network {_cut(mapped.network.name)!r} on {mapped.device.name} ({mapped.device.path})", ""]
    lines += _totals(mapped, chip)
    lines += ["", *_cores(mapped, chip), "", *_populations(mapped, chip, cam_use)]
    return "\n".join(line.rstrip() for line in lines)


def _totals(mapped, chip):
    sending = np.count_nonzero(mapped.reach.count[mapped.n_sources :])
    rows = [
        ("cores", sum(point is not None for point in mapped.core_point), chip.n_cores),
        ("neurons", mapped.n_neurons, chip.n_cores * chip.n_neurons_per_core - len(chip.reserved_places)),
        ("virtual sources", mapped.n_sources, chip.n_virtual_sources),
        ("tags", mapped.n_sources + sending, 1 << chip.tag_bits),
        ("SRAM words of a neuron", int(mapped.sram.n_words.max(initial=0)), chip.n_sram_words),
    ]
    return [f"{name:<24}{used:>7} of {allowed}" for name, used, allowed in rows]


def _cores(mapped, chip):
    used = np.bincount(mapped.address[:, 0], minlength=chip.n_cores)
    free = np.full(chip.n_cores, chip.n_neurons_per_core)
    for core, _ in chip.reserved_places:
        free[core] -= 1
    rows = [
        (core, f"{_cut(point):<26}{used[core]:>7} of {free[core]}")
        for core, point in enumerate(mapped.core_point)
        if point is not None
    ]
    lines = [f"{core:<6}{text}" for core, text in rows[:_MOST_CORES]]
    if len(rows) > _MOST_CORES:
        lines.append(f"and {len(rows) - _MOST_CORES} cores more")
    return [f"{'core':<6}{'point':<26}neurons", *lines]


def _populations(mapped, chip, cam_use):
    kind = "fixed" if cam_use is None else "used"
    use = mapped.fixed_use if cam_use is None else cam_use
    head = f"{'population':<26}{'n':>6}  {'cores':<9}"
    lines = [
        f"{'':<43}CAM words of {chip.n_cam_words}, {kind}",
        f"{head}{'max':>5}{'mean':>7}{'left':>6}  trained pairs",
    ]
    for population in mapped.network.populations:
        mine = mapped.neuron_slice(population)
        words, pairs = use[mine], mapped.trained_pairs[mine].max()
        cores = _core_list(np.unique(mapped.address[mine, 0]))
        lines.append(
            f"{_cut(population.name):<26}{population.n:>6}  {cores:<9}{words.max():>5}{words.mean():>7.1f}"
            f"{chip.n_cam_words - words.max():>6}  {pairs or '-'}"
        )
    return lines


def _core_list(cores):
    text = ",".join(map(str, cores))
    return text if len(text) <= _WIDEST_LIST else f"{cores[0]}..{cores[-1]}"


def _cut(name):
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."
