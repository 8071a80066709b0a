"""Networks: what can be described, what is refused and how the message names it."""

import numpy as np
import pytest

from chipemu.errors import InputError, UnknownNameError
from chipemu.network import RECEPTORS, Network


@pytest.fixture
def net():
    network = Network("small")
    network.sources("inputs", 3)
    network.population("hidden", 4, point="hidden")
    network.population("outputs", 4, point="output")
    return network


def test_receptor_order_is_the_index_used_by_the_kernels():
    assert RECEPTORS == ("ampa", "nmda", "gaba_a", "gaba_b")


def test_all_pairs_join_every_sender_with_every_receiver(net):
    projection = net.project("inputs", "hidden", receptor="ampa", words=2)
    assert {tuple(pair) for pair in projection.pairs} == {(i, j) for i in range(3) for j in range(4)}
    assert (projection.words == 2).all()
    assert not projection.trained


def test_one_to_one_pairs_join_equal_indices(net):
    assert net.project("hidden", "outputs", receptor="nmda", pairs="one").pairs.tolist() == [[i, i] for i in range(4)]


def test_listed_pairs_keep_their_order_and_words(net):
    pairs = np.array([[2, 3], [0, 1]])
    projection = net.project("inputs", "outputs", receptor="gaba_a", pairs=pairs, words=np.array([1, 7]))
    assert projection.pairs.tolist() == pairs.tolist()
    assert projection.words.tolist() == [1, 7]


def test_signed_projection_is_trained_and_has_no_words(net):
    projection = net.project_signed("inputs", "outputs", positive="ampa", negative="gaba_b", name="weights")
    assert projection.trained
    assert projection.words is None
    assert net["weights"] is projection


def test_views_are_read_only(net):
    projection = net.project("inputs", "hidden", receptor="ampa")
    with pytest.raises(ValueError, match="read-only"):
        projection.pairs[0, 0] = 1
    with pytest.raises(AttributeError):
        projection.name = "other"
    assert isinstance(net.populations, tuple)


def test_a_caller_who_changes_his_pairs_does_not_change_the_projection(net):
    pairs = np.array([[0, 0], [1, 1]])
    projection = net.project("inputs", "hidden", receptor="ampa", pairs=pairs)
    pairs[0, 0] = 2
    assert projection.pairs[0, 0] == 0


def test_hash_tells_networks_apart_by_everything_but_their_name():
    def build(name="a", n=3, point="p", words=1, tags=None):
        network = Network(name)
        network.project(
            network.sources("s", 2, tags=tags), network.population("x", n, point=point), receptor="ampa", words=words
        )
        return network.hash

    assert build() == build(name="b")
    assert len({build(), build(n=4), build(point="q"), build(words=2), build(tags=[5, 6])}) == 5


REFUSED = [
    (lambda n: n.population("hidden", 3, point="p"), "already has a group called 'hidden'"),
    (lambda n: n.sources("hidden", 3), "already has a group called 'hidden'"),
    (lambda n: n.population("x", 0, point="p"), "population 'x' asks for 0 neurons"),
    (lambda n: n.population("x", 2.5, point="p"), "2.5 neurons"),
    (lambda n: n.population("x", True, point="p"), "True neurons"),
    (lambda n: n.population("x", 10**9, point="p"), "1 to 100000"),
    (lambda n: n.population("a\nb", 2, point="p"), "printable"),
    (lambda n: n.population("x", 2, point=""), "operating point name"),
    (lambda n: n.sources("x", 2, tags=[3, 3]), "tag 3 is given to more than one"),
    (lambda n: n.sources("x", 2, tags=[3]), "1 tags for 2 sources"),
    (lambda n: n.project("inputs", "inputs", receptor="ampa"), "cannot receive"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs="one"), "'inputs' has 3 and 'hidden' has 4"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs=[[0, 4]]), "unit 4 of 'hidden'"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs=[[-1, 0]]), "unit -1 of 'inputs'"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs=[[0, 0], [0, 0]]), "2 times"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs=np.empty((0, 2), int)), "k >= 1"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", pairs=[[0.0, 1.0]]), "whole numbers"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", words=0), "0 words for a synapse"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", words=1.5), "whole number"),
    (lambda n: n.project("inputs", "hidden", receptor="ampa", words=[1, 2]), "12 pairs"),
    (lambda n: n.project_signed("inputs", "hidden", positive="ampa", negative="ampa"), "sign"),
    (lambda n: n.project(Network("b").sources("inputs", 3), "hidden", receptor="ampa"), "another network"),
]


@pytest.mark.parametrize(("define", "fragment"), REFUSED, ids=[fragment for _, fragment in REFUSED])
def test_impossible_items_are_refused_by_name(net, define, fragment):
    before = net.hash
    with pytest.raises(InputError, match=fragment.replace("(", r"\(")):
        define(net)
    assert net.hash == before


def test_unknown_names_list_the_nearest(net):
    with pytest.raises(UnknownNameError, match="nearest: gaba_a"):
        net.project("inputs", "hidden", receptor="gaba")
    with pytest.raises(UnknownNameError, match="nearest: inputs"):
        net.project("input", "hidden", receptor="ampa")
    with pytest.raises(UnknownNameError, match="store"):
        net.project_signed("inputs", "hidden", positive="ampa", negative="gaba_b", store="floats")


def test_a_second_projection_of_the_same_kind_needs_a_name(net):
    net.project("inputs", "hidden", receptor="ampa")
    with pytest.raises(InputError, match="name="):
        net.project("inputs", "hidden", receptor="ampa")
    assert net.project("inputs", "hidden", receptor="ampa", name="again").name == "again"
