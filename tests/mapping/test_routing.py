"""Routing: tags that no two senders share on a core, and CAM tables that deliver exactly what was asked for."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import CapacityError, RoutingError
from chipemu.mapping import map_network
from chipemu.mapping.cam import CamTable, assign_slots, delivered_words, surplus_words
from chipemu.network import RECEPTORS, Network


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def loop(tags=None, n_inputs=2):
    """Inputs to outputs, outputs to controllers on a second core and back."""
    network = Network("loop")
    network.sources("inputs", n_inputs, tags=tags)
    network.population("outputs", 3, point="output")
    network.population("controllers", 3, point="controller")
    network.project_signed("inputs", "outputs", positive="ampa", negative="gaba_b", name="weights")
    network.project("outputs", "controllers", receptor="gaba_b", pairs="one", words=2)
    network.project("controllers", "outputs", receptor="nmda", pairs="one", words=3)
    return network


def test_every_requested_word_is_delivered_by_the_tables_alone(device):
    network = loop()
    mapped = map_network(network, device)
    weights = np.array([1, -2, 0, 4, -5, 6])
    image = mapped.image({"weights": weights})
    fired = delivered_words(mapped.cam_table(image), mapped.core_mask, mapped.sender_tag)
    expected = []
    place = [tuple(address) for address in mapped.address]
    for (pre, post), weight in zip(network["weights"].pairs, weights, strict=True):
        receptor = RECEPTORS.index("ampa" if weight > 0 else "gaba_b")
        expected += [(pre, *place[post], receptor)] * abs(weight)
    for i in range(3):
        expected += [(2 + i, *place[3 + i], RECEPTORS.index("gaba_b"))] * 2
        expected += [(2 + 3 + i, *place[i], RECEPTORS.index("nmda"))] * 3
    assert [tuple(row) for row in fired.tolist()] == sorted(expected)


def test_a_neuron_is_known_by_its_core_and_number(device):
    mapped = map_network(loop(), device)
    assert mapped.sender_tag[2:].tolist() == [core * 256 + neuron for core, neuron in mapped.address]


def test_one_sram_word_a_neuron_serves_all_its_cores(device):
    mapped = map_network(loop(), device)
    outputs = mapped.neuron_slice("outputs")
    assert mapped.sram[outputs] == (((0b10, 0),),) * 3
    assert mapped.core_mask[: mapped.n_sources].tolist() == [0b01, 0b01]


def test_automatic_tags_hold_even_if_events_reach_the_whole_chip(device):
    mapped = map_network(loop(n_inputs=50), device)
    image = mapped.image({"weights": np.ones(150, int)})
    assert mapped.phantom_edges(image) == mapped.phantom_edges(image, broadcast="chip") == []
    assert len(np.unique(mapped.sender_tag)) == len(mapped.sender_tag)
    assert 0 not in mapped.source_tag


def test_tags_given_by_the_user_are_kept(device):
    assert map_network(loop(tags=[700, 600]), device).source_tag.tolist() == [700, 600]


def test_a_tag_of_a_neuron_that_sends_only_to_other_cores_may_be_shared(device):
    # Output 0 is neuron 1 of core 0, tag 1; its events go to core 1 only, those of the inputs to core 0 only.
    mapped = map_network(loop(tags=[1, 600]), device)
    image = mapped.image({"weights": np.ones(6, int)})
    assert mapped.phantom_edges(image) == []
    assert mapped.phantom_edges(image, broadcast="chip") != []


def test_an_aliased_tag_is_refused_with_its_owner_and_free_tags(device):
    with pytest.raises(RoutingError) as error:
        map_network(loop(tags=[600, 256]), device)
    for fragment in ("source 1 of sources 'inputs' asks for tag 256", "neuron 0 of population 'controllers'", "core 0"):
        assert fragment in str(error.value)
    assert "Nearest free: 253, 254, 255" in str(error.value)


def test_two_source_groups_with_one_tag_on_one_core_are_refused(device):
    network = loop(tags=[600, 601])
    network.sources("more", 1, tags=[601])
    network.project("more", "outputs", receptor="ampa")
    with pytest.raises(RoutingError, match="source 0 of sources 'more' asks for tag 601, which source 1 of"):
        map_network(network, device)


@pytest.mark.parametrize("tag", [0, 1024])
def test_tags_outside_the_virtual_neurons_are_refused(device, tag):
    with pytest.raises(RoutingError, match=r"takes tags 1 to 1023 .*chip\.tag_bits"):
        map_network(loop(tags=[600, tag]), device)


def test_more_sources_than_virtual_neurons(device):
    with pytest.raises(CapacityError, match=r"'inputs' need 1025 virtual sources.*has 1024.*chip\.n_virtual_sources"):
        map_network(loop(n_inputs=1025), device)


def test_no_free_tag_left(device):
    network = Network("full")
    network.sources("inputs", 2)
    network.population("a", 1023, point="p")
    network.project("inputs", "a", receptor="ampa")
    network.project("a", "a", receptor="nmda", pairs=[[i, i] for i in range(1023)])
    with pytest.raises(CapacityError, match=r"'inputs' need 2 tags .*none of 1023 is left for source 0"):
        map_network(network, device)


def test_silent_neurons_leave_their_tags_to_sources(device):
    network = Network("full")
    network.sources("inputs", 2)
    network.population("a", 1023, point="p")
    network.project("inputs", "a", receptor="ampa")
    mapped = map_network(network, device)
    assert mapped.phantom_edges(mapped.image()) == []


def test_a_device_without_sram_words_is_refused(device):
    with pytest.raises(CapacityError, match=r"population 'outputs' needs 1 SRAM words.*chip\.n_sram_words"):
        map_network(loop(), replace(device, chip=replace(device.chip, n_sram_words=0)))


def test_phantom_edges_are_found_when_a_table_is_wrong():
    # One CAM word listens to tag 5 on each of two cores; senders 0 and 1 both use tag 5.
    cam = CamTable(np.full((2, 1, 1), 5, np.int32), np.zeros((2, 1, 1), np.int8))
    fired = delivered_words(cam, np.array([0b01, 0b11]), np.array([5, 5]))
    assert fired.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]
    assert surplus_words(fired, np.array([[0, 0, 0, 0], [1, 1, 0, 0]])) == [(1, 0, 0, 0, 1)]


def test_words_keep_their_slot_from_upload_to_upload():
    rng = np.random.default_rng(1)
    post = np.repeat(np.arange(4), 5)
    counts = rng.integers(0, 7, (3, 20))
    slots = assign_slots(counts, post, 4, 40)
    for _ in range(20):
        old_counts, old_slots = counts, slots
        counts = np.maximum(counts + rng.integers(-1, 2, counts.shape), 0)
        slots = assign_slots(counts, post, 4, 40, old_slots)
        for die in range(3):
            neuron, slot = np.nonzero(slots[die] >= 0)
            edge = slots[die][neuron, slot]
            assert np.bincount(edge, minlength=20).tolist() == counts[die].tolist()
            assert (post[edge] == neuron).all()
        kept = ((slots == old_slots) & (slots >= 0)).sum(axis=(1, 2))
        assert kept.tolist() == np.minimum(counts, old_counts).sum(axis=1).tolist()
