"""Dead and stuck elements: how many, where, and what an emulator makes of them."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.defects import beta_shape, word_fractions
from chipemu.effects import EFFECTS
from chipemu.stimulus import EventList
from chipemu.validation.defects import class_probabilities, everyone, with_rates
from chipemu.validation.testbench import set_dc, silence

KINDS = ("dead_words", "stuck_words", "dead_neurons", "dead_tags")


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def only(device, effect, seed=1, scale=1.0):
    """A die on which one effect acts."""
    return sample_chip(device, seed, without=[name for name in EFFECTS if name != effect], scale={effect: scale})


def elements(chip):
    places, found = everyone(chip.device), chip.defects
    return {
        "dead_words": found.dead_words(places),
        "stuck_words": found.stuck_words(places),
        "dead_neurons": found.dead_neurons,
        "dead_tags": found.dead_tags,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_adds_elements_and_moves_none(device, kind):
    one, two = (elements(only(device, kind, scale=scale))[kind] for scale in (1, 2))
    assert 0 < one.sum() < two.sum()
    assert np.all(two[one])


@pytest.mark.parametrize("kind", KINDS)
def test_no_fraction_is_larger_than_all(device, kind):
    rates = {"dead_words": 0.5, "stuck_words": 0.5, "dead_neurons": 0.5, "dead_tags": 0.5, "word_between_cores": 0.0}
    assert elements(only(with_rates(device, **rates), kind, scale=100))[kind].all()


def test_a_device_without_the_section_has_no_defects():
    chip = sample_chip(load_device("ideal"), 1)
    assert not chip.defects.any
    assert not any(found.any() for found in elements(chip).values())


def test_an_element_depends_on_its_place_alone(device):
    chip, places = sample_chip(device, 4), everyone(device)
    part = places[[700, 3, 512]]
    np.testing.assert_array_equal(chip.defects.dead_words(part), chip.defects.dead_words(places)[[700, 3, 512]])
    assert not np.array_equal(chip.defects.dead_words(places), sample_chip(device, 5).defects.dead_words(places))


@pytest.mark.parametrize("mean", [0.02, 0.05, 0.4])
def test_words_fail_with_the_mean_and_the_correlation_asked_for(mean):
    clustering = 0.5
    fraction = word_fractions((np.arange(20_000) + 0.5) / 20_000, np.array(mean), clustering)
    assert fraction.mean() == pytest.approx(mean, rel=2e-3)
    # two words of a neuron both fail with E p^2, so that their correlation is var p / (m (1 - m))
    assert fraction.var() / (mean * (1 - mean)) == pytest.approx(clustering, rel=5e-3)


def test_without_clustering_every_neuron_has_the_mean():
    np.testing.assert_array_equal(word_fractions(np.array([0.1, 0.9]), np.array(0.05), 0.0), 0.05)


def test_the_ends_of_the_beta_are_all_and_nothing():
    np.testing.assert_array_equal(word_fractions(np.array([0.5, 0.5]), np.array([0.0, 1.0]), 0.5), [0.0, 1.0])


def test_classes_of_dead_words_are_those_of_scipy():
    share = class_probabilities(0.05, 0.6, 64)
    a, b = beta_shape(0.05, 0.6)
    assert share.sum() == pytest.approx(1)
    assert share[0] == pytest.approx(stats.betabinom.pmf(0, 64, a, b))
    assert share[-1] == pytest.approx(stats.betabinom.sf(32, 64, a, b))


# --- in an emulator ---------------------------------------------------------------------------------------------------


def emulator(chip, n=40, weights=None):
    net = Network("defects")
    sources, cells = net.sources("inputs", 2), net.population("cells", n, point="mismatch-fit")
    net.project_signed(sources, cells, positive="ampa", negative="gaba_b", name="weights")
    built = Emulator([chip], map_network(net, chip.device))
    if weights is not None:
        built.upload({"weights": weights(net["weights"].pairs)})
    return built


def charge(built, source):
    """I_ampa of every neuron over the floor after one event."""
    current = built.run(EventList([0.0], [source]), 1e-3, ("I_ampa",)).I_ampa.values[0, :, -1]
    return current - built.mapped.device.circuit["I0"]


def test_a_dead_word_delivers_nothing_and_costs_nothing(device):
    device = with_rates(device, dead_words=0.4, word_clustering=0.1)
    built = emulator(only(device, "dead_words"), weights=lambda pairs: 4 * (pairs[:, 0] == 0))
    alive = (built.chips[0].slot_factor(built.mapped.address)[:, :4] > 0).sum(1)
    assert set(alive) == {0, 1, 2, 3, 4}
    current = charge(built, 0)
    assert np.all((current > 1e-13) == (alive > 0))
    assert all(np.ptp(current[alive == k]) < 1e-3 * current[alive == k].mean() for k in range(1, 5))
    energy = device.energy
    assert built.event_energy()[0, 0] == pytest.approx(energy.broadcast + alive.sum() * energy.pulse)


def test_a_stuck_word_keeps_its_first_content(device):
    device = with_rates(device, stuck_words=0.3)
    built = emulator(only(device, "stuck_words"))
    stuck = built.chips[0].stuck_words(built.mapped.address)[:, 0]
    assert 0 < stuck.sum() < len(stuck)
    pairs = built.mapped.network["weights"].pairs
    first = (pairs[:, 0] == 0).astype(int)
    assert not np.any(charge(built, 0) > 1e-13)  # empty at power-up
    for given in (first, 1 - first, 0 * first):
        built.upload({"weights": given})
    # what was written first is still there where it is stuck; the host believes that all is empty
    assert np.array_equal(charge(built, 0) > 1e-13, stuck)
    assert not built.weights()["weights"].any()


def test_a_dead_neuron_never_spikes(device):
    device = with_rates(device, dead_neurons=0.3)
    built = emulator(only(device, "dead_neurons"))
    core, neuron = built.mapped.address.T
    dead = built.chips[0].dead_neurons[core, neuron]
    for dc in (1e-9, 1e-6):
        set_dc(built, [dc])
        count = built.advance(silence(built, 2.0), 2.0).count[0]
        assert np.array_equal(count == 0, dead)


def test_a_core_is_deaf_to_a_dead_tag(device):
    device = with_rates(device, dead_tags=0.5)
    for seed in range(1, 5):
        built = emulator(only(device, "dead_tags", seed), weights=lambda pairs: np.ones(len(pairs), int))
        heard = ~built.chips[0].dead_tags[0, built.mapped.source_tag]
        for source in (0, 1):
            assert np.all((charge(emulator_of(built), source) > 1e-13) == heard[source])


def emulator_of(built):
    """The same die with the same weights, at rest."""
    fresh = Emulator(built.chips, built.mapped)
    fresh.upload(built.weights())
    return fresh


def test_plastic_synapses_are_dead_or_stuck(device):
    plastic = with_rates(load_device("dynapse1-plastic"), dead_synapses=0.3, stuck_synapses=0.2)
    places = everyone(plastic)[:200]
    clean, dead, stuck = (only(plastic, effect) for effect in ("calibration", "dead_words", "stuck_words"))
    assert (dead.plastic_factor(places, "pulse") == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert (stuck.plastic_factor(places, "step") == 0).mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_array_equal(dead.plastic_factor(places, "step"), clean.plastic_factor(places, "step"))
    np.testing.assert_array_equal(stuck.plastic_factor(places, "pulse"), clean.plastic_factor(places, "pulse"))


def test_the_section_is_refused_where_weights_are_no_words(tmp_path):
    from chipemu.errors import DeviceFileError

    path = tmp_path / "odd.toml"
    head = '"schema = 1"\n'.strip('"').replace('"', "")
    path.write_text(
        f'{head}extends = "dynapse1"\nname = "odd"\ntitle = "t"\nsummary = "s"\nweights = "float"\n', encoding="utf-8"
    )
    with pytest.raises(DeviceFileError, match="defects: a device with float weights has no words"):
        load_device(path)


def test_a_fraction_above_one_is_refused(tmp_path):
    from chipemu.errors import DeviceFileError

    path = tmp_path / "odd.toml"
    path.write_text(
        'schema = 1\nextends = "dynapse1"\nname = "odd"\ntitle = "t"\nsummary = "s"\n'
        '[defects]\ndead_neurons = { value = 1.5, source = "assumed" }\n',
        encoding="utf-8",
    )
    with pytest.raises(DeviceFileError, match=r"defects.dead_neurons: 1.5 is out of range; allowed 0 to 1"):
        load_device(path)


def test_a_switched_off_effect_leaves_a_die_as_if_its_file_had_none(device):
    off = sample_chip(device, 3, without=["dead"])
    none = sample_chip(dataclasses.replace(device, defects=type(device.defects)()), 3)
    places = everyone(device)[:50]
    np.testing.assert_array_equal(off.slot_factor(places), none.slot_factor(places))
    assert not off.defects.any
