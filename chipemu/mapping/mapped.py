"""A network on a device: `map_network` and the immutable `MappedNetwork` it returns."""

import hashlib
import json
from functools import cached_property
from itertools import chain

import numpy as np

from chipemu.errors import InputError, UnknownNameError
from chipemu.mapping.bases import neuron_bases
from chipemu.mapping.cam import (
    CamTable,
    assign_slots,
    build_cam_table,
    fired_words,
    key_rows,
    portions,
    slot_words,
    surplus_words,
    word_keys,
)
from chipemu.mapping.edges import EdgeTable, build_edges
from chipemu.mapping.image import WeightEncoder, WeightImage
from chipemu.mapping.latches import check_latches
from chipemu.mapping.placement import Placement, place_by_point
from chipemu.mapping.reach import Reach, edge_reach, pair_reach
from chipemu.mapping.report import utilisation_table
from chipemu.mapping.routing import assign_tags
from chipemu.mapping.sram import sram_table
from chipemu.network import Network, Population, Projection, Sources
from chipemu.operating_point import load_point

BROADCASTS = ("core", "chip")


def map_network(network: Network, device) -> "MappedNetwork":
    """Place a network on a device, give its sources tags, and fill the routing tables.

    Parameters
    ----------
    network : Network
        What to place; later additions to it do not reach the result.
    device : DeviceSpec
        Where to place it.

    Returns
    -------
    MappedNetwork

    Raises
    ------
    InputError
        A population or projection sets a latch that the device does not have.
    CapacityError
        The network needs more cores, neurons, CAM or SRAM words, plastic synapses, sources or tags than there are.
    RoutingError
        A source tag given by the user aliases another sender.

    Examples
    --------
    >>> from chipemu.device import load_device
    >>> net = Network("binary")
    >>> inputs = net.sources("inputs", 8)
    >>> outputs = net.population("outputs", 20, point="output")
    >>> weights = net.project_signed(inputs, outputs, positive="ampa", negative="gaba_b", name="weights")
    >>> mapped = map_network(net, load_device("dynapse1"))
    >>> image = mapped.image({"weights": np.full(160, 10)})
    >>> image.clipped, mapped.phantom_edges(image)
    (320, [])
    """
    network = network.copy()
    return MappedNetwork(network, device, place_by_point(network, device))


