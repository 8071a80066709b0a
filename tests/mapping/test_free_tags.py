"""Free tags (DYNAP-SE2): every sender has one of its own on the cores it reaches, however full the tag space is."""

from dataclasses import replace

import pytest

from chipemu.device import load_device
from chipemu.errors import CapacityError, RoutingError
from chipemu.mapping import load_mapping, map_network, save_mapping
from chipemu.network import Network

DEVICE = load_device("dynapse2")


def small(tag_bits):
    """A relative whose tags run out soon."""
    return replace(DEVICE, chip=replace(DEVICE.chip, tag_bits=tag_bits, n_virtual_sources=1 << tag_bits))


def loop(n=3, n_inputs=4, tags=None):
    network = Network("loop")
    network.sources("inputs", n_inputs, tags=tags)
    network.population("outputs", n, point="se2-output")
    network.population("controllers", n, point="se2-controller")
    network.population("silent", 2, point="se2-controller")
    network.project("inputs", "outputs", receptor="ampa")
    network.project("outputs", "controllers", receptor="gaba_b", pairs="one")
    network.project("controllers", "outputs", receptor="nmda", pairs="one")
    return network


def reached(mapped):
    """(core, tag) of every event that reaches a core."""
    return [
        (core, tag)
        for mask, tag in zip(mapped.core_mask.tolist(), mapped.sender_tag.tolist(), strict=True)
        for core in range(4)
        if mask >> core & 1
    ]


def test_tags_are_unique_on_every_core_and_the_tables_deliver_what_was_asked():
    mapped = map_network(loop(), DEVICE)
    assert len(set(reached(mapped))) == len(reached(mapped)) == 4 + 3 + 3
    assert mapped.phantom_edges(mapped.image()) == []
    assert mapped.sender_tag[-2:].tolist() == [-1, -1]  # neurons that send nothing have no tag


def test_a_tag_serves_two_senders_that_share_no_core():
    # inputs and controllers reach the first core (7 senders), outputs the second (3): 8 tags are enough for 10 senders
    mapped = map_network(loop(), small(3))
    assert len(set(reached(mapped))) == 10
    assert len(set(mapped.sender_tag.tolist()) - {-1}) == 8
    assert mapped.phantom_edges(mapped.image()) == []


def test_when_tags_run_out_the_sender_and_both_numbers_are_named():
    with pytest.raises(
        CapacityError, match=r"neuron 0 of population 'controllers' needs a tag of its own on cores 0, where 4 of 4"
    ):
        map_network(loop(n_inputs=4, n=1), small(2))


def test_all_2048_tags_can_be_used():
    network = Network("full")
    network.sources("inputs", 2047)
    network.population("cells", 200, point="se2-output")
    network.project("inputs", "cells", receptor="ampa", pairs=[(i, i % 200) for i in range(2047)])
    network.project("cells", "cells", receptor="ampa", pairs=[(0, 1)])
    tags = [tag for _, tag in reached(map_network(network, DEVICE))]
    assert sorted(tags) == list(range(2048))


def test_tags_asked_for_are_kept_and_others_go_around_them():
    mapped = map_network(loop(tags=[0, 2047, 5, 1]), DEVICE)
    assert mapped.source_tag.tolist() == [0, 2047, 5, 1]
    assert len(set(reached(mapped))) == 10
    with pytest.raises(RoutingError, match=r"dynapse2 takes tags 0 to 2047"):
        map_network(loop(tags=[0, 2048, 5, 1]), DEVICE)


def test_a_saved_mapping_gives_the_same_tags(tmp_path):
    network = loop(tags=[0, 2047, 5, 1])
    mapped = map_network(network, DEVICE)
    again = load_mapping(save_mapping(mapped, tmp_path / "m.toml"), network, DEVICE)
    assert again.hash == mapped.hash
    assert again.sender_tag.tolist() == mapped.sender_tag.tolist()
