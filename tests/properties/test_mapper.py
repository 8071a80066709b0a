"""Random networks on random small devices: every invariant of the mapper, at exactly full cores too."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chipemu.device import Routing, load_device
from chipemu.errors import CapacityError
from chipemu.mapping import load_mapping, map_network, save_mapping
from chipemu.network import RECEPTORS, Network

DYNAPSE1 = load_device("dynapse1")
POINTS = ("p", "q", "r")


@st.composite
def devices(draw):
    """Small relatives of DYNAP-SE1, some with free tags, so that their limits are within reach of small networks."""
    n_cores, n_neurons = draw(st.integers(1, 4)), draw(st.integers(2, 8))
    reserved = draw(st.sets(st.tuples(st.integers(0, n_cores - 1), st.integers(0, n_neurons - 1)), max_size=2))
    chip = replace(
        DYNAPSE1.chip,
        n_cores=n_cores,
        n_neurons_per_core=n_neurons,
        n_cam_words=draw(st.integers(1, 24)),
        tag_bits=draw(st.integers(5, 7)),
        n_virtual_sources=draw(st.integers(1, 64)),
        reserved=tuple(sorted(reserved)),
    )
    return replace(DYNAPSE1, chip=chip, routing=Routing(free_tags=draw(st.booleans())))


@st.composite
def networks(draw):
    """Groups, and fixed and trained projections between random pairs of their units."""
    network = Network("random")
    for i in range(draw(st.integers(0, 2))):
        network.sources(f"s{i}", draw(st.integers(1, 5)))
    for i in range(draw(st.integers(1, 4))):
        network.population(f"n{i}", draw(st.integers(1, 6)), point=draw(st.sampled_from(POINTS)))
    groups = (*network.source_groups, *network.populations)
    for i in range(draw(st.integers(0, 5))):
        pre, post = draw(st.sampled_from(groups)), draw(st.sampled_from(network.populations))
        unit = st.tuples(st.integers(0, pre.n - 1), st.integers(0, post.n - 1))
        pairs = np.array(draw(st.lists(unit, min_size=1, max_size=8, unique=True)))
        receptors = draw(st.permutations(RECEPTORS))
        if draw(st.booleans()):
            network.project(pre, post, receptor=receptors[0], words=draw(st.integers(1, 3)), pairs=pairs, name=f"f{i}")
        else:
            network.project_signed(pre, post, positive=receptors[0], negative=receptors[1], pairs=pairs, name=f"t{i}")
    return network


def mapped_or_skip(network, device):
    try:
        return map_network(network, device)
    except CapacityError:
        assume(False)


def random_image(mapped, seed):
    rng = np.random.default_rng(seed)
    weights = {p.name: rng.integers(-9, 10, len(p)) for p in mapped.network.projections if p.trained}
    return weights, mapped.image(weights, policy=("greedy", "uniform")[seed % 2], rng=rng)


def requested_words(mapped, weights):
    """Words each (sender, core, neuron, receptor) asks for, from the network alone."""
    first, total = {}, 0
    for group in (*mapped.network.source_groups, *mapped.network.populations):
        first[group.name] = total
        total += group.n
    asked = Counter()
    for p in mapped.network.projections:
        values = weights[p.name] if p.trained else p.words
        for (pre, post), value in zip(p.pairs.tolist(), values.tolist(), strict=True):
            core, neuron = mapped.address[first[p.post.name] - mapped.n_sources + post].tolist()
            receptor = p.receptor or (p.positive if value > 0 else p.negative)
            asked[first[p.pre.name] + pre, core, neuron, RECEPTORS.index(receptor)] += abs(value)
    return +asked


def delivered_words(mapped, image):
    """Words that fire for each (sender, core, neuron, receptor), from tags, SRAM words and CAM words, one by one."""
    cam = mapped.cam_table(image)
    fired = Counter()
    for sender, tag in enumerate(mapped.sender_tag):
        sram = mapped.sram[sender - mapped.n_sources] if sender >= mapped.n_sources else ()
        mask = sram[0][0] if sram else int(mapped.core_mask[sender]) if sender < mapped.n_sources else 0
        for core, neuron, slot in np.argwhere(cam.tag == tag).tolist():
            if mask >> core & 1:
                fired[sender, core, neuron, int(cam.receptor[core, neuron, slot])] += 1
    return fired


@settings(max_examples=150)
@given(networks(), devices())
def test_placement_keeps_every_limit(network, device):
    mapped = mapped_or_skip(network, device)
    places = [tuple(place) for place in mapped.address.tolist()]
    assert len(set(places)) == len(places) == mapped.n_neurons
    assert not set(places) & set(device.chip.reserved)
    assert all(core < device.chip.n_cores and neuron < device.chip.n_neurons_per_core for core, neuron in places)
    for population in network.populations:
        assert {mapped.core_point[core] for core in mapped.address[mapped.neuron_slice(population), 0]} == {
            population.point
        }


@settings(max_examples=150)
@given(networks(), devices())
def test_tags_are_unique_on_every_core_and_sram_words_fit(network, device):
    mapped = mapped_or_skip(network, device)
    for core in range(device.chip.n_cores):
        reaching = mapped.sender_tag[(mapped.core_mask >> core & 1) == 1]
        assert len(np.unique(reaching)) == len(reaching)
    first = 0 if device.routing.free_tags else 1
    assert ((mapped.source_tag >= first) & (mapped.source_tag < 1 << device.chip.tag_bits)).all()
    assert max(map(len, mapped.sram)) <= device.chip.n_sram_words


@settings(max_examples=150)
@given(networks(), devices(), st.integers(0, 9))
def test_tables_deliver_exactly_what_was_requested(network, device, seed):
    mapped = mapped_or_skip(network, device)
    weights, image = random_image(mapped, seed)
    kept = {}
    for p in network.projections:
        if p.trained:
            positive, negative = (image.words[mapped.edge_slice(p, sign)].astype(int) for sign in (1, -1))
            kept[p.name] = positive - negative
            assert (kept[p.name] * weights[p.name] >= 0).all()
            assert (np.abs(kept[p.name]) <= np.abs(weights[p.name])).all()
    assert sum(np.abs(weights[name] - kept[name]).sum() for name in kept) == image.clipped
    assert delivered_words(mapped, image) == requested_words(mapped, kept)
    assert mapped.phantom_edges(image) == []
    assert mapped.cam_use(image).max() <= device.chip.n_cam_words


@settings(max_examples=60)
@given(networks(), devices())
def test_saved_mappings_come_back_equal(network, device):
    mapped = mapped_or_skip(network, device)
    with TemporaryDirectory() as folder:
        loaded = load_mapping(save_mapping(mapped, Path(folder) / "m.toml"), network, device)
    assert loaded.hash == mapped.hash
    assert loaded.sram == mapped.sram
    for name in ("address", "sender_tag", "core_mask"):
        assert (getattr(loaded, name) == getattr(mapped, name)).all()


@settings(max_examples=60)
@given(devices(), st.data())
def test_exactly_full_chips_are_placed_and_one_neuron_more_is_not(device, data):
    chip = device.chip
    usable = [
        chip.n_neurons_per_core - sum(place[0] == core for place in chip.reserved) for core in range(chip.n_cores)
    ]
    order = [core for core in data.draw(st.permutations(range(chip.n_cores))) if usable[core]]
    assume(order)
    network = Network("full")
    for core in order:
        network.population(f"n{core}", usable[core], point=f"p{core}")
    mapped = map_network(network, device)
    assert len(np.unique(mapped.address, axis=0)) == sum(usable)
    network.population("one_more", 1, point=f"p{order[0]}")
    with pytest.raises(CapacityError, match="needs"):
        map_network(network, device)


@settings(max_examples=20)
@given(st.integers(1, 64), st.integers(1, 8), st.integers(0, 9))
def test_a_full_core_fills_every_word_of_every_neuron(n_fixed, n_inputs, seed):
    network = Network("full")
    network.sources("inputs", n_inputs)
    network.population("a", 256, point="p")
    network.project("a", "a", receptor="nmda", pairs="one", words=n_fixed)
    network.project_signed("inputs", "a", positive="ampa", negative="gaba_b", name="w")
    mapped = map_network(network, DYNAPSE1)
    signs = np.random.default_rng(seed).choice([-1, 1], n_inputs * 256)
    image = mapped.image({"w": signs * 64}, policy=("greedy", "uniform")[seed % 2], rng=np.random.default_rng(seed))
    assert mapped.cam_use(image).tolist() == [64] * 256
    assert mapped.phantom_edges(image) == mapped.phantom_edges(image, broadcast="chip") == []
