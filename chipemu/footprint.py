"""What an emulator holds in memory: every array it reaches, once, with its place, shape and bytes.

Nothing is listed by hand, so that an array added anywhere is counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

_DEEPEST = 12


@dataclass(frozen=True)
class Held:
    """One array: its path from the emulator, shape, type, and the bytes behind it; a view counts as its owner."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    n_bytes: int


@dataclass(frozen=True)
class Footprint:
    """Arrays of an emulator, the largest first.

    Attributes
    ----------
    held : tuple of Held
    n_runs, n_neurons, n_synapses : int
        Runs, neurons, and connections of the emulator.
    """

    held: tuple[Held, ...]
    n_runs: int
    n_neurons: int
    n_synapses: int

    @property
    def total(self) -> int:
        """All of them [B]."""
        return sum(held.n_bytes for held in self.held)

    def part(self, prefix: str) -> int:
        """Bytes of the arrays whose path begins so."""
        return sum(held.n_bytes for held in self.held if held.name.startswith(prefix))

    def __str__(self) -> str:
        lines = [
            f"{self.total / 1e6:.1f} MB in {len(self.held)} arrays: {self.n_runs} runs, {self.n_neurons} neurons, "
            f"{self.n_synapses} synapses",
            f"  {'array':<44}{'shape':>20}  {'type':<8}{'MB':>9}",
        ]
        for held in self.held:
            if held.n_bytes >= self.total / 1000:
                shape = " x ".join(map(str, held.shape))
                lines.append(f"  {held.name:<44}{shape:>20}  {held.dtype:<8}{held.n_bytes / 1e6:>9.2f}")
        return "\n".join(lines)


def footprint(emulator) -> Footprint:
    """Arrays that an emulator reaches: state, connections, dies and mapping.

    Parameters
    ----------
    emulator : Emulator

    Returns
    -------
    Footprint

    Examples
    --------
    >>> from chipemu import Emulator, Network, load_device, map_network, sample_chip
    >>> device, net = load_device("dynapse1"), Network("cells")
    >>> _ = net.population("cells", 256, point="output")
    >>> used = footprint(Emulator([sample_chip(device, 1)], map_network(net, device)))
    >>> used.n_neurons, used.total > used.part("state") > 256 * 4
    (256, True)
    """
    mapped = emulator.mapped
    owners: dict[int, Held] = {}
    for name, array in _arrays(emulator, "", set(), 0):
        root = _root(array)
        owners.setdefault(id(root), Held(name, array.shape, str(array.dtype), root.nbytes))
    held = sorted(owners.values(), key=lambda one: -one.n_bytes)
    return Footprint(tuple(held), emulator.n_runs, mapped.n_neurons, len(mapped.edges))


def _root(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _arrays(thing: object, name: str, seen: set[int], depth: int) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays below an object with their paths, through the package's own objects, tuples and tables."""
    if isinstance(thing, np.ndarray):
        yield name, thing
    elif id(thing) not in seen and depth < _DEEPEST:
        seen.add(id(thing))
        for key, part in _parts(thing):
            yield from _arrays(part, f"{name}.{key}".lstrip("._"), seen, depth + 1)


def _parts(thing: object) -> Iterator[tuple[str, object]]:
    if isinstance(thing, Mapping):
        yield from ((str(key), part) for key, part in thing.items())
    elif hasattr(thing, "_fields"):
        yield from zip(thing._fields, thing, strict=True)
    elif isinstance(thing, tuple | list):
        yield from ((str(index), part) for index, part in enumerate(thing))
    elif type(thing).__module__.startswith("chipemu.") and hasattr(thing, "__dict__"):
        yield from vars(thing).items()
