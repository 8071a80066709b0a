"""Figures carry labels and units, show what the dataset holds, and touch no global state."""

import itertools
import sys

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from chipemu import figures
from chipemu.bias import currents
from chipemu.device import load_device
from chipemu.errors import InputError
from chipemu.figures import marks

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


RUN = ("chip", "noise")


@pytest.fixture
def cloned(study):
    return study.assign(accuracy_cloned=study["accuracy_test"] - 0.1)


@pytest.fixture
def one(cloned):
    """Return the result of one point: no factor left."""
    return cloned.isel(mismatch_scale=2, drop=True)


@pytest.fixture
def confused():
    counts = np.tile([[3, 1, 0], [0, 4, 0], [2, 0, 2]], (4, 3, 1, 1))
    names = ["yin", "yang", "dot"]
    dims = (*RUN, "true_class", "decided_class")
    return xr.Dataset({"confusion": (dims, counts)}, {"true_class": names, "decided_class": names})


@pytest.fixture
def weights():
    codes = np.random.default_rng(0).integers(-7, 8, (4, 3, 30, 8))
    return xr.Dataset({"weight": ((*RUN, "post", "pre"), codes)})


@pytest.fixture
def fan():
    current = np.linspace(0, 60e-12, 7)
    rates = 3e12 * current[:, None] * np.linspace(0.5, 1.5, 16)
    arrays = {
        "fi_rate": (("chip", "fi_current", "fi_neuron"), rates[None]),
        "fi_rate_nominal": ("fi_current", 3e12 * current),
    }
    return xr.Dataset(arrays, {"fi_current": current})


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
    assert all(name in _texts(axes) for name in ("ANN 98.9", "ideal chip 67.5", "linear 64.3", "chance 33.3"))


def test_ways_of_training_are_drawn_beside_one_another(cloned):
    parts = {"trained": cloned, "transferred": cloned.assign(accuracy_cloned=cloned["accuracy_cloned"] * np.nan)}
    both = xr.concat(parts.values(), xr.Variable("training", list(parts)), data_vars="all")
    axes = figures.training_comparison(both)
    drawn = {
        line.get_label().split(",")[0]: line.get_ydata() for line in axes.get_lines() if "runs" in line.get_label()
    }
    assert list(drawn) == ["trained on the die", "transferred", "cloned from another die"]
    median = 100 * np.median(cloned["accuracy_test"].values.reshape(5, -1), axis=1)
    assert drawn["trained on the die"] == pytest.approx(median)
    assert drawn["cloned from another die"] == pytest.approx(median - 10)
    with pytest.raises(InputError, match="training"):
        figures.training_comparison(cloned)


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
    assert axes.get_xlabel() == "training presentations"
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


FROM_RESULTS = [
    figures.accuracy_against_mismatch,
    figures.clone_cost,
    figures.confusion,
    figures.die_map,
    figures.f_i_fan,
    figures.learning_curve,
    figures.raster,
    figures.weight_codes,
    figures.weight_matrix,
    figures.yield_curve,
]


@pytest.mark.parametrize("draw", FROM_RESULTS, ids=lambda draw: draw.__name__)
def test_missing_variables_are_named(draw):
    with pytest.raises(InputError, match=r"accuracy_test|lacks"):
        draw(xr.Dataset({"temperature": 1.0}))


def test_a_number_without_dies_is_refused_by_name(study):
    with pytest.raises(InputError, match=r"accuracy_test has dimensions .* needs chip"):
        figures.accuracy_against_mismatch(study.isel(chip=0))


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


def test_a_notebook_shows_the_figure_at_half_its_pixels(recording):
    image, shown = figures.raster(recording).figure._repr_png_()
    assert image.startswith(b"\x89PNG")
    width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (2 * shown["width"], 2 * shown["height"])


@pytest.mark.parametrize(
    "names", [["pattern 0", "pattern 1"], ["setosa", "versicolor", "virginica"], list("0123456789")]
)
def test_no_label_of_a_confusion_is_cut(names):
    counts = np.eye(len(names))[None, None]
    coords = {"true_class": names, "decided_class": names}
    axes = figures.confusion(xr.Dataset({"confusion": ((*RUN, "true_class", "decided_class"), counts)}, coords))
    _check_inside(axes)


