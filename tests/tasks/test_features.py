"""The tasks of real data fit the chip as their docstrings say, and no split knows another."""

import numpy as np
import pytest

from chipemu import load_device, map_network
from chipemu.errors import InputError
from chipemu.learning.circuit import Controller, build_circuit
from chipemu.tasks import load_folds, load_task
from chipemu.tasks.encoder import encode, scale
from chipemu.tasks.split import N_FOLDS, fixed, fold

WORDS = load_device("dynapse1").chip.n_cam_words


def free_words(task):
    """CAM words of an output neuron that controllers leave."""
    circuit = build_circuit(task, "host", Controller())
    mapped = map_network(circuit.network, load_device("dynapse1"))
    return WORDS - mapped.fixed_use[mapped.neuron_slice("outputs")], circuit


@pytest.mark.parametrize(("name", "sources", "words"), [("iris", 9, 6), ("breast-cancer", 31, 2), ("digits", 62, 1)])
def test_words_of_a_source_times_sources_fit_beside_two_controllers(name, sources, words):
    task = load_task(name)
    left, _ = free_words(task)
    assert task.n_sources == sources
    assert (left == 62).all()
    assert words == 62 // sources


@pytest.mark.parametrize(("name", "spare"), [("breast-cancer", 0), ("digits", 0)])
def test_a_neuron_is_exactly_full(name, spare):
    task = load_task(name)
    assert (62 // task.n_sources) * task.n_sources + 2 == WORDS - spare


def test_mnist_neurons_see_62_of_179_sources_and_tags_suffice():
    task = load_task("mnist")
    fields = task.receptive_fields(10)
    assert (task.n_sources, fields.shape) == (179, (10, 179))
    assert (fields.sum(axis=1) == 62).all()
    assert fields[:, -1].all()
    assert set(fields[:, :-1].sum(axis=0)) == {3, 4}
    left, circuit = free_words(task)
    assert (left == 62).all()
    assert sum(group.n for group in circuit.network.source_groups) == 280
    assert (np.bincount(circuit.pairs[:, 1]) == 62).all()


def test_a_larger_receptive_field_needs_another_device():
    assert load_task("mnist", receptive_field=179).receptive_fields(10).all()
    for wrong in (1, 180):
        with pytest.raises(InputError, match="2 to 179"):
            load_task("mnist", receptive_field=wrong)


def test_receptive_fields_are_a_fact_of_the_task():
    task = load_task("digits")
    limited = type(task)(**{**task.__dict__, "receptive_field": 20})
    fields = limited.receptive_fields(10)
    np.testing.assert_array_equal(fields, limited.receptive_fields(10))
    assert (fields.sum(axis=1) == 20).all()
    # 19 x 10 slots for 61 pixels
    assert set(fields[:, :-1].sum(axis=0)) == {3, 4}


@pytest.mark.parametrize("name", ["iris", "breast-cancer"])
def test_every_sample_is_tested_in_one_fold(name):
    folds = load_folds(name)
    assert len(folds) == N_FOLDS
    n = {len(y) for task in folds for _, y in [task.splits["test"]]}
    total = sum(len(task.splits["test"][1]) for task in folds)
    assert total == {"iris": 150, "breast-cancer": 569}[name]
    assert max(n) - min(n) <= 1
    for task in folds:
        share = [np.bincount(y) / len(y) for _, y in task.splits.values()]
        np.testing.assert_allclose(share, np.broadcast_to(share[0], np.shape(share)), atol=0.03)


@pytest.mark.parametrize(
    "cut", [lambda y: fixed(y, test=40, validation=20, seed=3), lambda y: fold(y, 2, validation=20, seed=3)]
)
def test_splits_are_disjoint_complete_and_repeatable(cut):
    y = np.arange(200) % 4
    first, again = cut(y), cut(y)
    joined = np.concatenate(list(first.values()))
    np.testing.assert_array_equal(np.sort(joined), np.arange(200))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="0 to 4"):
        load_task("iris", fold=5)


def test_scaling_knows_the_train_split_only():
    features = np.random.default_rng(0).normal(size=(50, 3))
    train = np.arange(30)
    scaled = scale(features, train)
    features[40:] += 100.0
    np.testing.assert_array_equal(scale(features, train)[:40], scaled[:40])
    assert scaled[train].min() == 0.0
    assert scaled.max() == 1.0


def test_the_constant_source_has_the_highest_rate():
    split = {"train": np.array([0]), "validation": np.array([1]), "test": np.array([2])}
    task = encode(np.array([[0.0], [0.5], [1.0]]), np.array([0, 1, 0]), split, (10.0, 90.0))
    np.testing.assert_allclose(task["rates"]["validation"], [[50.0, 90.0]])
