"""Placement: which core and which neuron of it each neuron of a network becomes.

Every bias is per core, so populations with different operating points never share a core. Populations with one
point fill its cores in order of definition and may spill from one core into the next.
"""

from dataclasses import dataclass

import numpy as np

from chipemu.errors import CapacityError

_MOST_TRIES = 20_000
_MOST_SEARCHED = 200
_MOST_SHOWN = 16


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a network sits.

    Parameters
    ----------
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron, populations in order of definition.
    core_point : (n_cores,) tuple of str or None
        Operating point of each core; None for an unused core.
    """

    address: np.ndarray
    core_point: tuple[str | None, ...]


def limit(device, field: str) -> str:
    """A capacity with the file and key it comes from, for messages."""
    return f"{device.name} has {getattr(device.chip, field)} ({device.path}, chip.{field})"


def usable_neurons(chip) -> list[np.ndarray]:
    """Neuron numbers of each core that may be used: all but the reserved ones."""
    usable = np.ones((chip.n_cores, chip.n_neurons_per_core), bool)
    for core, neuron in chip.reserved_places:
        usable[core, neuron] = False
    return [np.flatnonzero(row) for row in usable]


def place_by_point(network, device) -> Placement:
    """Give each operating point the fewest free cores that hold its populations, in order of definition.

    Parameters
    ----------
    network : Network
        What to place.
    device : DeviceSpec
        Where; only its capacities are read.

    Returns
    -------
    Placement

    Raises
    ------
    CapacityError
        More operating points than cores, or a population that does not fit on the cores left for its point.
    """
    groups: dict[str, list] = {}
    for population in network.populations:
        groups.setdefault(population.point, []).append(population)
    _check_points(groups, device)
    usable = usable_neurons(device.chip)
    sizes = [len(core) for core in usable]
    needs = [sum(p.n for p in group) for group in groups.values()]
    in_order, failed = _fill_in_order(needs, sizes)
    # on a board populations that follow one another lie side by side; on a chip as few cores as can be are used
    near = device.chip.n_chips > 1 and failed is None
    cores_of = in_order if near else _assign_cores(needs, sizes)
    if cores_of is None:
        if failed is not None:
            point, group = list(groups.items())[failed]
            raise _population_error(point, group, in_order[failed], sizes, device)
        cores_of = in_order
    core_point: list[str | None] = [None] * device.chip.n_cores
    taken = {}
    for (point, group), cores in zip(groups.items(), cores_of, strict=True):
        slots = np.concatenate([_on_core(core, usable[core]) for core in cores])
        for core in cores:
            core_point[core] = point
        first = 0
        for population in group:
            taken[population.name] = slots[first : first + population.n]
            first += population.n
    blocks = [taken[p.name] for p in network.populations]
    address = np.concatenate(blocks) if blocks else np.empty((0, 2), np.int32)
    return Placement(address.astype(np.int32), tuple(core_point))


def _on_core(core, neurons):
    return np.stack([np.full(len(neurons), core), neurons], axis=1)


def _check_points(groups, device):
    if len(groups) > device.chip.n_cores:
        extra = list(groups)[device.chip.n_cores]
        raise CapacityError(
            f"population {groups[extra][0].name!r} brings operating point {extra!r}, number {device.chip.n_cores + 1} "
            f"of {len(groups)}, and each needs its own core; {limit(device, 'n_cores')}. "
            f"Give populations with equal biases one point, or leave a population out."
        )


def _assign_cores(needs, sizes):
    """Free cores for each need, few and low-numbered ones first; None if none are found.

    Cores of one size are interchangeable, so the search tries how many of each size; it is exhaustive on every chip
    with few different sizes and gives up after a fixed number of tries otherwise, or with very many needs.
    """
    if len(needs) > _MOST_SEARCHED:
        return None
    tries = iter(range(_MOST_TRIES))
    hopeless = set()

    def solve(index, free):
        if index == len(needs):
            return []
        if (index, free) in hopeless:
            return None
        for cores in _sufficient_sets(free, sizes, needs[index], tries):
            taken = set(cores)
            rest = solve(index + 1, tuple(core for core in free if core not in taken))
            if rest is not None:
                return [cores, *rest]
        hopeless.add((index, free))
        return None

    return solve(0, tuple(range(len(sizes))))


def _sufficient_sets(free, sizes, need, tries):
    """Sets of free cores that together hold ``need`` neurons, one set for each choice of core sizes."""
    by_size: dict[int, list[int]] = {}
    for core in free:
        by_size.setdefault(sizes[core], []).append(core)
    held = np.cumsum(sorted((sizes[core] for core in free), reverse=True))
    for count in range(int(np.searchsorted(held, need)) + 1, len(free) + 1):
        for n_of in _choices(count, [len(cores) for cores in by_size.values()]):
            if next(tries, None) is None:
                return
            if sum(size * n for size, n in zip(by_size, n_of, strict=True)) >= need:
                chosen = (cores[:n] for cores, n in zip(by_size.values(), n_of, strict=True))
                yield tuple(sorted(core for cores in chosen for core in cores))


def _choices(count, available):
    """How many of each kind make up ``count`` things, as many as possible of the first kinds first."""
    if not available:
        if count == 0:
            yield ()
        return
    rest = sum(available[1:])
    for n in range(min(count, available[0]), max(count - rest, 0) - 1, -1):
        for others in _choices(count - n, available[1:]):
            yield (n, *others)


def _fill_in_order(needs, sizes):
    """Cores handed out from the lowest number up, and the first need for which they run out (None if they do not).

    Later needs each keep one core, so the need that is named wants too much and is not the victim of another.
    """
    held = np.concatenate([[0], np.cumsum(sizes)])  # by the cores before each
    first = 0
    result = []
    for index, need in enumerate(needs):
        last = len(sizes) - (len(needs) - index - 1)
        end = min(max(int(np.searchsorted(held, held[first] + need)), first + 1), last)
        result.append(tuple(range(first, end)))
        if held[end] - held[first] < need:
            return result, index
        first = end
    return result, None


def _population_error(point, group, cores, sizes, device):
    room = sum(sizes[core] for core in cores)
    used = 0
    population = group[-1]
    for candidate in group:
        used += candidate.n
        if used > room:
            population = candidate
            break
    shared = "" if population is group[0] else f" after {used - population.n} of point {point!r}"
    reserved = sum(core in cores for core, _ in device.chip.reserved_places)
    note = f", {reserved} of them reserved" if reserved else ""
    n_more = max(len(cores) + 1, -(-sum(p.n for p in group) // device.chip.n_neurons_per_core))
    return CapacityError(
        f"population {population.name!r} needs {population.n} neurons on {_core_list(cores)}{shared}; "
        f"{device.name} has {len(cores) * device.chip.n_neurons_per_core} "
        f"({device.path}, chip.n_neurons_per_core{note}). {_way_out(n_more, device)}"
    )


def _way_out(n_cores, device):
    if n_cores > device.chip.n_cores:
        total = sum(map(len, usable_neurons(device.chip)))
        return f"Make it smaller: all {device.chip.n_cores} cores together have {total} usable neurons."
    return (
        f"Split it, or allow {n_cores} cores: other points hold the rest, and populations with one point share cores."
    )


def _core_list(cores):
    return f"core {cores[0]}" if len(cores) == 1 else f"cores {listed(cores)}"


def listed(cores) -> str:
    """Cores as messages show them: the first ones, and how many more."""
    more = f" and {len(cores) - _MOST_SHOWN} more" if len(cores) > _MOST_SHOWN else ""
    return ", ".join(map(str, cores[:_MOST_SHOWN])) + more
