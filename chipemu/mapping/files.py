"""Saved mappings: the decisions of a mapping in a TOML file, from which its tables are rebuilt.

A file holds where each population sits, the operating point of each core and the tag of each source. Tables, edges
and capacities are not in it: they follow from the network and the device, whose hashes the file names.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from chipemu.device_fields import Section
from chipemu.device_file import check, fault_text
from chipemu.errors import CapacityError, MappingFileError, RoutingError, nearest
from chipemu.library import load_toml
from chipemu.mapping.mapped import MappedNetwork
from chipemu.mapping.placement import Placement
from chipemu.projection import projection_hash
from chipemu.storage import replacing

SCHEMA = 1

_Name = Annotated[str, Field(min_length=1, max_length=80)]
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=1, le=10_000_000)]
_Index = Annotated[int, Field(ge=0, le=10_000_000)]


class _Core(Section):
    core: _Index = Field(description="core = 0")
    point: _Name = Field(description='point = "output"')


class _Run(Section):
    core: _Index = Field(description="core = 0")
    first: _Index = Field(description="first = 1")
    n: _Count = Field(description="n = 30")


class _Population(Section):
    name: _Name = Field(description='name = "outputs"')
    neurons: list[_Run] = Field(
        description="neurons = [{ core = 0, first = 1, n = 30 }]", min_length=1, max_length=10_000
    )
    latches: list[_Name] | None = Field(default=None, max_length=64)


class _Sources(Section):
    name: _Name = Field(description='name = "inputs"')
    tags: list[_Index] = Field(description="tags = [1, 2]", min_length=1, max_length=100_000)


class _Projection(Section):
    name: _Name = Field(description='name = "weights"')
    hash: _Hash = Field(description="the hash that save_mapping writes")


class _MappingFile(Section):
    # Called schema_ because pydantic's models own the name schema.
    schema_: Literal[1] = Field(alias="schema", description="schema = 1")
    network: _Name = Field(description='network = "binary"')
    network_hash: _Hash = Field(description="the hash that save_mapping writes")
    device: _Name = Field(description='device = "dynapse1"')
    capacity_hash: _Hash = Field(description="the hash that save_mapping writes")
    core: list[_Core] = Field(default=[], max_length=4096)
    population: list[_Population] = Field(default=[], max_length=10_000)
    sources: list[_Sources] = Field(default=[], max_length=1000)
    projection: list[_Projection] = Field(default=[], max_length=32_000)


def save_mapping(mapped: MappedNetwork, path: str | Path) -> Path:
    """Write a mapping file, whole or not at all.

    Parameters
    ----------
    mapped : MappedNetwork
        What to save.
    path : str or Path
        File to write or to replace.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        The folder does not exist.
    """
    path = Path(path)
    with replacing(path) as temporary:
        temporary.write_text(mapping_text(mapped), encoding="utf-8")
    return path


def load_mapping(name_or_path: str | Path, network, device) -> MappedNetwork:
    """Read a mapping file and rebuild the mapping for the network and device it was made for.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped name, or a path to a TOML file.
    network : Network
        The network that was mapped; its own name may differ.
    device : DeviceSpec
        A device with the capacities it was mapped for.

    Returns
    -------
    MappedNetwork
        Equal in every table to the one that was saved.

    Raises
    ------
    MappingFileError
        The file is malformed, breaks a limit of the device, or was made for another network or other capacities;
        one line for every fault.
    UnknownNameError
        No mapping of that name.
    """
    path, tables = load_toml("mappings", name_or_path)
    saved = check(_MappingFile, tables, path, MappingFileError)
    faults = [*_repeated_names(saved), *_device_faults(saved, device), *_network_faults(saved, network)]
    if not faults:
        faults = [*_place_faults(saved, network, device)]
    if faults:
        raise MappingFileError(fault_text(path, faults))
    network = network.copy()
    tags_of = {group.name: group.tags for group in saved.sources}
    tags = [tag for group in network.source_groups for tag in tags_of[group.name]]
    try:
        return MappedNetwork(network, device, _placement(saved, network, device), tags)
    except (CapacityError, RoutingError) as fault:
        raise MappingFileError(f"{path}: sources: {fault}") from fault


def mapping_text(mapped: MappedNetwork) -> str:
    """Content of the mapping file of a mapped network, as TOML."""
    return "\n".join(_lines(mapped)) + "\n"


def _lines(mapped) -> Iterator[str]:
    yield "# Where a network sits on a chip, written by chipemu.mapping.save_mapping; tables are rebuilt on reading."
    yield f"schema = {SCHEMA}"
    yield f"network = {_quoted(mapped.network.name)}"
    yield f'network_hash = "{mapped.network.hash}"'
    yield f"device = {_quoted(mapped.device.name)}"
    yield f'capacity_hash = "{mapped.device.capacity_hash}"'
    for core, point in enumerate(mapped.core_point):
        if point is not None:
            yield f"\n[[core]]\ncore = {core}\npoint = {_quoted(point)}"
    for population in mapped.network.populations:
        runs = ", ".join(_runs(mapped.address[mapped.neuron_slice(population)]))
        yield f"\n[[population]]\nname = {_quoted(population.name)}\nneurons = [{runs}]"
        if population.latches is not None:
            yield f"latches = {json.dumps(population.latches)}"
    for group in mapped.network.source_groups:
        tags = mapped.source_tag[mapped.source_slice(group)].tolist()
        yield f"\n[[sources]]\nname = {_quoted(group.name)}\ntags = {tags}"
    for projection in mapped.network.projections:
        yield f'\n[[projection]]\nname = {_quoted(projection.name)}\nhash = "{projection_hash(projection)}"'


def _quoted(text):
    # A JSON string of printable characters is a TOML basic string.
    return json.dumps(text, ensure_ascii=False)


def _runs(address) -> Iterator[str]:
    breaks = np.flatnonzero((np.diff(address[:, 0]) != 0) | (np.diff(address[:, 1]) != 1)) + 1
    for run in np.split(address, breaks):
        yield f"{{ core = {run[0, 0]}, first = {run[0, 1]}, n = {len(run)} }}"


def _repeated_names(saved) -> Iterator[str]:
    for kind in ("population", "sources", "projection"):
        for name, n in Counter(item.name for item in getattr(saved, kind)).items():
            if n > 1:
                yield f"{kind}: name {name!r} stands {n} times; allowed once"
    for core, n in Counter(item.core for item in saved.core).items():
        if n > 1:
            yield f"core: core {core} stands {n} times; allowed once, with one operating point"


def _device_faults(saved, device) -> Iterator[str]:
    if saved.capacity_hash != device.capacity_hash:
        name = f"device {saved.device!r}" if saved.device != device.name else "an older version of it"
        yield (
            f"capacity_hash: the capacities of {device.name} ({device.path}, [chip]) are not those the mapping was "
            f"made for, {name}: hash {device.capacity_hash[:12]}... here, {saved.capacity_hash[:12]}... in the file. "
            f"Map the network again"
        )


def _network_faults(saved, network) -> Iterator[str]:
    """What differs between the saved network and the given one, item by item."""
    faults = [*_missing_or_unknown(saved, network)]
    point_of = {item.core: item.point for item in saved.core}
    for kind, group, item in _named(saved, network):
        n_saved = len(item.tags) if kind == "sources" else sum(run.n for run in item.neurons)
        if n_saved != group.n:
            faults.append(f"{kind}.{group.name}: places {n_saved}, but {group.name!r} of the network has {group.n}")
        if kind == "population":
            if _asked(item.latches) != _asked(group.latches):
                faults.append(
                    f"population.{group.name}: latches {_asked(item.latches)}; the network asks for "
                    f"{_asked(group.latches)}"
                )
            for core in sorted({run.core for run in item.neurons}):
                if point_of.get(core) != group.point:
                    faults.append(
                        f"population.{group.name}: sits on core {core}, whose operating point is "
                        f"{point_of.get(core)!r}; the network asks for {group.point!r}"
                    )
    hashes = {item.name: item.hash for item in saved.projection}
    for projection in network.projections:
        if hashes.get(projection.name, projection_hash(projection)) != projection_hash(projection):
            faults.append(
                f"projection.{projection.name}: its pairs, receptors, latches or words differ from those of the network"
            )
    yield from faults
    if saved.network_hash != network.hash and not faults:
        yield "network_hash: the network differs from the one that was mapped (order or given tags). Map it again"


def _asked(latches):
    return "of the device" if latches is None else ", ".join(latches) or "none"


def _missing_or_unknown(saved, network) -> Iterator[str]:
    groups = {
        "population": network.populations,
        "sources": network.source_groups,
        "projection": network.projections,
    }
    for kind, items in groups.items():
        wanted, found = [item.name for item in items], [item.name for item in getattr(saved, kind)]
        for name in wanted:
            if name not in found:
                yield f"{kind}: {name!r} of the network is missing"
        for name in found:
            if name not in wanted:
                close = ", ".join(nearest(name, wanted)) or "none is known"
                yield f"{kind}: {name!r} is not in network {network.name!r}; nearest: {close}"


def _named(saved, network):
    for kind, groups in (("population", network.populations), ("sources", network.source_groups)):
        items = {item.name: item for item in getattr(saved, kind)}
        for group in groups:
            if group.name in items:
                yield kind, group, items[group.name]


def _place_faults(saved, network, device) -> Iterator[str]:
    """Neurons outside the chip, reserved, or given twice."""
    chip = device.chip
    for item in saved.core:
        if item.core >= chip.n_cores:
            yield f"core: core {item.core}; {device.name} has 0 to {chip.n_cores - 1} ({device.path}, chip.n_cores)"
    reserved = set(chip.reserved_places)
    owner = dict.fromkeys(reserved, "reserved")
    for population in saved.population:
        for index, run in enumerate(population.neurons):
            key = f"population.{population.name}.neurons.{index}"
            if run.core >= chip.n_cores or run.first + run.n > chip.n_neurons_per_core:
                yield (
                    f"{key}: core {run.core}, neurons {run.first} to {run.first + run.n - 1}; {device.name} has "
                    f"cores 0 to {chip.n_cores - 1} with neurons 0 to {chip.n_neurons_per_core - 1} "
                    f"({device.path}, chip.n_neurons_per_core)"
                )
                continue
            for neuron in range(run.first, run.first + run.n):
                holder = owner.setdefault((run.core, neuron), key)
                if holder != key or (run.core, neuron) in reserved:
                    reason = f"({device.path}, chip.reserved)" if holder == "reserved" else "; allowed once"
                    yield f"{key}: neuron {neuron} of core {run.core} is taken by {holder} {reason}"
                    break


def _placement(saved, network, device):
    runs_of = {item.name: item.neurons for item in saved.population}
    rows = [
        (run.core, neuron)
        for population in network.populations
        for run in runs_of[population.name]
        for neuron in range(run.first, run.first + run.n)
    ]
    core_point: list[str | None] = [None] * device.chip.n_cores
    for item in saved.core:
        core_point[item.core] = item.point
    return Placement(np.array(rows, np.int32).reshape(-1, 2), tuple(core_point))
