"""Weight images: every limit holds at every upload, and a refusal names item, use, limit, file and way out."""

import time
from dataclasses import replace

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import CapacityError, InputError, UnknownNameError
from chipemu.mapping import map_network
from chipemu.network import Network


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def one_layer(store="words", n_inputs=5, feedback=1):
    """Inputs to 30 outputs, each with one controller pair on a second core."""
    network = Network("one_layer")
    network.sources("inputs", n_inputs)
    network.population("outputs", 30, point="output")
    network.population("controllers", 30, point="controller")
    network.project("controllers", "outputs", receptor="nmda", pairs="one", words=feedback, name="up")
    network.project("controllers", "outputs", receptor="gaba_a", pairs="one", words=feedback, name="down")
    network.project_signed("inputs", "outputs", positive="ampa", negative="gaba_b", name="weights", store=store)
    return network


@pytest.fixture(scope="module")
def mapped(device):
    return map_network(one_layer(), device)


def test_potential_edges_list_both_signs_of_a_pair(mapped):
    edges, projection = mapped.edges, mapped.network["weights"]
    positive, negative = (mapped.edge_slice("weights", sign) for sign in (1, -1))
    assert edges.receptor[positive].tolist() == [0] * 150
    assert edges.receptor[negative].tolist() == [3] * 150
    for half in (positive, negative):
        assert edges.pre[half].tolist() == projection.pairs[:, 0].tolist()
        assert edges.post[half].tolist() == projection.pairs[:, 1].tolist()
        assert edges.pair[half].tolist() == list(range(150))
    assert mapped.edge_slice("weights") == slice(positive.start, negative.stop)
    assert len(edges) == 360


def test_senders_count_sources_first_then_neurons(mapped):
    up = mapped.edge_slice("up")
    controllers = mapped.neuron_slice("controllers")
    assert mapped.edges.pre[up].tolist() == [5 + n for n in range(controllers.start, controllers.stop)]
    assert mapped.source_slice("inputs") == slice(0, 5)


def test_an_image_holds_each_sign_on_its_own_edge(mapped):
    weights = np.arange(-75, 75) % 25 - 12
    image = mapped.image({"weights": weights})
    positive, negative = (image.words[mapped.edge_slice("weights", sign)].astype(int) for sign in (1, -1))
    assert (positive - negative).tolist() == weights.tolist()
    assert not (positive * negative).any()
    assert image.words.dtype == np.int16
    assert image.clipped == 0


def test_a_neuron_never_exceeds_its_cam(mapped, device):
    image = mapped.image({"weights": np.full(150, 13)})
    assert mapped.cam_use(image)[mapped.neuron_slice("outputs")].tolist() == [64] * 30
    assert image.clipped == 30 * (65 - 62)
    assert mapped.image({"weights": np.full(150, 12)}).clipped == 0


def test_many_dies_are_coded_as_each_alone(mapped):
    rng = np.random.default_rng(0)
    weights, numbers = rng.integers(-30, 31, (4, 150)), rng.random((4, mapped.n_neurons))
    for policy in ("greedy", "uniform"):
        together = mapped.image({"weights": weights}, policy=policy, rng=numbers)
        for die in range(4):
            alone = mapped.image({"weights": weights[die]}, policy=policy, rng=numbers[die])
            assert alone.words.tolist() == together.select(die).words.tolist()
            assert alone.clipped == together.clipped[die]


def test_policy_error_names_neuron_projections_limit_and_file(mapped):
    weights = np.zeros(150, int)
    weights[5 * 7 : 5 * 8] = [20, -20, 13, 5, 5]
    with pytest.raises(CapacityError) as error:
        mapped.image({"weights": weights}, policy="error")
    assert str(error.value) == (
        "neuron 7 of population 'outputs' needs 65 CAM words ('up' 1, 'down' 1, 'weights' 63); dynapse1 has 64 "
        "(devices/dynapse1.toml, chip.n_cam_words). Scale the weights down, or use policy='greedy' or 'uniform'."
    )
    weights[5 * 7] -= 1
    assert mapped.image({"weights": weights}, policy="error").clipped == 0


def test_fixed_words_alone_beyond_the_cam_are_refused_at_mapping(device):
    with pytest.raises(CapacityError, match=r"neuron 0 of population 'outputs' needs 66 CAM words for fixed .*'up' 33"):
        map_network(one_layer(feedback=33), device)
    assert map_network(one_layer(feedback=32), device).image({"weights": np.zeros(150, int)}).clipped == 0


def test_fan_in_of_the_two_controller_recipes(device):
    # Ten plus ten all-to-all controllers leave 44 words; one controller pair a neuron leaves 62.
    network = Network("all_to_all")
    network.population("outputs", 10, point="output")
    for name, receptor in (("positive", "nmda"), ("negative", "gaba_a")):
        network.population(name, 10, point="controller")
        network.project(name, "outputs", receptor=receptor)
    assert 64 - map_network(network, device).fixed_use[:10].max() == 44
    assert 64 - map_network(one_layer(), device).fixed_use[:30].max() == 62


