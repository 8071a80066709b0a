"""The float references reach published values and stay what data/reference/baselines.csv says."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from chipemu import baselines
from chipemu.errors import InputError, UnknownNameError
from chipemu.tasks import load_folds, load_task


@pytest.fixture(scope="module")
def yinyang():
    return load_task("yinyang")


def test_softmax_reaches_the_published_value(yinyang):
    # Kriener et al. 2022, arXiv:2102.08211: a network without hidden layer reaches 64.3 %.
    assert baselines.softmax(yinyang)["test"] == pytest.approx(0.643, abs=0.005)


def test_least_squares_is_worse_than_softmax(yinyang):
    # Masking: the straight line through one-hot targets cannot lift the class in the middle.
    assert baselines.least_squares(yinyang)["test"] == pytest.approx(0.58, abs=0.01)


@pytest.mark.parametrize("model", [baselines.least_squares, baselines.softmax])
def test_linear_references_do_not_care_about_the_affine_code_of_the_rates(yinyang, model):
    recoded = load_task("yinyang", rate_min="0 Hz", rate_max="1 Hz")
    assert model(recoded) == model(yinyang)


@pytest.mark.parametrize("model", [baselines.least_squares, baselines.softmax])
def test_binary_is_solved_without_a_mistake(model):
    assert model(load_task("binary"))["test"] == 1.0


def test_ann_is_reproducible_and_depends_on_its_seed():
    task = load_task("binary", jitter=1.0)
    first, again, other = (baselines.ann(task, hidden=3, epochs=3, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_permuted_labels_leave_chance(yinyang):
    x, y = yinyang.splits["train"]
    shuffled = {**yinyang.splits, "train": (x, np.random.default_rng(0).permutation(y))}
    accuracy = baselines.softmax(replace(yinyang, splits=shuffled))["test"]
    # 1000 presentations: the standard error of chance is 1.5 points.
    assert accuracy == pytest.approx(yinyang.chance, abs=0.06)


def test_stored_linear_references_are_what_the_code_computes(yinyang):
    for name, task in (("yinyang", yinyang), ("binary", load_task("binary"))):
        for split in task.splits:
            stored = baselines.stored(name, split)
            for model in ("least_squares", "softmax", "linear"):
                computed = getattr(baselines, model)(task)[split]
                assert computed == pytest.approx(stored[model], abs=baselines.TOLERANCE[model])


def test_the_penalty_is_chosen_on_validation():
    task = load_task("digits")
    fits = baselines.linear(task), baselines.softmax(task)
    assert fits[0]["validation"] >= fits[1]["validation"]
    assert fits[0]["test"] == pytest.approx(baselines.stored("digits")["linear"], abs=baselines.TOLERANCE["linear"])


def test_folds_are_pooled_by_their_size():
    folds = load_folds("iris")
    tested = [baselines.least_squares(task)["test"] * len(task.splits["test"][1]) for task in folds]
    assert baselines.stored("iris")["least_squares"] == pytest.approx(sum(tested) / 150, abs=0.002)


def test_stored_ann_reaches_the_published_value():
    assert baselines.stored("yinyang")["ann"] >= 0.98


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match="yinyang"):
        baselines.stored("yingyang")
    with pytest.raises(UnknownNameError, match="validation"):
        baselines.stored("yinyang", "valid")


def test_the_table_is_written_whole(tmp_path):
    rows = [baselines._row("binary", "ann", "test", 1.0, "0 1 2")]
    baselines.write(rows, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(InputError, match="not a folder"):
        baselines.write(rows, tmp_path / "absent" / "table.csv")


@pytest.mark.slow
def test_recomputed_table_equals_the_stored_one():
    # the network on `mnist` and `breast-cancer` takes minutes
    for row in baselines.compute(["yinyang", "binary", "iris", "digits"]):
        stored = baselines.stored(row["task"], row["split"])[row["model"]]
        assert float(row["accuracy"]) == pytest.approx(stored, abs=float(row["tolerance"])), row


@pytest.mark.slow
def test_ann_reaches_the_published_value(yinyang):
    # Kriener et al. 2022: 98.7 +- 0.3 % with 120 hidden units.
    assert np.median([baselines.ann(yinyang, seed=seed)["test"] for seed in baselines.ANN_SEEDS]) >= 0.98
