"""Weights as masks over four base currents: nearest values, word budgets, and the slots that hold them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chipemu.errors import InputError, UnknownNameError
from chipemu.mapping.masks import (
    FULL,
    decode_masks,
    encode_masks,
    fit_masks,
    mask_sums,
    rewritten_words,
    slot_masks,
    words_of,
)

BINARY = np.array([1.0, 2.0, 4.0, 8.0])
CODES = hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(0, 7)), elements=st.integers(-200, 200))
BASES = hnp.arrays(float, 4, elements=st.floats(0.0, 20.0)).filter(lambda bases: bases.sum() > 0.1)


def representable(bases, words):
    """Every strength that at most ``words`` words give: whole words and one with any mask, in floats as exact sums."""
    subsets = [sum(base for base, bit in zip(bases, bits, strict=True) if bit) for bits in product((0, 1), repeat=4)]
    return np.array([q * sum(bases) + subset for q in range(words) for subset in subsets])


@given(BASES, st.floats(-3.0, 3.0))
def test_a_weight_becomes_the_nearest_strength_that_there_is(bases, words):
    weight = words * bases.sum()
    code = encode_masks(np.array([weight]), bases[None])
    strength = decode_masks(code, bases[None])[0]
    error = np.abs(np.abs(weight) - representable(bases, 4)).min()
    assert abs(strength - weight) == pytest.approx(error, abs=1e-9 * bases.sum())
    assert strength * weight >= 0


@given(BASES, st.integers(-900, 900))
def test_what_a_code_stands_for_codes_into_an_equal_strength(bases, code):
    strength = decode_masks(np.array([code]), bases[None])
    again = decode_masks(encode_masks(strength, bases[None]), bases[None])
    assert again == pytest.approx(strength, abs=1e-9 * bases.sum())


@given(st.integers(-960, 960))
def test_with_binary_bases_the_code_is_the_weight(weight):
    assert encode_masks(np.array([weight]), BINARY[None]).tolist() == [weight]
    assert decode_masks(np.array([weight]), BINARY[None]).tolist() == [weight]


def test_sixteen_sums_of_four_bases():
    assert mask_sums(BINARY).tolist() == list(range(16))
    assert mask_sums(np.array([[3.0, 5.0, 7.0, 11.0]]))[0, [0b0001, 0b0110, 0b1111]].tolist() == [3.0, 12.0, 26.0]


@pytest.mark.parametrize(("code", "words"), [(0, 0), (1, 1), (-15, 1), (16, 2), (30, 2), (-31, 3), (960, 64)])
def test_words_of_a_code(code, words):
    assert words_of(np.array([code])).tolist() == [words]


def word_masks(code):
    return [FULL] * (code // FULL) + ([code % FULL] if code % FULL else [])


@given(st.integers(0, 100), st.integers(0, 100))
def test_rewritten_words_are_those_whose_mask_differs(before, after):
    old, new = word_masks(before), word_masks(after)
    length = max(len(old), len(new))
    old, new = old + [0] * (length - len(old)), new + [0] * (length - len(new))
    differ = sum(a != b for a, b in zip(old, new, strict=True))
    assert rewritten_words(np.array([before]), np.array([after])).tolist() == [differ]


@given(CODES, st.integers(0, 60), st.sampled_from(["greedy", "uniform"]), st.integers(0, 3))
def test_the_word_budget_is_used_up_and_never_exceeded(codes, budget, policy, seed):
    fitted, clipped = fit_masks(codes, budget, policy, np.random.default_rng(seed))
    total = words_of(codes).sum(axis=1)
    assert words_of(fitted).sum(axis=1).tolist() == np.minimum(total, budget).tolist()
    assert clipped.tolist() == np.maximum(total - budget, 0).tolist()
    assert (fitted * codes >= 0).all()
    assert (np.abs(fitted) <= np.abs(codes)).all()


def test_greedy_keeps_the_largest_codes_of_equally_many_words():
    fitted, clipped = fit_masks(np.array([[3, -14, 9, 31]]), 4, "greedy")
    assert fitted.tolist() == [[0, -14, 0, 31]]
    assert clipped.tolist() == [2]


def test_an_unknown_policy_is_refused():
    with pytest.raises(UnknownNameError, match="greedy"):
        fit_masks(np.array([[100]]), 1, "best")


def test_the_last_slot_of_a_synapse_holds_its_mask():
    slots = np.array([[[0, 1, 0, -1, 0]]])
    assert slot_masks(slots, np.array([[35, 5]])).tolist() == [[[15, 5, 15, 0, 5]]]


@pytest.fixture(scope="module")
def mapped():
    from chipemu import Network, load_device, map_network

    network = Network("masks")
    inputs, cells = network.sources("inputs", 3), network.population("cells", 2, point="se2-output")
    network.project(inputs, cells, receptor="nmda", words=2)
    network.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="weights")
    return map_network(network, load_device("dynapse2"))


def test_an_image_holds_codes_and_counts_words(mapped):
    weights = np.array([3, -20, 0, 45, 1.4, -0.2])
    image = mapped.image({"weights": weights})
    held = mapped.strengths(image.words)
    positive, negative = (held[mapped.edge_slice("weights", sign)] for sign in (1, -1))
    assert (positive - negative).tolist() == [3, -20, 0, 45, 1, 0]
    assert mapped.cam_use(image).tolist() == [6 + 1 + 2 + 0, 6 + 3 + 1 + 0]
    assert mapped.phantom_edges(image) == []


def test_an_image_never_exceeds_the_words_of_a_neuron(mapped):
    image = mapped.image({"weights": np.full(6, 900)})
    assert mapped.cam_use(image).tolist() == [64, 64]
    assert image.clipped == 2 * (3 * 60 - 58)


def test_other_bases_give_other_codes(mapped):
    bases = np.tile([1.0, 3.0, 9.0, 27.0], (2, 1))
    image = mapped.image({"weights": np.full(6, 11.0)}, bases=bases)
    positive = image.words[mapped.edge_slice("weights", +1)]
    assert positive.tolist() == [0b0101] * 6  # 1 + 9 = 10, nearer than 12 is not: both are off by one, the first wins
    assert mapped.strengths(image.words, bases)[mapped.edge_slice("weights", +1)].tolist() == [10.0] * 6


@pytest.mark.parametrize("weights", [np.full(6, np.nan), np.full(6, 1e6)])
def test_weights_that_no_word_holds_are_refused(mapped, weights):
    with pytest.raises(InputError, match="weights of 'weights'"):
        mapped.image({"weights": weights})
