"""Silencing by the second leak register."""

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.silencing import silence, silence_hot
from chipemu.stimulus import regular


@pytest.fixture
def emulator():
    device, net = load_device("dynapse1"), Network("cells")
    net.project(net.sources("in", 1), net.population("cells", 30, point="output"), receptor="ampa", words=20)
    chips = [sample_chip(device, seed, without=["dead"]) for seed in (1, 2)]
    return Emulator(chips, map_network(net, device), noise_seeds=(0, 1))


def rates(emulator, rate=0.0, duration=1.0):
    return emulator.advance(regular(np.full((4, 1), rate), duration, emulator.dt), duration).count / duration


def test_silenced_neurons_are_silent_and_the_others_do_not_change(emulator):
    before = rates(emulator, 200.0)
    assert np.all(before > 0)
    chosen = np.zeros((2, 30), bool)
    chosen[0, [2, 7]] = True
    silence(emulator, chosen)
    rates(emulator, 200.0, 0.1)
    after = rates(emulator, 200.0)
    assert not after[:2][:, [2, 7]].any()
    kept = np.ones((4, 30), bool)
    kept[:2, [2, 7]] = False
    assert np.all(np.abs(after - before)[kept] < 0.1 * before[kept] + 3)


def test_hot_neurons_are_found_silenced_and_counted(emulator):
    heard = rates(emulator).reshape(2, 2, -1).mean(1)
    limit = float(np.median(heard))
    hot = silence_hot(emulator, limit, duration=2.0)
    assert 0 < hot.sum() < hot.size
    assert emulator.ledger.silenced_neurons.tolist() == np.repeat(hot.sum(1), 2).tolist()
    rates(emulator, duration=0.1)
    assert not rates(emulator)[np.repeat(hot, 2, axis=0)].any()


def test_a_quiet_die_is_left_alone(emulator):
    setting = emulator.setting
    assert not silence_hot(emulator, 1e4).any()
    assert emulator.setting is setting


def test_a_second_leak_in_use_is_not_overwritten(emulator):
    import dataclasses

    second = np.zeros((2, 4, 256), bool)
    second[0, emulator.mapped.address[0, 0], 200] = True
    emulator.set_biases(dataclasses.replace(emulator.setting, second_leak=second))
    with pytest.raises(InputError, match="uses leak register 2 for neurons that are to spike"):
        silence(emulator, np.ones((2, 30), bool))


def test_wrong_shapes_and_rates_are_refused(emulator):
    with pytest.raises(InputError, match=r"one flag for each die and neuron, \(2, 30\)"):
        silence(emulator, np.ones(30, bool))
    with pytest.raises(InputError, match="allowed 0 Hz and above"):
        silence_hot(emulator, -1.0)
