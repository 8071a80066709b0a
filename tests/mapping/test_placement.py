"""Placement: biases are never mixed, every usable neuron can be used, and a full chip says what to do."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import CapacityError
from chipemu.mapping import map_network
from chipemu.network import Network


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def populations(*groups):
    """A network of unconnected populations given as (name, number of neurons, operating point)."""
    network = Network("test")
    for name, n, point in groups:
        network.population(name, n, point=point)
    return network


def test_points_never_share_a_core(device):
    mapped = map_network(populations(("a", 10, "p"), ("b", 10, "q"), ("c", 10, "p")), device)
    assert mapped.core_point == ("p", "q", None, None)
    assert set(mapped.address[mapped.neuron_slice("c"), 0]) == set(mapped.address[mapped.neuron_slice("a"), 0]) == {0}


def test_reserved_neurons_stay_empty(device):
    mapped = map_network(populations(("a", 255, "p")), device)
    assert (0, 0) not in {tuple(place) for place in mapped.address}


def test_a_full_chip_is_placed_whatever_the_order(device):
    sizes = [("a", 256, "p"), ("b", 256, "q"), ("c", 255, "r"), ("d", 256, "s")]
    for order in (sizes, sizes[::-1]):
        mapped = map_network(populations(*order), device)
        assert len(np.unique(mapped.address, axis=0)) == 1023
        assert set(mapped.address[mapped.neuron_slice("c"), 0]) == {0}


def test_a_population_spills_to_free_cores(device):
    mapped = map_network(populations(("a", 500, "p"), ("b", 20, "q")), device)
    assert sorted(point for point in mapped.core_point if point) == ["p", "p", "q"]


def test_a_population_that_fits_one_core_is_not_split(device):
    mapped = map_network(populations(("a", 256, "p")), device)
    assert set(mapped.address[:, 0]) == {1}


def test_too_large_for_the_cores_left_names_item_used_allowed_file_and_way_out(device):
    network = populations(("hidden", 300, "p"), ("b", 1, "q"), ("c", 1, "r"), ("d", 1, "s"))
    with pytest.raises(CapacityError) as error:
        map_network(network, device)
    assert str(error.value) == (
        "population 'hidden' needs 300 neurons on core 0; dynapse1 has 256 (devices/dynapse1.toml, "
        "chip.n_neurons_per_core, 1 of them reserved). Split it, or allow 2 cores: other points hold the rest, and "
        "populations with one point share cores."
    )


def test_one_neuron_more_than_a_full_core_is_refused(device):
    rest = [("b", 256, "q"), ("c", 256, "r"), ("d", 256, "s")]
    with pytest.raises(CapacityError, match="population 'a' needs 256 neurons on core 0"):
        map_network(populations(("a", 256, "p"), *rest), device)


def test_the_population_that_overflows_a_shared_point_is_named(device):
    rest = [("c", 1, "q"), ("d", 1, "r"), ("e", 1, "s")]
    with pytest.raises(CapacityError, match="population 'b' needs 100 neurons on core 0 after 200 of point 'p'"):
        map_network(populations(("a", 200, "p"), ("b", 100, "p"), *rest), device)


def test_more_neurons_than_the_chip_has(device):
    with pytest.raises(CapacityError, match=r"1024 neurons on cores 0, 1, 2, 3; .* 1023 usable neurons"):
        map_network(populations(("a", 1024, "p")), device)


def test_more_points_than_cores(device):
    groups = [(name, 1, name) for name in "abcde"]
    with pytest.raises(CapacityError, match=r"'e' brings operating point 'e', number 5 of 5.*has 4.*chip\.n_cores"):
        map_network(populations(*groups), device)


def test_a_large_device_with_uneven_cores_is_placed_quickly(device):
    reserved = tuple((core, neuron) for core in range(64) for neuron in range(core % 7))
    chip = replace(device.chip, n_cores=64, tag_bits=14, reserved=reserved)
    mapped = map_network(populations(("a", 5000, "p"), ("b", 3000, "q"), ("c", 4000, "r")), replace(device, chip=chip))
    assert len(np.unique(mapped.address, axis=0)) == 12000