@pytest.mark.parametrize("name", ["dynapse1 IF_TAU1_N", "dynapse2 SYAM_W3_P"])
def test_the_curve_of_a_bias_shows_every_range_and_its_marks(name):
    device, register = name.split()
    table = currents(load_device(device).generators[register])
    marks = [("output", 0, 62), ("controller", 0, 62), ("ds-fi", 1, 40)]
    axes = figures.bias_curve(table, marks=marks, name=register)
    np.testing.assert_array_equal([line.get_ydata() for line in axes.lines[: len(table)]], table)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["1  (0, 62): output and 1 more", "2  (1, 40): ds-fi"]
    assert axes.get_yscale() == "log"
    _check_inside(axes)
    sketch = figures.bias_sketch(table).splitlines()
    assert max(map(len, sketch)) <= 80
    drawn = set("".join(line.partition("|")[2] for line in sketch)) - {" "}
    assert drawn == {str(coarse) for coarse in range(len(table))}


def test_a_current_of_nothing_has_no_place_on_a_logarithmic_axis():
    for draw in (figures.bias_curve, figures.bias_sketch):
        with pytest.raises(InputError, match="above 0 A"):
            draw(np.array([[0.0, 1e-12]]))


def test_no_label_of_a_die_map_is_cut():
    _check_inside(figures.die_map(np.ones((4, 256)), parameter="I_tau"))


def _check_inside(axes):
    figure = axes.figure
    figure.draw_without_rendering()
    boxes = [drawn.get_tightbbox() for drawn in figure.axes]
    assert all(box.x0 >= 0 and box.y0 >= 0 for box in boxes)
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)


@given(st.lists(st.floats(0, 100), max_size=6))
def test_names_of_lines_do_not_overlap_and_keep_their_order(values):
    placed = marks.spread(values, 6.0)
    order = sorted(range(len(values)), key=values.__getitem__)
    assert (np.diff([placed[index] for index in order]) >= 6.0 - 1e-6).all()
    assert sum(placed) == pytest.approx(sum(values), abs=1e-6)


@given(st.lists(st.floats(0, 100), max_size=6))
def test_names_of_lines_stay_below_the_legend_and_apart(values):
    heights = marks.below(marks.spread(values, 6.0), 6.0, 100.0)
    assert all(height <= 100.0 for height in heights)
    ordered = sorted(heights)
    assert all(above - below > 6.0 - 1e-9 for below, above in itertools.pairwise(ordered))


# --- what a study varies ---------------------------------------------------------------------------------------


def test_cloned_weights_are_a_second_series_of_its_own_look(cloned):
    axes = figures.accuracy_against_mismatch(cloned)
    trained, copied = _line(axes, "trained on the die, median"), _line(axes, "cloned from another die, median")
    np.testing.assert_allclose(copied.get_ydata(), trained.get_ydata() - 10)
    for look in ("get_color", "get_marker", "get_linestyle"):
        assert getattr(trained, look)() != getattr(copied, look)()
    assert [band.get_hatch() for band in axes.collections] != [None] * len(axes.collections)


def test_a_factor_of_names_becomes_boxes(cloned):
    names = ["", "noise", "calibration", "dead", "drift"]
    axes = figures.accuracy_against(cloned.rename(mismatch_scale="without").assign_coords(without=names), "without")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["nothing", *names[1:]]
    # shade of both series, and the hatch of the cloned one
    assert len(axes.patches) == 3 * len(names)


def test_a_wide_factor_has_a_logarithmic_axis_and_temperature_is_in_celsius(study):
    eta = study.rename(mismatch_scale="eta").assign_coords(eta=[0.01, 0.1, 1.0, 3.0, 10.0])
    assert figures.accuracy_against(eta, "eta").get_xscale() == "log"
    warm = study.rename(mismatch_scale="temperature").assign_coords(temperature=273.15 + np.arange(5) * 10)
    axes = figures.accuracy_against(warm, "temperature")
    assert axes.get_xlabel() == "temperature (°C)"
    np.testing.assert_allclose(_line(axes, "median").get_xdata(), np.arange(5) * 10)


