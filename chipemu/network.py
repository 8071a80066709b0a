"""Spiking networks as their author thinks of them: sources, populations and projections, no hardware words.

Nothing here knows a device. Capacities, tags and CAM words enter in `chipemu.mapping`.
"""

import hashlib
import json

import numpy as np

from chipemu.device_latches import NEURON_LATCHES
from chipemu.errors import InputError, UnknownNameError, shorten
from chipemu.projection import (
    RECEPTORS,
    STORES,
    Population,
    Projection,
    Sources,
    check_known,
    check_synapse,
    projection_hash,
    read_latches,
    read_pairs,
    read_words,
)

__all__ = ["RECEPTORS", "Network", "Population", "Projection", "Sources"]

# Far above any chip; it turns a mistyped size into a message instead of a full memory.
_MOST_UNITS = 10_000_000
_LONGEST_NAME = 80


class Network:
    """Sources, populations and the projections between them, in order of definition.

    Parameters
    ----------
    name : str
        Name of the network.

    Examples
    --------
    >>> net = Network("binary")
    >>> inputs = net.sources("inputs", 8)
    >>> outputs = net.population("outputs", 20, point="output")
    >>> weights = net.project_signed(inputs, outputs, positive="ampa", negative="gaba_b", name="weights")
    >>> print(net)
    network 'binary': 8 sources, 20 neurons, 160 synapses
      sources     inputs    8
      population  outputs  20  point output
      projection  weights  inputs -> outputs  160 trained pairs (ampa / gaba_b, words)
    """

    def __init__(self, name: str):
        self.name = _name(name, "network")
        self._groups: dict[str, Sources | Population] = {}
        self._projections: dict[str, Projection] = {}

    def sources(self, name: str, n: int, *, tags=None) -> Sources:
        """Add a group of spike sources.

        Parameters
        ----------
        name : str
            Name, unique among sources and populations.
        n : int
            Number of sources.
        tags : (n,) sequence of int, optional
            Source tags to use, all different; by default the mapper chooses free ones.

        Returns
        -------
        Sources

        Raises
        ------
        InputError
            The name is taken or not printable, ``n`` is not a positive integer, or the tags do not fit.
        """
        count = _count(n, f"sources {shorten(name)!r}", "sources")
        return self._add(Sources(self._new_name(name, "sources"), count, _tags(tags, count, name)))

    def population(self, name: str, n: int, *, point: str, latches=None) -> Population:
        """Add a population of neurons.

        Parameters
        ----------
        name : str
            Name, unique among sources and populations.
        n : int
            Number of neurons.
        point : str
            Name of the operating point; populations with one point may share cores, others never do.
        latches : sequence of str, optional
            Latches that are set, and no others (`chipemu.device_latches.NEURON_LATCHES`); by default those that the
            device sets by itself. Only a device that lists a latch can set it.

        Returns
        -------
        Population

        Raises
        ------
        InputError
            The name is taken or not printable, or ``n`` is not a positive integer; UnknownNameError for a latch that
            no neuron has.
        """
        count = _count(n, f"population {shorten(name)!r}", "neurons")
        latches = read_latches(latches, NEURON_LATCHES, name)
        return self._add(
            Population(self._new_name(name, "population"), count, _name(point, "operating point"), latches)
        )

    def project(
        self,
        pre,
        post,
        *,
        receptor: str,
        words=1,
        pairs="all",
        name: str | None = None,
        stp: bool = False,
        delay: str | None = None,
    ) -> Projection:
        """Add synapses whose number of CAM words never changes.

        Parameters
        ----------
        pre : Sources, Population or str
            Sending group.
        post : Population or str
            Receiving population.
        receptor : str
            One of `RECEPTORS`.
        words : int or (k,) array of int
            Parallel CAM words of each synapse, at least 1.
        pairs : "all", "one" or (k, 2) array of int
            Every sender with every receiver, sender i with receiver i, or the listed (sender, receiver) pairs.
        name : str, optional
            Name of the projection; by default built from the groups and the receptor.
        stp : bool
            Short-term depression, on devices that list the latch.
        delay : str, optional
            ``"precise"``, ``"mismatched"`` or ``"both"``, on devices that list the latch: beside the delay that every
            synapse has, one that is alike for all synapses of a core, or one that is spread from synapse to synapse.

        Returns
        -------
        Projection

        Raises
        ------
        InputError
            A group, pair or number of words does not fit; UnknownNameError for an unknown name.
        """
        pre, post = self._ends(pre, post)
        check_known("receptor", receptor, RECEPTORS)
        name = self._projection_name(name or f"{pre.name}_{post.name}_{receptor}")
        check_synapse(stp, delay, "words", name)
        pairs = read_pairs(pairs, pre, post, name)
        return self._connect(
            Projection(
                name,
                pre,
                post,
                pairs,
                receptor=receptor,
                words=read_words(words, len(pairs), name),
                stp=stp,
                delay=delay,
            )
        )

    def project_signed(
        self,
        pre,
        post,
        *,
        positive: str,
        negative: str,
        pairs="all",
        name: str | None = None,
        store: str = "words",
        stp: bool = False,
        delay: str | None = None,
    ) -> Projection:
        """Add trained synapses: signed integer weights that are given anew with every weight image.

        Parameters
        ----------
        pre : Sources, Population or str
            Sending group.
        post : Population or str
            Receiving population.
        positive, negative : str
            Receptors that carry positive and negative weights, two different ones of `RECEPTORS`.
        pairs : "all", "one" or (k, 2) array of int
            As in `project`.
        name : str, optional
            Name of the projection; by default built from the groups and the receptors.
        store : str
            ``"words"``: repeated CAM words; ``"plastic"``: the device's plastic synapses.
        stp, delay
            As in `project`; not for plastic synapses.

        Returns
        -------
        Projection

        Raises
        ------
        InputError
            A group or pair does not fit, or both receptors are one; UnknownNameError for an unknown name.
        """
        pre, post = self._ends(pre, post)
        check_known("receptor", positive, RECEPTORS)
        check_known("receptor", negative, RECEPTORS)
        check_known("store", store, STORES)
        name = self._projection_name(name or f"{pre.name}_{post.name}_{positive}_{negative}")
        check_synapse(stp, delay, store, name)
        if positive == negative:
            raise InputError(
                f"projection {name!r}: positive and negative weights both use receptor {positive!r}, so their sign "
                f"would be lost; choose two of {', '.join(RECEPTORS)}"
            )
        pairs = read_pairs(pairs, pre, post, name)
        return self._connect(
            Projection(name, pre, post, pairs, positive=positive, negative=negative, store=store, stp=stp, delay=delay)
        )

    @property
    def source_groups(self) -> tuple[Sources, ...]:
        """Spike sources in order of definition."""
        return tuple(group for group in self._groups.values() if isinstance(group, Sources))

    @property
    def populations(self) -> tuple[Population, ...]:
        """Populations in order of definition."""
        return tuple(group for group in self._groups.values() if isinstance(group, Population))

    @property
    def projections(self) -> tuple[Projection, ...]:
        """Projections in order of definition."""
        return tuple(self._projections.values())

    def __getitem__(self, name: str) -> Sources | Population | Projection:
        """Group or projection called ``name``; UnknownNameError otherwise."""
        items = self._groups | self._projections
        if name not in items:
            raise UnknownNameError("group or projection", name, items, where=f"network {self.name!r}")
        return items[name]

    @property
    def hash(self) -> str:
        """SHA-256 of everything but the network's own name, as 64 hexadecimal digits."""
        text = json.dumps([self._description(), {p.name: projection_hash(p) for p in self.projections}])
        return hashlib.sha256(text.encode()).hexdigest()

    def _description(self) -> list:
        sources = [[s.name, s.n, s.tags] for s in self.source_groups]
        # as in a projection's hash, latches enter only where they are given
        asked = [[p.name, p.n, p.point, *([p.latches] * (p.latches is not None))] for p in self.populations]
        return [sources, asked]

    def copy(self) -> "Network":
        """The same groups and projections in a second network, which later additions to this one do not reach."""
        other = Network(self.name)
        other._groups, other._projections = dict(self._groups), dict(self._projections)
        return other

    def __str__(self):
        n_sources, n_neurons = (sum(g.n for g in groups) for groups in (self.source_groups, self.populations))
        n_synapses = sum(map(len, self.projections))
        lines = [f"network {self.name!r}: {n_sources} sources, {n_neurons} neurons, {n_synapses} synapses"]
        wide = max((len(name) for name in self._groups | self._projections), default=0)
        for group in self._groups.values():
            kind, note = ("sources", "") if isinstance(group, Sources) else ("population", _population_note(group))
            lines.append(f"  {kind:<10}  {group.name:<{wide}} {group.n:>3}{note}")
        for p in self.projections:
            kind = f"trained pairs ({p.positive} / {p.negative}, {p.store})" if p.trained else f"pairs ({p.receptor})"
            latches = f"  latches {', '.join(p.latches)}" if p.latches else ""
            lines.append(f"  projection  {p.name:<{wide}}  {p.pre.name} -> {p.post.name}  {len(p)} {kind}{latches}")
        return "\n".join(lines)

    def _add(self, group):
        self._groups[group.name] = group
        return group

    def _connect(self, projection):
        self._projections[projection.name] = projection
        return projection

    def _new_name(self, name, kind):
        if _name(name, kind) in self._groups:
            raise InputError(f"network {self.name!r} already has a group called {name!r}; choose another name")
        return name

    def _projection_name(self, name):
        if _name(name, "projection") in self._projections:
            raise InputError(
                f"network {self.name!r} already has a projection called {name!r}; choose another with name=..."
            )
        return name

    def _ends(self, pre, post):
        pre, post = self._own(pre), self._own(post)
        if isinstance(post, Sources):
            raise InputError(f"sources {post.name!r} cannot receive a projection; only populations have synapses")
        return pre, post

    def _own(self, group):
        name = group if isinstance(group, str) else getattr(group, "name", None)
        if name not in self._groups:
            raise UnknownNameError("group", shorten(name), self._groups, where=f"network {self.name!r}")
        if not isinstance(group, str) and self._groups[name] is not group:
            raise InputError(f"group {name!r} belongs to another network; give the one of {self.name!r}, or its name")
        return self._groups[name]


def _population_note(population):
    latches = "" if population.latches is None else f"  latches {', '.join(population.latches) or 'none'}"
    return f"  point {population.point}{latches}"


def _name(name, kind):
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise InputError(f"{kind} name {shorten(name)!r} is not usable; give 1 to {_LONGEST_NAME} printable characters")
    return name


def _is_integer(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _count(n, item, noun):
    if not _is_integer(n) or not 1 <= n <= _MOST_UNITS:
        raise InputError(f"{item} asks for {shorten(n)} {noun}; give a whole number from 1 to {_MOST_UNITS}")
    return int(n)


def _tags(tags, n, name):
    if tags is None:
        return None
    tags = tuple(tags)
    if len(tags) != n or not all(_is_integer(tag) and tag >= 0 for tag in tags):
        raise InputError(f"sources {name!r}: {len(tags)} tags for {n} sources; give one whole number >= 0 for each")
    if len(set(tags)) != n:
        twice = sorted(tag for tag in set(tags) if tags.count(tag) > 1)
        raise InputError(f"sources {name!r}: tag {twice[0]} is given to more than one source; each needs its own")
    return tuple(int(tag) for tag in tags)
