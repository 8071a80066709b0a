"""The read-only mapping of descriptions."""

import pickle

import pytest

from chipemu.frozen_map import FrozenMap


def test_it_equals_and_hashes_by_content_and_keeps_order():
    first = FrozenMap({"b": 1, "a": 2})
    assert first == FrozenMap([("a", 2), ("b", 1)]) == {"a": 2, "b": 1}
    assert hash(first) == hash(FrozenMap([("a", 2), ("b", 1)]))
    assert list(first) == ["b", "a"]
    assert pickle.loads(pickle.dumps(first)) == first


def test_nothing_can_be_assigned_and_the_source_is_copied():
    source = {"a": 1}
    frozen = FrozenMap(source)
    source["a"] = 2
    assert frozen["a"] == 1
    with pytest.raises(TypeError):
        frozen["a"] = 3
