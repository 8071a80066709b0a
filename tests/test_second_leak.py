"""The choice of every neuron between two leak registers, as a setting of the dies."""

import dataclasses

import numpy as np
import pytest

from chipemu import Network, load_device, map_network, sample_chip
from chipemu.parameters import core_temperature, load_points, neuron_currents, point_setting


@pytest.fixture(scope="module")
def die():
    device, net = load_device("dynapse1"), Network("cells")
    net.population("cells", 8, point="output")
    mapped, chips = map_network(net, device), [sample_chip(device, seed) for seed in (1, 2)]
    points = load_points(mapped)
    return mapped, chips, points, point_setting(mapped, chips, points)


def currents(die, c, setting):
    mapped, chips, points, _ = die
    return neuron_currents(chips[c], setting, c, mapped.address, core_temperature(mapped, points))


def test_a_chosen_neuron_leaks_through_register_2(die):
    mapped, _, _, setting = die
    chosen = np.zeros((2, 4, 256), bool)
    core, neuron = mapped.address[3]
    chosen[1, core, neuron] = True
    choice = dataclasses.replace(setting, second_leak=chosen)
    plain, mixed = currents(die, 1, setting), currents(die, 1, choice)
    expected = plain["I_tau"].copy()
    expected[3] = plain["I_tau2"][3]
    np.testing.assert_array_equal(mixed["I_tau"], expected)
    assert expected[3] != plain["I_tau"][3]
    assert all(np.array_equal(mixed[name], plain[name]) for name in plain if name != "I_tau")
    first = currents(die, 0, choice)
    np.testing.assert_array_equal(first["I_tau"], currents(die, 0, setting)["I_tau"])


def test_nobody_chosen_is_as_without_a_choice(die):
    *_, setting = die
    nobody = dataclasses.replace(setting, second_leak=np.zeros((2, 4, 256), bool))
    np.testing.assert_array_equal(currents(die, 0, nobody)["I_tau"], currents(die, 0, setting)["I_tau"])
