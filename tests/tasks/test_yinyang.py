"""Yin-Yang equals the published data set and has its geometry."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu.errors import InputError, UnitError
from chipemu.tasks import load_task
from chipemu.tasks.yinyang import DOT, YANG, YIN, classify, draw_points

# First 16 digits of the SHA-256 of little-endian float64 features and int64 labels. The arrays behind them were
# compared with the arrays published by the authors (github.com/lkriener/yin_yang_data_set, publication_data): equal.
PUBLISHED = {
    "train": ("f5a4054d56f2a058", "534d12acda4f9dbc"),
    "validation": ("5eac358bdf212276", "5a4c2f605814a620"),
    "test": ("7bab3ed668ed4992", "daa0f8f4e3b37b1d"),
}
unit_interval = st.floats(0.0, 1.0)


@pytest.fixture(scope="module")
def task():
    return load_task("yinyang")


def _digest(array, dtype):
    return hashlib.sha256(np.ascontiguousarray(array, dtype=dtype).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("split", PUBLISHED)
def test_splits_are_the_published_arrays(task, split):
    x, y = task.splits[split]
    assert (_digest(x, "<f8"), _digest(y, "<i8")) == PUBLISHED[split]


def test_split_sizes(task):
    assert {split: len(y) for split, (_, y) in task.splits.items()} == {"train": 5000, "validation": 1000, "test": 1000}


def test_every_point_lies_in_the_disc_and_has_the_class_of_its_place(task):
    for x, y in task.splits.values():
        assert (np.hypot(x[:, 0] - 0.5, x[:, 1] - 0.5) <= 0.5 + 1e-12).all()
        assert [classify(*point) for point in x[:, :2]] == y.tolist()
        np.testing.assert_array_equal(x[:, 2:], 1.0 - x[:, :2])


def test_classes_are_about_equally_likely(task):
    _, y = task.splits["train"]
    # Binomial standard deviation of a count of 5000 / 3 is 33; four of them.
    assert np.abs(np.bincount(y) - 5000 / 3).max() < 4 * 33


@given(unit_interval, unit_interval)
def test_half_a_turn_swaps_yin_and_yang_and_keeps_dots(x, y):
    swapped = {YIN: YANG, YANG: YIN, DOT: DOT}
    on_a_border = min(
        *(abs(np.hypot(x - centre, y - 0.5) - radius) for centre in (0.25, 0.75) for radius in (0.1, 0.25)),
        abs(y - 0.5),
    )
    if on_a_border > 1e-9:
        assert classify(1.0 - x, 1.0 - y) == swapped[classify(x, y)]


@given(st.floats(0.0, 0.0999), st.floats(0.0, 2 * np.pi), st.sampled_from([0.25, 0.75]))
def test_dots_are_discs_of_radius_one_tenth(radius, angle, centre):
    assert classify(centre + radius * np.cos(angle), 0.5 + radius * np.sin(angle)) == DOT


def test_a_longer_draw_begins_with_the_shorter_one():
    (short, _), (long, _) = draw_points(5, seed=3), draw_points(9, seed=3)
    np.testing.assert_array_equal(short, long[:5])


def test_loading_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    load_task("yinyang")
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(("low", "high"), [("10 Hz", "100 Hz"), ("0 Hz", "0.05 kHz")])
def test_each_rate_is_affine_in_one_value(low, high):
    task = load_task("yinyang", rate_min=low, rate_max=high, constant=0.25)
    first, last = (float(text.split()[0]) * (1000 if "kHz" in text else 1) for text in (low, high))
    x, _ = task.splits["validation"]
    rates = task.rates["validation"]
    assert task.n_sources == rates.shape[1] == 5
    np.testing.assert_allclose((rates[:, :4] - first) / (last - first), x, atol=1e-12)
    np.testing.assert_allclose(rates[:, 4], first + 0.25 * (last - first))


def test_a_rate_needs_a_unit():
    with pytest.raises(UnitError, match="rate_max"):
        load_task("yinyang", rate_max="100")


@pytest.mark.parametrize("options", [{"rate_min": "200 Hz"}, {"rate_min": "-1 Hz"}, {"constant": 1.5}])
def test_impossible_encodings_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        load_task("yinyang", **options)