def test_float_devices_keep_values_and_count_sources():
    network = Network("wide")
    network.sources("inputs", 70)
    network.population("outputs", 1, point="output")
    network.project_signed("inputs", "outputs", positive="ampa", negative="gaba_b", name="weights")
    mapped = map_network(network, load_device("ideal"))
    weights = np.linspace(-1, 1, 70)
    image = mapped.image({"weights": weights})
    kept = image.words[:70] - image.words[70:]
    assert image.clipped == 6
    assert np.count_nonzero(kept) == 64
    assert ((kept == weights) | (np.abs(weights) < 0.1)).all()
    assert mapped.cam_use(image).tolist() == [64]
    with pytest.raises(CapacityError, match="needs 70 CAM words"):
        mapped.image({"weights": weights}, policy="error")
    with pytest.raises(InputError, match="finite"):
        mapped.image({"weights": np.full(70, np.nan)})


def test_plastic_synapses_are_refused_where_there_are_none(device):
    with pytest.raises(CapacityError, match=r"'weights' has store='plastic'; dynapse1 has no plastic"):
        map_network(one_layer("plastic"), device)


def test_plastic_synapses_use_no_cam_word_and_hold_bounded_codes():
    plastic = load_device("dynapse1-plastic")
    mapped = map_network(one_layer("plastic"), plastic)
    image = mapped.image({"weights": np.tile([9, -99, 15, -15, 0], 30)})
    assert mapped.cam_use(image).max() == 2
    assert image.words[mapped.edge_slice("weights", -1)][:5].tolist() == [0, 15, 0, 15, 0]
    assert image.clipped == 30 * (99 - plastic.plastic.code_max)
    assert mapped.phantom_edges(image) == []
    with pytest.raises(CapacityError, match=r"code 99; .* up to 15 \(.*plastic\.code_max\)"):
        mapped.image({"weights": np.full(150, 99)}, policy="error")
    with pytest.raises(CapacityError, match=r"needs 65 plastic synapses \('weights' 65\).*plastic\.n_words"):
        map_network(one_layer("plastic", n_inputs=65), plastic)


def test_plastic_receptors_are_those_of_the_device():
    network = Network("swapped")
    network.sources("inputs", 2)
    network.population("outputs", 2, point="output")
    network.project_signed("inputs", "outputs", positive="nmda", negative="gaba_b", store="plastic", name="w")
    with pytest.raises(InputError, match="'w' stores plastic codes on 'nmda' / 'gaba_b'"):
        map_network(network, load_device("dynapse1-plastic"))


@pytest.mark.parametrize(
    ("weights", "fragment"),
    [
        ({}, "no weights for trained projection 'weights'"),
        ({"weights": np.zeros(149, int)}, "150 pairs"),
        ({"weights": np.zeros(150)}, "round them first"),
        ({"weights": np.full(150, 10**6)}, "at most 32768"),
        ({"weights": np.zeros(150, int), "weight": np.zeros(150, int)}, "nearest: weights"),
    ],
)
def test_unusable_weights_are_refused(mapped, weights, fragment):
    with pytest.raises(InputError, match=fragment):
        mapped.image(weights)


def test_policy_uniform_needs_randomness_of_the_right_shape(mapped):
    weights = {"weights": np.full(150, 50)}
    with pytest.raises(InputError, match="rng="):
        mapped.image(weights, policy="uniform")
    with pytest.raises(InputError, match=r"shape \(60,\)"):
        mapped.image(weights, policy="uniform", rng=np.zeros(3))
    with pytest.raises(UnknownNameError, match="policy"):
        mapped.image(weights, policy="random")


def test_a_mapping_does_not_change(mapped, device):
    with pytest.raises(AttributeError):
        mapped.core_point = ()
    for array in (mapped.address, mapped.source_tag, mapped.edges.pre, mapped.core_mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    network = one_layer()
    other = map_network(network, device)
    network.population("late", 5, point="output")
    assert other.network.hash == mapped.network.hash
    assert other.hash == mapped.hash


def test_table_fits_a_terminal_and_counts_what_is_used(mapped):
    text = str(mapped)
    assert max(map(len, text.splitlines())) <= 80
    for line in ("cores                         2 of 4", "neurons                      60 of 1023"):
        assert line in text
    assert "tags                         65 of 1024" not in text  # outputs are silent here: 5 sources + 30 controllers
    assert "tags                         35 of 1024" in text
    used = mapped.utilisation(mapped.image({"weights": np.full(150, 12)}))
    assert any(line.split()[:6] == ["outputs", "30", "0", "62", "62.0", "2"] for line in used.splitlines())


def test_long_names_do_not_widen_the_table(device):
    network = Network("n" * 80)
    network.population("p" * 80, 1000, point="q" * 80)
    assert max(map(len, str(map_network(network, device)).splitlines())) <= 80


def test_empty_and_untrained_networks_map(device):
    assert map_network(Network("empty"), device).phantom_edges(map_network(Network("empty"), device).image()) == []


def test_an_upload_of_fifteen_dies_takes_less_than_a_millisecond(mapped):
    weights = {"weights": np.random.default_rng(0).integers(-12, 13, (15, 150))}
    times = []
    for _ in range(20):
        start = time.perf_counter()
        mapped.image(weights)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3


def test_words_are_counted_across_several_trained_projections(device):
    network = one_layer()
    network.sources("context", 2)
    network.project_signed("context", "outputs", positive="ampa", negative="gaba_b", name="context_weights")
    mapped = map_network(network, replace(device))
    image = mapped.image({"weights": np.full(150, 10), "context_weights": np.full(60, -10)})
    assert mapped.cam_use(image)[:30].tolist() == [64] * 30
    assert image.clipped == 30 * 8