def test_a_reference_that_depends_on_the_factor_is_drawn_at_each_value(study):
    study["accuracy_linear"] = ("mismatch_scale", np.linspace(0.5, 0.6, 5))
    axes = figures.accuracy_against_mismatch(study)
    np.testing.assert_allclose(_line(axes, "linear").get_ydata(), 100 * np.linspace(0.5, 0.6, 5))
    assert "linear" not in _texts(axes)


def test_names_are_shown_letter_by_letter(study, tmp_path):
    hostile = study.rename(mismatch_scale="device").assign_coords(device=["$x", "a$\\foo$", "<b>", "x" * 99, "\n"])
    axes = figures.accuracy_against(hostile, "device")
    figures.save_figure(axes, tmp_path / "hostile.svg")
    assert len(axes.get_xticklabels()[3].get_text()) == 20


def test_paired_dies_show_what_a_copy_costs(one):
    axes = figures.clone_cost(one)
    pairs = [line for line in axes.lines if list(line.get_xdata()) == [0, 1] and line.get_label().startswith("_")]
    drops = [np.diff(line.get_ydata()).item() for line in pairs if line.get_transform() == axes.transData]
    np.testing.assert_allclose(drops, -10)
    assert len(drops) == 4
    assert "(%)" in axes.get_ylabel()
    with pytest.raises(InputError, match="accuracy_cloned has no finite value"):
        figures.clone_cost(one.assign(accuracy_cloned=one["accuracy_cloned"] * np.nan))


# --- yield ------------------------------------------------------------------------------------------------------


def test_yield_falls_from_all_dies_to_none(one):
    axes = figures.yield_curve(one)
    dies = np.sort(100 * one["accuracy_test"].median("noise"))
    curve = _line(axes, "trained on the die")
    np.testing.assert_allclose(curve.get_xdata(), [0, *dies, 100])
    np.testing.assert_allclose(curve.get_ydata(), [100, 100, 75, 50, 25, 0])
    assert _line(axes, "cloned").get_linestyle() != curve.get_linestyle()
    assert ("accuracy of a die (%)" in axes.get_xlabel(), "(%)" in axes.get_ylabel()) == (True, True)


def test_a_die_whose_runs_failed_does_not_count_as_good(one):
    one["accuracy_test"][0] = np.nan
    assert max(_line(figures.yield_curve(one), "trained").get_ydata()) == 75


def test_one_curve_of_yield_a_value(study):
    study["accuracy_test"][4] = np.nan
    axes = figures.yield_curve(study, "mismatch_scale")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:4] == ["0", "0.5", "1", "2"]
    assert "mismatch scale" in axes.get_legend().get_title().get_text()


