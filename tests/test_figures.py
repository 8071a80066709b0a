"""Figures carry labels and units, show what the dataset holds, and touch no global state."""

import itertools
import sys

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from chipemu import figures
from chipemu.errors import InputError

pytestmark = pytest.mark.figure
SCALES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])


@pytest.fixture
def study():
    accuracy = np.random.default_rng(0).uniform(0.5, 0.7, (5, 4, 3))
    arrays = {
        "accuracy_test": (("mismatch_scale", "chip", "noise"), accuracy),
        "accuracy_ideal": ("mismatch_scale", np.full(5, 0.675)),
        "accuracy_linear": 0.643,
        "accuracy_ann": 0.989,
        "accuracy_chance": 1 / 3,
    }
    return xr.Dataset(arrays, coords={"mismatch_scale": SCALES})


@pytest.fixture
def training():
    history = np.random.default_rng(0).uniform(0.3, 0.7, (4, 3, 6))
    arrays = {"validation_history": (("chip", "noise", "checkpoint"), history), "accuracy_chance": 1 / 3}
    return xr.Dataset(arrays, coords={"checkpoint": np.arange(6) * 100})


@pytest.fixture
def recording():
    arrays = {"spike_time": [0.1, 0.2, 0.3], "spike_neuron": [0, 5, 2], "spike_run": [0, 0, 1]}
    return xr.Dataset({name: ("spike", values) for name, values in arrays.items()})


def _line(axes, label):
    return next(line for line in axes.lines if line.get_label().startswith(label))


def _texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


def test_accuracy_against_mismatch_shows_medians_dies_and_bounds(study):
    axes = figures.accuracy_against_mismatch(study)
    assert "mismatch" in axes.get_xlabel()
    assert "test accuracy (%)" in axes.get_ylabel()
    median = _line(axes, "median of 12 runs")
    np.testing.assert_array_equal(median.get_xdata(), SCALES)
    np.testing.assert_allclose(median.get_ydata(), 100 * np.median(study["accuracy_test"], axis=(1, 2)))
    assert _line(axes, "one die").get_ydata().shape == (5 * 4,)
    assert all(name in _texts(axes) for name in ("ANN 98.9", "ideal chip 67.5", "softmax 64.3", "chance 33.3"))


def test_closed_test_split_shows_validation_and_says_so(study):
    closed = study.assign(accuracy_validation=study["accuracy_test"], accuracy_test=study["accuracy_test"] * np.nan)
    assert "validation accuracy" in figures.accuracy_against_mismatch(closed).get_ylabel()


def test_failed_runs_are_left_out_and_counted(study):
    study["accuracy_test"][1, 0, 0] = np.nan
    study["accuracy_test"][4] = np.nan
    median = _line(figures.accuracy_against_mismatch(study), "median of 11-12 runs")
    np.testing.assert_array_equal(median.get_xdata(), SCALES[:4])


def test_learning_curve(training):
    axes = figures.learning_curve(training)
    assert axes.get_xlabel() == "presentations"
    assert "validation accuracy (%)" in axes.get_ylabel()
    np.testing.assert_array_equal(_line(axes, "median").get_xdata(), training["checkpoint"])


@pytest.mark.parametrize(("run", "neurons"), [(0, [0, 5]), (1, [2])])
def test_raster_shows_one_run(recording, run, neurons):
    axes = figures.raster(recording, run=run)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "neuron")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), neurons)


def test_given_axes_are_drawn_on(recording):
    axes = figures.new_axes()
    assert figures.raster(recording, axes) is axes


def test_a_second_factor_must_be_chosen_first(study):
    both = study.expand_dims(device=["ideal", "dynapse1"])
    with pytest.raises(InputError, match=r"isel\(device=0\)"):
        figures.accuracy_against_mismatch(both)
    figures.accuracy_against_mismatch(both.isel(device=0))


@pytest.mark.parametrize("draw", [figures.accuracy_against_mismatch, figures.learning_curve, figures.raster])
def test_missing_variables_are_named(draw):
    with pytest.raises(InputError, match=r"accuracy_test|lacks"):
        draw(xr.Dataset({"weight": 1.0}))


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_files_are_written_whole_and_alike(study, tmp_path, ending, magic):
    first, second = (
        figures.save_figure(figures.accuracy_against_mismatch(study), tmp_path / f"{name}.{ending}").read_bytes()
        for name in "ab"
    )
    assert first.startswith(magic)
    assert first == second
    assert len(list(tmp_path.iterdir())) == 2


def test_other_endings_are_refused(recording, tmp_path):
    with pytest.raises(InputError, match=r"\.png"):
        figures.save_figure(figures.raster(recording), tmp_path / "raster.bmp")


def test_pyplot_is_not_used(recording):
    loaded = sys.modules.pop("matplotlib.pyplot", None)
    try:
        figures.raster(recording)
        assert "matplotlib.pyplot" not in sys.modules
    finally:
        if loaded:
            sys.modules["matplotlib.pyplot"] = loaded


@given(st.lists(st.floats(0, 100), max_size=6))
def test_names_of_lines_do_not_overlap_and_keep_their_order(values):
    placed = figures._spread(values, 6.0)
    order = sorted(range(len(values)), key=values.__getitem__)
    assert (np.diff([placed[index] for index in order]) >= 6.0 - 1e-6).all()
    assert sum(placed) == pytest.approx(sum(values), abs=1e-6)


@given(st.lists(st.floats(0, 100), max_size=6))
def test_names_of_lines_stay_below_the_legend_and_apart(values):
    heights = figures._below(figures._spread(values, 6.0), 6.0, 100.0)
    assert all(height <= 100.0 for height in heights)
    ordered = sorted(heights)
    assert all(above - below > 6.0 - 1e-9 for below, above in itertools.pairwise(ordered))
