"""A network on a device: `map_network` and the immutable `MappedNetwork` it returns."""

import hashlib
import json
from functools import cached_property

import numpy as np

from chipemu.errors import InputError, UnknownNameError
from chipemu.mapping.bases import neuron_bases
from chipemu.mapping.cam import CamTable, assign_slots, build_cam_table, delivered_words, surplus_words
from chipemu.mapping.edges import EdgeTable, build_edges
from chipemu.mapping.image import WeightEncoder, WeightImage
from chipemu.mapping.latches import check_latches
from chipemu.mapping.placement import Placement, place_by_point
from chipemu.mapping.report import utilisation_table
from chipemu.mapping.routing import assign_tags, core_masks, sram_words
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
    core_mask : (n_sources + n_neurons,) int64
        Cores each sender's events are sent to, bit c for core c.
    sram : (n_neurons,) tuple of tuples of (core mask, virtual core)
        SRAM words of each neuron.
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
        self.core_mask = core_masks(self.edges, self.address, self.n_sources)
        self.sram = sram_words(self.core_mask, self.address, self.n_sources, device, self.sender_name)
        self.source_tag, tags = assign_tags(
            network, self.core_mask, self.address, device, self.sender_name, asked=source_tag
        )
        self.sender_tag = np.concatenate([self.source_tag, tags])
        encoder = WeightEncoder(network, device, self.edges, self.neuron_name)
        self.fixed_use, self.trained_pairs = encoder.fixed_use, encoder.trained_pairs
        self._encoder = encoder
        for array in (self.address, self.core_mask, self.source_tag, self.sender_tag, self.fixed_use):
            array.flags.writeable = False

    def __setattr__(self, name, value):
        if "_encoder" in self.__dict__:
            raise AttributeError(f"a mapped network does not change; cannot set {name!r}")
        super().__setattr__(name, value)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of network, capacities, placement and tags, as 64 hexadecimal digits."""
        head = [self.network.hash, self.device.capacity_hash, self.core_point]
        head += [self.address.tolist(), self.source_tag.tolist()]
        return hashlib.sha256(json.dumps(head).encode()).hexdigest()

    def neuron_slice(self, population: Population | str) -> slice:
        """Neurons of a population, counted over all populations."""
        return self._slice(population, self.network.populations, "population")

    def source_slice(self, sources: Sources | str) -> slice:
        """Sources of a group, counted over all groups."""
        return self._slice(sources, self.network.source_groups, "sources")

    def edge_slice(self, projection: Projection | str, sign: int = 0) -> slice:
        """Edges of a projection; ``sign`` +1 or -1 picks the positive or negative half of a trained one."""
        self._known(projection, self.network.projections, "projection")
        first = 0
        for candidate in self.network.projections:
            n_edges = len(candidate) * (2 if candidate.trained else 1)
            if candidate.name == getattr(projection, "name", projection):
                break
            first += n_edges
        if not sign:
            return slice(first, first + n_edges)
        first += len(candidate) if sign < 0 else 0
        return slice(first, first + len(candidate))

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
        np.add.at(use, (..., self.edges.post), words)
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
        cam = self.cam_table(image)
        plastic = self.edges.plastic & (self.edges.sign > 0)
        fired = [delivered_words(cam, self.core_mask, self.sender_tag, broadcast=broadcast)]
        edge = np.repeat(np.arange(len(self.edges)), self._encoder.cam_use(image.words))
        requested = self._edge_rows(edge)
        if plastic.any():
            synapses = self._plastic_table(plastic)
            fired.append(delivered_words(synapses, self.core_mask, self.sender_tag, broadcast=broadcast))
            requested = np.concatenate([requested, self._edge_rows(np.flatnonzero(plastic))])
        return surplus_words(np.concatenate(fired), requested)

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

    def _edge_rows(self, edge):
        post = self.address[self.edges.post[edge]]
        return np.stack([self.edges.pre[edge], post[:, 0], post[:, 1], self.edges.receptor[edge]], axis=1)

    def _plastic_table(self, plastic):
        """The plastic synapses as a table of words: each pair listens to its sender's tag as a CAM word does."""
        counts = plastic.astype(np.int64)
        widest = int(np.bincount(self.edges.post[plastic]).max())
        slots = assign_slots(counts, self.edges.post, self.n_neurons, widest)
        return build_cam_table(slots, self.edges, self.sender_tag, self.address, self.device.chip)

    def _single(self, image):
        if image.words.ndim != 1:
            raise InputError(f"the image holds {image.words.shape[:-1]} dies; take one with image.select(die)")
        return image

    def _slice(self, group, groups, kind):
        self._known(group, groups, kind)
        first = 0
        for candidate in groups:
            if candidate.name == getattr(group, "name", group):
                return slice(first, first + candidate.n)
            first += candidate.n
        raise AssertionError("known groups are found")

    def _known(self, item, items, kind):
        name = getattr(item, "name", item)
        if name not in [candidate.name for candidate in items]:
            raise UnknownNameError(kind, name, [candidate.name for candidate in items])