@given(st.lists(st.floats(0, 1) | st.just(np.nan), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_yield_never_rises_with_the_bound(dies, bound, other):
    low, high = sorted((bound, other))
    assert 1 >= figures.yield_fraction(np.array(dies), low) >= figures.yield_fraction(np.array(dies), high) >= 0


# --- classes, weights, rates, dies, groups ----------------------------------------------------------------------


def test_confusion_is_percent_of_the_row(confused):
    axes = figures.confusion(confused)
    assert [text.get_text() for text in axes.texts] == ["75", "25", "0", "0", "100", "0", "50", "0", "50"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("decided class", "true class")
    assert axes.figure.axes[1].get_ylabel() == "share of the true class (%)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["yin", "yang", "dot"]


def test_many_classes_have_no_numbers_and_absent_ones_are_left_out(confused):
    many = xr.Dataset({"confusion": ((*RUN, "true_class", "decided_class"), np.tile(np.eye(26), (1, 1, 1, 1)))})
    assert not figures.confusion(many).texts
    counts = confused["confusion"].astype(float)
    counts[..., 2, :] = counts[..., :, 2] = np.nan
    assert figures.confusion_percent(confused.assign(confusion=counts)).shape == (2, 2)
    with pytest.raises(InputError, match="no decision"):
        figures.confusion(confused * 0)


def test_weight_codes_have_a_bin_each_and_sum_to_all_synapses(weights):
    axes = figures.weight_codes(weights)
    low, high = weights["weight"].min(), weights["weight"].max()
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_array_equal(edges, np.arange(low - 0.5, high + 1))
    assert values.sum() == pytest.approx(100, abs=10)
    assert ("signed" in axes.get_xlabel(), axes.get_ylabel()) == (True, "synapses of a die (%)")


def test_float_weights_are_binned_and_failed_runs_left_out(weights):
    real = weights * 0.1
    real["weight"][0] = np.nan
    axes = figures.weight_codes(real)
    assert axes.patches[0].get_label() == "median of 3 dies"
    with pytest.raises(InputError, match="every run failed"):
        figures.weight_codes(real * np.nan)


def test_weight_matrix_averages_the_neurons_of_a_unit(weights):
    axes = figures.weight_matrix(weights)
    shown = axes.collections[0].get_array()
    np.testing.assert_allclose(shown, weights["weight"].values.reshape(4, 3, 3, 10, 8).mean(axis=(0, 1, 3)))
    with pytest.raises(InputError, match=r"30 output neurons .* units of 7"):
        figures.weight_matrix(weights, n_per_unit=7)


def test_fan_has_a_line_a_neuron_and_the_nominal_one(fan):
    axes = figures.f_i_fan(fan)
    assert len(axes.collections[0].get_segments()) == 16
    np.testing.assert_allclose(_line(axes, "nominal").get_xdata(), np.arange(7) * 10)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("direct current (pA)", "firing rate (Hz)")
    with pytest.raises(InputError, match="die 1 is out of range"):
        figures.f_i_fan(fan, chip=1)


def test_map_puts_every_core_in_its_place_with_1_in_the_middle_of_the_colours():
    factor = np.random.default_rng(0).lognormal(0, 0.2, (4, 256))
    axes = figures.die_map(factor, parameter="I_tau")
    assert len(axes.collections) == 4
    np.testing.assert_array_equal(axes.collections[2].get_array(), factor[2].reshape(16, 16))
    norm = axes.collections[0].norm
    assert norm(1.0) == pytest.approx(0.5)
    assert axes.figure.axes[1].get_ylabel() == "mismatch factor of I_tau (1)"
    dataset = xr.Dataset({"neuron_factor": (("chip", "core", "neuron"), factor[None])})
    np.testing.assert_array_equal(figures.die_map(dataset).collections[0].get_array(), factor[0].reshape(16, 16))


@pytest.mark.parametrize(
    ("factor", "words"), [(np.ones((4, 250)), "no square"), (np.zeros((4, 256)), "above 0"), (np.ones(256), "shape")]
)
def test_map_refuses_what_is_no_die(factor, words):
    with pytest.raises(InputError, match=words):
        figures.die_map(factor)


def test_raster_names_groups_and_shades_feedback(recording):
    groups = {"class 0": range(0, 3), "class 1": range(3, 5)}
    axes = figures.raster(recording, groups=groups, feedback=[(0.05, 0.15), (0.2, 0.25)])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(groups)
    assert len(axes.patches) == 2
    assert axes.get_legend().get_texts()[0].get_text() == "feedback on"
    # neuron 5 is in no group
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "|") == 1
    with pytest.raises(InputError, match="neuron 2 stands in two groups"):
        figures.raster(recording, groups={"a": [1, 2], "b": [2]})


def test_spread_against_tau_shows_curves_and_silicon():
    axes = figures.cv_against_tau([0.01, 0.02], {"measured sizes": [0.2, 0.18], "geometry": [0.01, 0.01]}, [0.2, 0.19])
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines() if not line.get_label().startswith("_")}
    assert lines["measured sizes"].tolist() == [20, 18]
    assert axes.get_ylim()[0] == 0
    assert "silicon, 256 neurons" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_spread_against_tau_refuses_a_curve_of_another_length():
    with pytest.raises(InputError, match="geometry has 1 values; expected one for each of the 2"):
        figures.cv_against_tau([0.01, 0.02], {"geometry": [0.01]})


def test_shares_leave_out_what_costs_nothing():
    axes = figures.variance_shares({"rate": {"gain": 0.6, "leak": 0.4, "pulse": 0.0}, "EPSP": {"leak": 1.0}})
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gain", "leak"]
    assert {text.get_text() for text in axes.texts} == {"60", "40", "100"}
    with pytest.raises(InputError, match="at least one"):
        figures.variance_shares({})
