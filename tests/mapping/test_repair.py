"""Moving a network off the dead elements of a die."""

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.errors import InputError
from chipemu.mapping import repair
from chipemu.mapping.routing import neuron_tags
from chipemu.stimulus import EventList
from chipemu.validation.defects import with_rates

FAULTY = {"dead_words": 0.1, "stuck_words": 0.02, "dead_neurons": 0.1, "dead_tags": 0.05}
ONLY = ["mismatch", "noise", "calibration", "quantisation", "drift", "temperature"]


@pytest.fixture(scope="module")
def device():
    return with_rates(load_device("dynapse1"), **FAULTY)


@pytest.fixture(scope="module")
def mapped(device):
    net = Network("repaired")
    sources = net.sources("inputs", 30)
    cells = net.population("cells", 100, point="mismatch-fit")
    watchers = net.population("watchers", 60, point="controller")
    net.project(sources, cells, receptor="ampa", words=1)
    net.project(cells, watchers, receptor="nmda", words=1, pairs=np.stack([np.arange(60), np.arange(60)], 1))
    return map_network(net, device)


@pytest.fixture(scope="module", params=[1, 2, 3])
def die(request, device):
    return sample_chip(device, request.param, without=ONLY)


def test_nothing_bad_stays_in_use(die, mapped):
    repaired, repairs = repair(mapped, die)
    core, neuron = mapped.address.T
    assert die.dead_neurons[core, neuron].any()
    assert not repairs.left
    assert not repaired.dead_neurons[core, neuron].any()
    assert (repaired.slot_factor(mapped.address)[:, :50] > 0).all()  # a tenth of 64 may be bad, and is filled last
    edges = mapped.edges
    assert not repaired.dead_tags[core[edges.post], mapped.sender_tag[edges.pre]].any()


def test_neurons_swap_within_their_core_and_keep_out_of_reserved_places(die, mapped):
    repaired, repairs = repair(mapped, die)
    seat = repaired.seats.neuron
    assert np.array_equal(np.sort(seat, axis=1), np.tile(np.arange(256), (4, 1)))
    place = repaired.seats.place(mapped.address)
    assert (place != mapped.address).any(1).sum() == repairs.neurons
    for core, neuron in mapped.device.chip.reserved:
        assert not np.any((place == (core, neuron)).all(1))


def test_tags_stay_apart_and_neurons_send_their_own(die, mapped):
    seats = repair(mapped, die)[0].seats
    sent = seats.tag[mapped.sender_tag]
    assert len(np.unique(sent)) == len(np.unique(mapped.sender_tag))
    own = neuron_tags(seats.place(mapped.address).astype(np.int32), mapped.device)
    np.testing.assert_array_equal(sent[mapped.n_sources :], own)


def test_a_neuron_takes_the_mismatch_of_its_new_place(mapped, device):
    die = sample_chip(device, 1)
    repaired, _ = repair(mapped, die)
    place = repaired.seats.place(mapped.address)
    for name in ("I_tau", "I_w_ampa"):
        expected = die.neuron_factor[name][place[:, 0], place[:, 1]]
        np.testing.assert_array_equal(
            repaired.neuron_factor[name][mapped.address[:, 0], mapped.address[:, 1]], expected
        )


def test_every_connection_works_on_a_repaired_die_and_not_on_the_die_as_made(die, mapped):
    def charged(chip):
        emulator = Emulator([chip], mapped)
        current = emulator.run(EventList(np.zeros(30), np.arange(30)), 1e-3, ("I_ampa",)).I_ampa.values[0, :100, -1]
        return current / current.max()

    assert charged(die).min() < 0.5
    assert charged(repair(mapped, die)[0]).min() > 0.9


def test_a_die_without_defects_stays_as_it_is(mapped):
    device = load_device("dynapse1")
    die = sample_chip(device, 1, without=["dead"])
    repaired, repairs = repair(mapped, die)
    assert repaired is die
    assert str(repairs) == "0 neurons and 0 tags moved, 0 bad words avoided"


def test_what_finds_no_spare_is_counted(device):
    net = Network("full")
    net.population("cells", 255, point="mismatch-fit")
    mapped = map_network(net, device)
    _, repairs = repair(mapped, sample_chip(device, 1, without=ONLY))
    assert repairs.left_neurons > 10
    assert "stay bad" in str(repairs)


def test_a_die_is_repaired_once_and_for_its_own_device(die, mapped):
    repaired, _ = repair(mapped, die)
    with pytest.raises(InputError, match="repaired already"):
        repair(mapped, repaired)
    with pytest.raises(InputError, match="is of ideal"):
        repair(mapped, sample_chip(load_device("ideal"), 1))


def test_with_free_tags_a_bad_neuron_keeps_its_tag_and_a_deaf_tag_is_changed():
    device = load_device("dynapse2")
    network = Network("loop")
    inputs, cells = network.sources("inputs", 200), network.population("cells", 100, point="se2-output")
    network.project(inputs, cells, receptor="ampa", pairs=[(i, i % 100) for i in range(200)])
    network.project(cells, cells, receptor="nmda", pairs="one")
    mapped = map_network(network, device)
    die = sample_chip(device, 1, scale={"dead_tags": 10.0, "dead_neurons": 10.0, "dead_words": 0.0, "stuck_words": 0.0})
    repaired, repairs = repair(mapped, die)
    tags = mapped.sender_tag
    assert repairs.tags == die.dead_tags[0, tags].sum() > 0
    assert repairs.neurons == die.dead_neurons[0, mapped.address[:, 1]].sum() > 0
    assert not repairs.left
    assert not repaired.dead_tags[0, tags].any()
    assert not repaired.dead_neurons[0, mapped.address[:, 1]].any()