class MappedNetwork:
    """A placed network: addresses, tags, routing tables and potential edges; nothing in it changes.

    Made by `map_network` or `load_mapping`. A mapping depends on the device, not on the die.

    Attributes
    ----------
    network : Network
        A copy of what was mapped.
    device : DeviceSpec
        Where it sits.
    n_sources, n_neurons : int
        Number of spike sources and of neurons.
    address : (n_neurons, 2) int32
        Core and neuron of each network neuron, populations in order of definition.
    core_point : (n_cores,) tuple of str or None
        Operating point of each core; None for an unused core.
    source_tag : (n_sources,) int32
        Tag of each source.
    sender_tag : (n_sources + n_neurons,) int32
        Tag of each sender, sources first; -1 for a neuron that sends nothing where tags are free.
    reach : Reach
        Cores each sender's events are sent to, sources first.
    sram : SramTable
        SRAM words of each neuron, tuples of (core mask, virtual core), one for each chip that it sends to.
    edges : EdgeTable
        All potential edges.
    fixed_use : (n_neurons,) int64
        CAM words that fixed projections use.
    trained_pairs : (n_neurons,) int64
        Trained pairs that compete for the CAM words left.
    """

    def __init__(self, network: Network, device, placement: Placement, source_tag=None):
        check_latches(network, device)
        self.network, self.device = network, device
        self.n_sources = sum(group.n for group in network.source_groups)
        self.n_neurons = sum(population.n for population in network.populations)
        self.address, self.core_point = placement.address, placement.core_point
        self.edges: EdgeTable = build_edges(network)
        self._find_groups()
        self.reach: Reach = edge_reach(self.edges, self.address, self.n_sources, device.chip.n_cores)
        self.sram = sram_table(self.reach, self.address, self.n_sources, device, self.sender_name)
        self.source_tag, tags = assign_tags(
            network, self.reach, self.address, device, self.sender_name, asked=source_tag
        )
        self.sender_tag = np.concatenate([self.source_tag, tags])
        encoder = WeightEncoder(network, device, self.edges, self.neuron_name)
        self.fixed_use, self.trained_pairs = encoder.fixed_use, encoder.trained_pairs
        self._encoder = encoder
        for array in (self.address, self.source_tag, self.sender_tag, self.fixed_use):
            array.flags.writeable = False

    def __setattr__(self, name, value):
        if "_encoder" in self.__dict__:
            raise AttributeError(f"a mapped network does not change; cannot set {name!r}")
        super().__setattr__(name, value)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of network, capacities, placement and tags, as 64 hexadecimal digits."""
        digest = hashlib.sha256(
            json.dumps([self.network.hash, self.device.capacity_hash, self.core_point])[:-1].encode()
        )
        for table in (self.address, self.source_tag):
            # in portions: as Python lists, a million addresses take 200 MB
            parts = (json.dumps(table[some].tolist())[1:-1].encode() for some in portions(len(table), 64))
            digest.update(b", [")
            for index, part in enumerate(parts):
                digest.update(b", " * (index > 0) + part)
            digest.update(b"]")
        digest.update(b"]")
        return digest.hexdigest()

    @cached_property
    def core_mask(self) -> np.ndarray:
        """Cores of each sender, bit c for core c, (n_sources + n_neurons,): int64, Python integers for many cores."""
        return self.reach.masks()

    def neuron_slice(self, population: Population | str) -> slice:
        """Neurons of a population, counted over all populations."""
        return self._slice(population, "population")

    def source_slice(self, sources: Sources | str) -> slice:
        """Sources of a group, counted over all groups."""
        return self._slice(sources, "sources")

    def edge_slice(self, projection: Projection | str, sign: int = 0) -> slice:
        """Edges of a projection; ``sign`` +1 or -1 picks the positive or negative half of a trained one."""
        edges = self._slice(projection, "projection")
        if not sign:
            return edges
        n_pairs = len(self.network[getattr(projection, "name", projection)])
        first = edges.start + (n_pairs if sign < 0 else 0)
        return slice(first, first + n_pairs)

    def image(self, weights=None, *, policy: str = "greedy", rng=None, bases=None) -> WeightImage:
        """Code signed weights as words, within what every neuron has left beside its fixed words.

        Parameters
        ----------
        weights : dict of str to (..., k) array of int
            Signed weights of every trained projection, one a pair; equal leading axes, e.g. dies. Floats on devices
            with float weights; floats in units of base current 0 on devices with masks.
        policy : str
            What happens when words run out: ``"greedy"`` serves the largest weights first, ``"uniform"`` takes random
            words away, ``"error"`` raises.
        rng : numpy.random.Generator or (..., n_neurons) array of float in [0, 1)
            Randomness of ``"uniform"``.
        bases : (n_neurons, 4) array of float, optional
            Base currents of each neuron's core in units of its base current 0, on devices with masks; by default those
            that the operating points ask for.

        Returns
        -------
        WeightImage
            Words of each potential edge, dims (..., edge), and the number of clipped words.

        Raises
        ------
        CapacityError
            Policy ``"error"`` and a neuron's words run out, or a code exceeds the plastic synapses.
        InputError
            Weights are missing, have the wrong shape or type, or ``"uniform"`` lacks its ``rng``.
        """
        return self._encoder.encode(weights or {}, policy, rng, self._bases(bases))

    def strengths(self, words: np.ndarray, bases=None) -> np.ndarray:
        """Weights that the words of an image stand for, (..., edge): units of base current 0 on devices with masks."""
        return self._encoder.strengths(words, self._bases(bases))

    def _bases(self, given):
        return given if given is not None or self.device.weights != "masks" else self._design_bases

    @cached_property
    def _design_bases(self) -> np.ndarray:
        points = {name: load_point(name, self.device) for name in set(self.core_point) if name is not None}
        return neuron_bases(self.device, points, self.core_point, self.address)

    def cam_use(self, image: WeightImage) -> np.ndarray:
        """CAM words each neuron uses, fixed and trained, dims (..., neuron)."""
        words = self._encoder.cam_use(image.words)
        use = np.zeros((*words.shape[:-1], self.n_neurons), np.int64)
        for die in np.ndindex(words.shape[:-1]):
            use[die] = np.bincount(self.edges.post, words[die], self.n_neurons)
        return use

    def cam_slots(self, image: WeightImage, previous=None) -> np.ndarray:
        """Which edge fills each CAM word; words that stay keep their slot.

        Parameters
        ----------
        image : WeightImage
            The upload.
        previous : (..., n_neurons, n_cam_words) array of int, optional
            Slots before it.

        Returns
        -------
        (..., n_neurons, n_cam_words) int32
            Edge index of each word, -1 if it is empty.
        """
        counts = self._encoder.cam_use(image.words)
        return assign_slots(counts, self.edges.post, self.n_neurons, self.device.chip.n_cam_words, previous)

    def cam_table(self, image: WeightImage, previous=None) -> CamTable:
        """Tag and receptor of every CAM word of the chip for the image of one die; ``previous`` as in `cam_slots`."""
        slots = self.cam_slots(self._single(image), previous)
        return build_cam_table(slots, self.edges, self.sender_tag, self.address, self.device.chip)

    def phantom_edges(self, image: WeightImage, *, broadcast: str = "core") -> list[tuple[int, int, int, int, int]]:
        """Edges that the tables make and nobody asked for; empty for every mapping made here.

        Parameters
        ----------
        image : WeightImage
            Image of one die.
        broadcast : str
            ``"core"``: events reach the cores of their mask; ``"chip"``: the stricter reading, all cores.

        Returns
        -------
        list of (sender, core, neuron, receptor, number of words)
        """
        if broadcast not in BROADCASTS:
            raise UnknownNameError("broadcast", broadcast, BROADCASTS)
        plastic = np.flatnonzero(self.edges.plastic & (self.edges.sign > 0))
        per_group = 1 if broadcast == "core" else self.device.chip.cores_per_chip
        n_groups = self.device.chip.n_cores // per_group
        heard = pair_reach(self.reach.sender, self.reach.core // per_group, len(self.reach), n_groups)
        words = self._words_of(self.cam_slots(self._single(image)))
        if len(plastic):
            words = chain(words, self._words_of(self._plastic_slots(plastic)))
        fired = fired_words(words, heard.sender, heard.core, self.sender_tag, per_group, self._shape)
        requested = self._requested(self._encoder.cam_use(image.words), plastic)
        if np.array_equal(fired, requested):
            return []
        return surplus_words(key_rows(fired, self._shape), key_rows(requested, self._shape))

    def utilisation(self, image: WeightImage | None = None) -> str:
        """Table of what is used of what is there; with an image the CAM words it fills, else the fixed ones."""
        return utilisation_table(self, None if image is None else self.cam_use(self._single(image)))

    def __str__(self):
        return self.utilisation()

    def neuron_name(self, neuron: int) -> str:
        """A neuron as messages call it: its number in its population, and the population."""
        for population in self.network.populations:
            if neuron < population.n:
                return f"neuron {neuron} of population {population.name!r}"
            neuron -= population.n
        raise InputError(f"neuron index beyond the {self.n_neurons} of network {self.network.name!r}")

    def sender_name(self, sender: int) -> str:
        """A sender as messages call it: a source with its group, or a neuron with its population."""
        for group in self.network.source_groups:
            if sender < group.n:
                return f"source {sender} of sources {group.name!r}"
            sender -= group.n
        return self.neuron_name(sender)

    @property
    def _shape(self):
        return self.device.chip.n_cores, self.device.chip.n_neurons_per_core

    def _words_of(self, slots):
        return slot_words(slots, self.edges, self.sender_tag, self.address)

    def _requested(self, counts, plastic):
        """Keys of the words that edges ask for, and of one for each plastic synapse, sorted."""
        keys = []
        for some in portions(len(self.edges)):
            keys.append(self._edge_keys(np.repeat(np.arange(some.start, some.stop), counts[some])))
        keys = np.concatenate([*keys, self._edge_keys(plastic)])
        keys.sort()
        return keys

    def _edge_keys(self, edge):
        core, neuron = self.address[self.edges.post[edge]].T
        return word_keys(self.edges.pre[edge], core, neuron, self.edges.receptor[edge], self._shape)

    def _plastic_slots(self, plastic):
        """The plastic synapses as slots of words: each pair listens to its sender's tag as a CAM word does."""
        counts = np.bincount(plastic, minlength=len(self.edges))
        widest = int(np.bincount(self.edges.post[plastic]).max())
        return assign_slots(counts, self.edges.post, self.n_neurons, widest)

    def _single(self, image):
        if image.words.ndim != 1:
            raise InputError(f"the image holds {image.words.shape[:-1]} dies; take one with image.select(die)")
        return image

    def _find_groups(self):
        """First sender, neuron and edge of every group and projection, by name."""
        network = self.network
        sizes = {
            "sources": [(group.name, group.n) for group in network.source_groups],
            "population": [(population.name, population.n) for population in network.populations],
            "projection": [(p.name, len(p) * (2 if p.trained else 1)) for p in network.projections],
        }
        self._slices = {}
        for kind, items in sizes.items():
            last = np.cumsum([n for _, n in items]).tolist()
            self._slices[kind] = {name: slice(end - n, end) for (name, n), end in zip(items, last, strict=True)}

    def _slice(self, item, kind):
        name, known = getattr(item, "name", item), self._slices[kind]
        if name not in known:
            raise UnknownNameError(kind, name, list(known))
        return known[name]
