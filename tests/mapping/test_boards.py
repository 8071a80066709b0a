"""Large devices: chips of very many cores, and boards of several chips whose senders share tags."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.device import Routing
from chipemu.errors import CapacityError, DeviceFileError, InputError, RoutingError
from chipemu.mapping import load_mapping, repair, save_mapping
from chipemu.mapping.reach import bits, pair_reach
from chipemu.mapping.tag_space import TagSpace
from chipemu.power import hop_energy, static_power

DYNAPSE1 = load_device("dynapse1")


def larger(n_cores, n_chips=1, **capacity):
    """DYNAP-SE1 with more cores, on as many chips; one chip has tags for all of them."""
    tag_bits = 10 if n_chips > 1 else 20
    chip = replace(DYNAPSE1.chip, n_cores=n_cores, n_chips=n_chips, tag_bits=tag_bits, n_virtual_sources=4096)
    return replace(DYNAPSE1, chip=replace(chip, **capacity))


def chain(n, step=100, name="chain"):
    """Every neuron to the one ``step`` further on, and a source to every 255 neurons."""
    network = Network(name)
    network.sources("inputs", -(-n // 255))
    network.population("cells", n, point="output")
    network.project("inputs", "cells", receptor="ampa", words=8, pairs=np.stack([np.arange(n) // 255, np.arange(n)], 1))
    pairs = np.stack([np.arange(n), (np.arange(n) + step) % n], 1)
    network.project("cells", "cells", receptor="nmda", pairs=pairs[: n - step], words=2)
    return network


def test_a_core_beyond_the_bits_of_a_word_is_reached():
    mapped = map_network(chain(100 * 255), larger(128))
    last = mapped.n_sources + mapped.n_neurons - 101
    assert mapped.address[-1, 0] == 99
    assert mapped.reach.cores(last).tolist() == [99]
    assert mapped.sram[mapped.n_neurons - 101] == ((1 << 99, 99),)
    assert mapped.core_mask[last] == 1 << 99
    assert mapped.phantom_edges(mapped.image()) == mapped.phantom_edges(mapped.image(), broadcast="chip") == []


def test_masks_say_the_same_with_few_and_with_many_cores():
    few, many = (map_network(chain(700), device) for device in (DYNAPSE1, larger(64)))
    assert few.core_mask.dtype == np.int64
    assert many.core_mask.dtype == object
    assert few.core_mask.tolist() == many.core_mask.tolist()
    assert few.sram == many.sram


def test_a_small_network_on_a_larger_chip_runs_to_the_same_bits():
    spikes = []
    for device in (DYNAPSE1, larger(300)):
        # the slope across a die is one of its size
        die = sample_chip(device, 3, without=["mismatch_gradient"])
        emulator = Emulator([die], map_network(chain(300), device))
        spikes.append(emulator.run([100.0, 100.0], duration=0.1))
    assert spikes[0].sizes["spike"] > 100
    for name in ("spike_time", "spike_neuron"):
        assert (spikes[0][name].values == spikes[1][name].values).all()


def test_a_board_needs_an_sram_word_for_each_chip():
    mapped = map_network(chain(2100), larger(16, 4))
    senders = mapped.address[:, 0] // 4
    crossing = np.flatnonzero((senders[:-100] == 0) & (senders[100:] == 1))
    assert mapped.sram[int(crossing[0])] == ((1 << 4, 3),)
    assert set(mapped.sram.n_words.tolist()) == {0, 1}
    assert mapped.phantom_edges(mapped.image()) == []


def test_more_chips_than_sram_words_are_refused():
    network = Network("star")
    network.population("cells", 16 * 256 - 16, point="output")
    network.project("cells", "cells", receptor="ampa", pairs=[(5, k) for k in range(300, 4000, 400)], name="far")
    with pytest.raises(CapacityError, match=r"neuron 5 of population 'cells' needs 4 SRAM words.*chip\.n_sram_words"):
        map_network(network, larger(16, 4, n_sram_words=3))
    assert map_network(network, larger(16, 4)).sram.n_words[5] == 4


def test_neurons_of_two_chips_with_one_tag_never_meet_on_a_core():
    network = Network("meet")
    network.population("cells", 2048 - 2, point="output")
    network.project("cells", "cells", receptor="ampa", pairs=[(0, 50), (1023, 50)])  # neuron 1 of cores 0 and 4
    with pytest.raises(
        RoutingError, match=r"neuron 0 of population 'cells' and neuron 1023 .* both send tag 1 to core 0"
    ):
        map_network(network, larger(8, 2))
    assert map_network(network, larger(8)).phantom_edges is not None  # on one chip the tags differ


def test_neurons_of_two_chips_with_one_tag_that_stay_apart_are_mapped():
    network = Network("apart")
    network.population("cells", 2048 - 2, point="output")
    network.project("cells", "cells", receptor="ampa", pairs=[(0, 50), (1023, 1500)])
    mapped = map_network(network, larger(8, 2))
    assert mapped.sender_tag[0] == mapped.sender_tag[1023] == 1
    assert mapped.phantom_edges(mapped.image()) == mapped.phantom_edges(mapped.image(), broadcast="chip") == []


def test_a_phantom_edge_between_chips_is_found():
    network = Network("phantom")
    network.population("cells", 2048 - 2, point="output")
    network.project("cells", "cells", receptor="ampa", pairs=[(0, 50), (1023, 300), (1023, 1500)])
    mapped = map_network(network, larger(8, 2))
    # neuron 0 of core 0 and that of core 4 have one tag, and if events reach whole chips they meet on the first
    assert mapped.phantom_edges(mapped.image()) == []
    assert mapped.phantom_edges(mapped.image(), broadcast="chip") == [(0, 1, 45, 0, 1), (1023, 0, 51, 0, 1)]


def test_reserved_neurons_are_those_of_every_chip():
    mapped = map_network(chain(8 * 256 - 2), larger(8, 2))
    places = {tuple(place) for place in mapped.address.tolist()}
    assert (0, 0) not in places
    assert (4, 0) not in places
    assert (1, 0) in places
    assert "2046 of 2046" in str(mapped)


def test_an_event_goes_no_further_than_the_mesh_takes_it():
    network = Network("far")
    network.population("cells", 9 * 1024 - 9, point="output")
    network.project("cells", "cells", receptor="ampa", pairs=[(5, 8000)])
    device = larger(36, 9)
    assert map_network(network, device).sram.n_hops[5] == 2 + 1  # chip 0 to chip 7 of three rows of three
    with pytest.raises(RoutingError, match=r"neuron 5 .* chip 2 hops away; dynapse1 takes 1 .*routing\.n_hops"):
        map_network(network, replace(device, routing=Routing(free_tags=False, n_hops=1)))


def test_every_chip_of_a_board_is_a_die_of_its_own():
    only = ["mismatch_between_cores", "mismatch_within_core", "mismatch_correlated", "mismatch_outliers"]
    board, single = (sample_chip(device, 1, without=only) for device in (larger(16, 4), DYNAPSE1))
    of_core = board.core_factor["IF_TAU1_N"]
    assert (of_core.reshape(4, 4) == of_core[::4, None]).all()
    assert len(set(of_core.tolist())) == 4
    assert (of_core[:4] == single.core_factor["IF_TAU1_N"]).all()
    gradient = board.neuron_factor["I_tau"].reshape(4, 4, 256)
    assert (gradient[0] == single.neuron_factor["I_tau"]).all()
    assert not np.allclose(gradient[0], gradient[1])


def test_deaf_cores_are_entries_of_the_table_and_tags_beyond_its_reach_differ():
    defects = sample_chip(larger(40, tag_bits=17), 1, scale={"dead_tags": 50.0}).defects
    core, tag = np.divmod(np.arange(40 << 17), 1 << 17)
    deaf = defects.deaf(core, tag).reshape(40, 1 << 17)
    assert (deaf == defects.dead_tags).all()
    assert deaf.mean() == pytest.approx(0.1, abs=0.002)
    low, high = deaf[:, : 1 << 16], deaf[:, 1 << 16 :]
    assert (low & high).mean() == pytest.approx(0.01, abs=0.002)


def test_a_board_costs_the_power_of_all_its_chips_and_the_energy_of_hops():
    board = larger(16, 4)
    assert static_power(board) == pytest.approx(4 * static_power(DYNAPSE1))
    energy = {}
    for device in (board, larger(16)):
        mapped = map_network(chain(2100), device)
        emulator = Emulator([sample_chip(device, 1, without=["mismatch", "dead"])], mapped)
        energy[device.chip.n_chips] = emulator.event_energy()[0, mapped.n_sources :]
    chip = map_network(chain(2100), board).address[:, 0] // 4
    hops = chip[100:] - chip[:-100]
    assert np.bincount(hops).tolist() == [1846, 154]
    assert (energy[4] - energy[1])[:-100] == pytest.approx(hop_energy(board, hops), rel=1e-6, abs=1e-22)


def test_a_board_is_not_repaired():
    device = larger(8, 2)
    with pytest.raises(InputError, match="board of 2 chips"):
        repair(map_network(chain(200), device), sample_chip(device, 1))


def test_a_saved_mapping_of_a_board_comes_back_equal(tmp_path):
    network, device = chain(90 * 256), larger(100, 25)
    mapped = map_network(network, device)
    again = load_mapping(save_mapping(mapped, tmp_path / "m.toml"), network, device)
    assert again.hash == mapped.hash
    assert (again.sender_tag == mapped.sender_tag).all()


FILE = """schema  = 1
extends = "dynapse1"
name    = "board"
title   = "board"
summary = "Some chips."
[chip]
n_cores = {{ value = {n_cores}, source = "assumed" }}
n_chips = {{ value = {n_chips}, source = "assumed" }}
"""


def test_a_device_file_may_describe_a_board(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(FILE.format(n_cores=64, n_chips=16))
    device = load_device(path)
    assert (device.chip.n_cores, device.chip.n_chips, device.chip.cores_per_chip) == (64, 16, 4)
    assert device.capacity_hash != DYNAPSE1.capacity_hash
    path.write_text(FILE.format(n_cores=64, n_chips=15))
    with pytest.raises(DeviceFileError, match="n_cores = 64 is not a multiple of n_chips = 15"):
        load_device(path)
    path.write_text(FILE.format(n_cores=64, n_chips=8))
    with pytest.raises(DeviceFileError, match=r"tag_bits = 10 .* at least 2048 \(n_cores x n_neurons_per_core / n_chi"):
        load_device(path)


@settings(max_examples=100)
@given(st.data())
def test_tags_are_given_away_as_by_looking_at_every_core_and_tag(data):
    n_cores, n_tags, first = 5, 12, data.draw(st.integers(0, 1))
    cores_of = data.draw(st.lists(st.sets(st.integers(0, n_cores - 1)), min_size=1, max_size=16))
    n_fixed = data.draw(st.integers(0, min(len(cores_of), n_tags)))
    sender = [i for i, cores in enumerate(cores_of) for _ in cores]
    core = [c for cores in cores_of for c in cores]
    reach = pair_reach(np.array(sender, np.int64), np.array(core, np.int64), len(cores_of), n_cores)
    space, taken = TagSpace(n_tags, first, reach), {}
    n_free = len(cores_of) - n_fixed
    tags = np.array(data.draw(st.permutations(range(n_tags)))[:n_fixed], np.int64)
    space.take_all(n_free, tags)
    for i, tag in enumerate(tags.tolist()):
        taken.setdefault(tag, []).append(n_free + i)
    for i in range(n_free):
        free = [t for t in range(first, n_tags) if not any(cores_of[i] & cores_of[o] for o in taken.get(t, ()))]
        assert space.free_tags(sorted(cores_of[i])).tolist() == free
        assert space.n_taken(sorted(cores_of[i])) == n_tags - first - len(free)
        unowned = [t for t in range(first, n_tags) if t not in taken]
        expected = (unowned or free or [None])[0]
        assert space.free_tag(sorted(cores_of[i])) == expected
        if expected is None:
            continue
        assert expected not in free or space.alias(expected, i) is None
        space.take(expected, i)
        taken.setdefault(expected, []).append(i)


def test_bits_of_a_set_are_one_integer():
    assert bits(np.array([0, 3, 200])) == 1 | 8 | 1 << 200
    assert bits(np.empty(0, np.int64)) == 0


def test_a_board_of_16_chips_with_a_million_words_is_built_and_runs():
    n, fan_in = 16_384 - 1, 63
    device = larger(64, tag_bits=15)
    network = chain(n, name="board")
    rng = np.random.default_rng(0)
    pairs = np.stack(
        [(np.arange(n)[:, None] + rng.permuted(np.arange(1, n))[:54]).ravel() % n, np.repeat(np.arange(n), 54)]
    )
    network.project("cells", "cells", receptor="gaba_b", pairs=pairs.T, name="everywhere")
    mapped = map_network(network, device)
    emulator = Emulator([sample_chip(device, 1)], mapped)
    assert mapped.fixed_use.max() == fan_in + 1
    assert mapped.fixed_use.sum() > 1_000_000
    rates = np.full(mapped.n_sources, 100.0)
    assert emulator.run(rates, duration=0.02).sizes["spike"] > 100
