"""Counter-based random numbers: the published vectors, and numbers that depend on nothing but their address."""

import numpy as np
import pytest
from scipy import stats

from chipemu.kernels import random

# Known-answer vectors of philox4x32-10 from Random123 (kat_vectors), Salmon, Moraes, Dror and Shaw 2011.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_words(counter, key, words):
    assert random.philox(*(np.uint64(word) for word in (*counter, *key))) == words


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_has_a_logarithm_and_no_bias(dtype):
    like = dtype(0)
    smallest, largest = (random.uniform(np.uint64(word), like) for word in (0, 0xFFFFFFFF))
    assert 0 < smallest < 2**-24
    assert 1 - 2**-24 < largest <= 1
    assert random.uniform(np.uint64(0x80000000), like) == pytest.approx(0.5, abs=2**-24)


def normals(n, *, stream=1, index=0, key_a=1, key_b=2, first=0):
    out = np.empty(n)
    random.fill_normals(np.arange(first, first + n, dtype=np.uint32), stream, index, key_a, key_b, out)
    return out


def test_normals_are_standard():
    assert stats.kstest(normals(100_000), "norm").pvalue > 0.01


def test_filled_uniforms_are_uniform_and_depend_on_their_address_alone():
    whole, part = np.empty(100_000), np.empty(100)
    random.fill_uniforms(np.arange(100_000, dtype=np.uint32), 1, 0, 1, 2, whole)
    random.fill_uniforms(np.arange(300, 400, dtype=np.uint32), 1, 0, 1, 2, part)
    assert stats.kstest(whole, "uniform").pvalue > 0.01
    np.testing.assert_array_equal(whole[300:400], part)


def test_a_normal_depends_on_its_address_alone():
    whole = normals(1000)
    assert np.array_equal(whole[300:400], normals(100, first=300))


@pytest.mark.parametrize("change", [{"stream": 2}, {"index": 1}, {"key_a": 3}, {"key_b": 3}, {"first": 50_000}])
def test_another_stream_index_key_or_address_gives_independent_numbers(change):
    correlation = np.corrcoef(normals(20_000), normals(20_000, **change))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(20_000)  # four standard errors


def test_a_pair_of_normals_is_uncorrelated():
    words = np.random.default_rng(0).integers(0, 2**32, (20_000, 2), dtype=np.uint64)
    pairs = np.array([random.normal_pair(a, b, np.float64(0)) for a, b in words])
    assert stats.kstest(pairs.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / np.sqrt(20_000)
