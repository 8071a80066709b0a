"""The command line: names, exit codes, what goes to which stream, and what a broken file does."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from malformed import CASES
from malformed_mappings import CASES as MAPPING_CASES
from malformed_mappings import small_network

from chipemu import storage
from chipemu.cli import main
from chipemu.device import load_device
from chipemu.errors import RunError
from chipemu.mapping.files import load_mapping
from chipemu.study.schema import load_study
from chipemu.validation import Check
from chipemu.variables import label

ROOT = Path(__file__).parents[1]
KEYS = {
    "task", "device", "where", "chips", "accuracy_test", "accuracy_runs", "accuracy_validation", "accuracy_control",
    "accuracy_linear", "accuracy_ann", "accuracy_ideal", "target_error_hz", "ledger", "power_uW", "wall_s",
    "simulated_s",
}  # fmt: skip


def fake_result(settings) -> xr.Dataset:
    """What `learn` returns, with numbers made up from the seeds."""
    shape = len(settings.chip_seeds), len(settings.noise_seeds)
    drawn = np.array([[(c + n) % 97 for n in settings.noise_seeds] for c in settings.chip_seeds]) / 97
    runs = ("chip", "noise")
    arrays = {f"accuracy_{name}": (runs, 0.5 + 0.2 * drawn) for name in ("validation", "control", "cloned", "test")}
    if settings.split != "test":
        arrays["accuracy_test"] = (runs, np.full(shape, np.nan))
    arrays |= {f"target_error_{side}": (runs, 5 + drawn) for side in ("on", "off")}
    arrays |= {"decision_latency": (runs, 0.1 + 0.01 * drawn), "spikes_per_inference": (runs, 90 + drawn)}
    arrays["energy_per_inference"] = (runs, 1e-6 * (1 + drawn))
    arrays |= {"ledger_uploads": (runs, np.full(shape, 7)), "ledger_chip_time_s": (runs, np.full(shape, 2.0))}
    arrays["validation_history"] = ((*runs, "checkpoint"), np.repeat(drawn[..., None], 2, axis=-1))
    arrays["calibration_success"] = ("chip", np.ones(shape[0], bool))
    if settings.regions:
        plane = np.arange(4).reshape(2, 2) - 1
        arrays["region"] = ((*runs, "grid_y", "grid_x"), np.tile(plane, (*shape, 1, 1)))
        arrays["region_true"] = (("grid_y", "grid_x"), plane)
    if settings.transfer:
        arrays |= {"accuracy_transferred": (runs, 0.4 + 0.2 * drawn), "accuracy_float_snn": 0.97}
    arrays |= {"accuracy_linear": 0.64, "accuracy_ann": 0.98, "accuracy_chance": 1 / 3}
    origin = storage.provenance(
        device="ideal", device_hash="", operating_points=(), mapping_hash="", seeds={}, temperature=settings.temperature
    )
    coordinates = {
        "checkpoint": [1, 2],
        "chip_seed": ("chip", list(settings.chip_seeds)),
        "noise_seed": ("noise", list(settings.noise_seeds)),
    }
    return label(xr.Dataset(arrays, coordinates, origin))


@pytest.fixture
def asked(monkeypatch):
    """Learning without the work: the settings it was called with, in a list."""
    calls = []

    def learn(settings, tick=None):
        calls.append(settings)
        for stage, done in (("calibrate", 1), ("train", 1), ("train", 1)):
            (tick or (lambda *counts: None))(stage, done, 2)
        return fake_result(settings)

    monkeypatch.setattr("chipemu.learning.experiment.learn", learn)
    monkeypatch.setattr("chipemu.study.point.learn", learn)
    return calls


@pytest.fixture
def chipemu(capfd, tmp_path, monkeypatch):
    """Run the command in an empty folder: returns exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    # a study runs in this process, because what a test puts in place of learning does not reach workers
    monkeypatch.setattr("chipemu.study.workers.n_cores", lambda: 0)

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return left.value.code or 0, out, err

    return run


def refused(outcome, *texts):
    """Check a refusal: exit code 2, a message with these texts on standard error alone, no traceback."""
    code, out, err = outcome
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    for text in texts:
        assert text in err, err


# --- broken files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_device_or_point_file_is_exit_code_2(case, chipemu, toml_file):
    path = toml_file(case.content, f"{case.name}.toml")
    words = ("show", path) if case.folder == "devices" else ("show", "dynapse1", "--point", path)
    refused(chipemu(*words), path.name, *case.names)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("case", [case for case in CASES if case.folder == "devices"][::6], ids=lambda case: case.name)
def test_learning_on_a_broken_device_writes_nothing(case, chipemu, toml_file):
    path = toml_file(case.content, f"{case.name}.toml")
    refused(chipemu("learn", "binary", "--device", path, "--out", "f.h5", "--figure", "f.png"), path.name, *case.names)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content", "texts"), MAPPING_CASES, ids=[case[0] for case in MAPPING_CASES])
def test_broken_mapping_file_is_exit_code_2(name, content, texts, chipemu, toml_file, monkeypatch):
    """The cases are broken placements of a small network, so that network stands in for the task's."""
    path = toml_file(content, f"{name}.toml")
    monkeypatch.setattr(
        "chipemu.learning.experiment.load_mapping",
        lambda given, *_: load_mapping(given, small_network(), load_device("dynapse1")),
    )
    refused(chipemu("learn", "binary", "--mapping", path, "--out", "f.h5"), path.name, *texts)
    assert list(path.parent.iterdir()) == [path]


def test_a_mapping_of_another_network_is_refused(chipemu):
    refused(
        chipemu("learn", "binary", "--mapping", "yinyang-dynapse1-plastic"), "yinyang-dynapse1-plastic.toml", "network"
    )


STUDY = """
[study]
name = "small"
task = "binary"
device = "dynapse1-plastic"
where = "chip"
chips = 2
noise_seeds = 1
seed = 0
split = "test"
[factors]
mismatch_scale = [0, 1]
"""


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        ('"binary"', '"binry"', ("study.task", "nearest: binary")),
        ("chips = 2", "chips = 0", ("study.chips", "1")),
        ("chips = 2", "", ("study.chips: missing",)),
        ("[0, 1]", "[0, nan]", ("factors.mismatch_scale.1",)),
        ("[0, 1]", "[0, -1]", ("factors.mismatch_scale.1",)),
        ('"chip"', '"oracle"', ("study.where.0", "'chip' or 'host'")),
        ("mismatch_scale", 'rule = ["delta"]\nmismatch_scale', ("factors.rule.0", "'delta'", "differential-hebbian")),
        ("mismatch_scale", 'rule = "differential-hebbian"\nmismatch_scale', ("factors.rule", "rate_change")),
        ("mismatch_scale", 'temperature = ["25 mV"]\nmismatch_scale', ("factors.temperature.0", "'25 mV'")),
        ("[factors]", "[factors", ("not valid TOML",)),
        ('"dynapse1-plastic"', '"dynapse1"', ("study.where: 'chip' is impossible on dynapse1",)),
        ("[0, 1]", '[0]\nwithout = "nois"\nlevels = 8', ("nearest: noise", "8 is even; weights")),
    ],
)
def test_broken_study_file_is_exit_code_2(old, new, texts, chipemu, toml_file):
    path = toml_file(STUDY.replace(old, new, 1), "mine.toml")
    refused(chipemu("study", "run", path), "mine.toml", *texts)
    assert list(path.parent.iterdir()) == [path]


# --- bad words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("lern binary", ("lern",)),
        ("learn", ("TASK",)),
        ("learn yingyang", ("unknown task 'yingyang'", "nearest: yinyang")),
        ("learn binary --device dynaps1", ("unknown device 'dynaps1'", "dynapse1")),
        ("learn binary --device absent.toml", ("absent.toml", "no such file")),
        ("learn binary --latch alpha --device dynapse2", ("unknown latch 'alpha'", "alpha_ampa")),
        ("learn binary --latch stp --device dynapse1", ("latch 'stp'", "dynapse1.toml, latches")),
        ("learn binary --without mismach", ("unknown effect 'mismach'", "mismatch")),
        ("learn binary --scale mismach=2", ("unknown effect 'mismach'", "mismatch")),
        ("learn binary --scale mismatch", ("--scale mismatch", "mismatch=2")),
        ("learn binary --scale mismatch=two", ("--scale mismatch=two",)),
        ("learn binary --scale mismatch=-1", ("mismatch", "0 to 100")),
        ("learn binary --scale mismatch=nan", ("mismatch", "0 to 100")),
        ("learn binary --scale mismatch=1,mismatch=2", ("given twice",)),
        ("learn binary --rule outputs", ("--rule outputs", "outputs=differential-hebbian")),
        ("learn binary --rule output=feedback", ("'output'", "outputs")),
        ("learn binary --rule outputs=hebbian", ("'hebbian'", "differential-hebbian")),
        ("learn binary --rule outputs=differential-hebbian", ("rate_change", "--device dynapse1-extended")),
        ("learn binary --where host --rule outputs=feedback", ("plastic synapses", "dynapse1-plastic")),
        ("learn binary --margin -1", ("--margin", "greater than or equal to 0")),
        ("learn binary --scale calibration=2", ("calibration", "on or off")),
        ("learn binary --where cloud", ("--where", "chip", "host")),
        ("learn binary --where chip --device dynapse1", ("dynapse1", "no plastic synapses", "at the host")),
        ("learn binary --chips 0", ("--chips", "1")),
        ("learn binary --seed -1", ("--seed", "0")),
        ("learn binary --eta nan", ("--eta", "0")),
        ("learn binary --eta inf", ("--eta", "finite")),
        ("learn binary --temperature 25", ("--temperature", "25 degC")),
        ("learn binary --temperature 900K", ("900 K", "450 K")),
        ("learn binary --calibrate-at 900K", ("900 K", "450 K")),
        ("learn binary --calibrate-at 25degC --without calibration", ("switched off", "--calibrate-at")),
        ("learn binary --device per-neuron --leak-choice", ("per-neuron", "trim their leak")),
        ("learn binary --device dynapse2 --leak-choice", ("dynapse2", "one leak")),
        ("learn binary --device per-neuron --core-times", ("per-neuron", "one by one")),
        ("learn binary --core-times --leak-choice", ("choose a leak", "leave one option out")),
        ("learn binary --age 7", ("--age", "20 ms")),
        ("learn binary --age -1s", ("--age", "0 s and above")),
        ("learn binary --age 1e12s", ("1 Ts", "30 years")),
        ("learn binary --device memristive --compensate", ("drift compensation", "give --age")),
        ("learn binary --compensate", ("drift compensation", "--device memristive")),
        ("learn binary --device memristive --where host --compensate", ("drift compensation", "at the host")),
        ("learn binary --target-rate 40", ("--target-rate", "50 Hz")),
        ("learn binary --presentations 2 --checkpoints 3", ("--checkpoints 3", "--presentations 2")),
        ("learn binary --weights tied --where chip --without calibration", ("tied", "--where host")),
        ("learn binary --hidden 3 --where host", ("hidden layer", "--device dynapse2")),
        ("learn binary --out absent/f.h5", ("absent", "no folder")),
        ("learn binary --out .", ("folder",)),
        ("learn binary --figure f.bmp", ("f.bmp", ".png")),
        ("show dynapse1 --bias IF_TAU_N", ("unknown bias 'IF_TAU_N'", "IF_TAU1_N")),
        ("show dynapse1 --point outptu", ("unknown operating point 'outptu'", "output")),
        ("study run absent.toml", ("absent.toml", "cannot be read")),
        ("study report .", ("holds no study",)),
        ("study rerun absent.h5 --row 0", ("absent.h5", "Finish the study first")),
        ("study rerun absent.h5", ("--row",)),
        ("study status .", ("holds no study",)),
        ("check --device dynaps1", ("unknown device 'dynaps1'", "dynapse1")),
    ],
)
def test_bad_words_are_exit_code_2_and_leave_nothing(words, texts, chipemu, tmp_path):
    refused(chipemu(*words.split()), *texts)
    assert list(tmp_path.iterdir()) == []


# --- devices and show -----------------------------------------------------------------------------------------


def test_devices_are_listed(chipemu):
    code, out, err = chipemu("devices")
    assert (code, err) == (0, "")
    assert all(name in out for name in ("dynapse1", "dynapse1-plastic", "ideal"))


def test_show_prints_the_device_and_where_its_numbers_come_from(chipemu):
    assert chipemu("show", "dynapse1") == (0, f"{load_device('dynapse1')}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        "devices",
        "show dynapse1",
        "show ideal",
        "show dynapse1 --applied",
        "show dynapse1 --bias IF_TAU1_N",
        "show ideal --bias IF_BUF_P",
        "show dynapse2",
        "show dynapse2 --bias SOIF_LEAK_N",
        "show dynapse2 --applied",
        "show dynapse2 --point se2-output",
        "show dynapse1-plastic --point output",
        "show memristive --applied",
        "show memristive-cmo",
        "show bistable --applied",
        "show dynapse1 --budget mismatch-fit",
        "show dynapse1 --spread mismatch-fit",
    ],
)
def test_json_is_one_object(words, chipemu):
    code, out, err = chipemu(*words.split(), "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out), dict)
    assert chipemu(*words.split())[0] == 0


def test_applied_says_what_a_device_does_not_have(chipemu):
    sizes = {
        row["effect"]: row["size"] for row in json.loads(chipemu("show", "ideal", "--applied", "--json")[1])["effects"]
    }
    assert {sizes[name] for name in ("mismatch_within_core", "thermal_noise", "bias_quantisation")} == {"none"}
    sizes = {
        row["effect"]: row["size"]
        for row in json.loads(chipemu("show", "dynapse1", "--applied", "--json")[1])["effects"]
    }
    of_others = {"programming_noise", "read_noise", "conductance_drift", "weight_leak", "mismatch_trace"}
    assert {name for name, size in sizes.items() if size == "none"} == of_others


@pytest.mark.parametrize(("device", "bias"), [("dynapse1", "IF_TAU1_N"), ("dynapse2", "SYAM_W0_P")])
def test_the_curve_of_a_bias_is_printed_and_plotted(device, bias, chipemu, tmp_path):
    code, out, err = chipemu("show", device, "--bias", bias, "--figure", str(tmp_path / "bias.png"))
    assert (code, err) == (0, f"wrote {tmp_path / 'bias.png'}\n")
    assert "100 nA |" in out
    assert (tmp_path / "bias.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("--figure bias.png", ("nothing to draw; give --bias NAME",)),
        ("--bias IF_BUF_P --figure bias.png", ("IF_BUF_P of dynapse1 has no curve", "devices/dynapse1.toml")),
        ("--bias IF_TAU1_N --figure bias.txt", ("bias.txt ends in '.txt'", ".png")),
        ("--bias IF_TAU1_N --figure none/bias.png", ("no folder none",)),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused(words, texts, chipemu):
    code, _, err = chipemu("show", "dynapse1", *words.split())
    assert code == 2
    assert all(text in err for text in texts)


def test_bias_is_shown_with_its_nearest_code(chipemu):
    rows = json.loads(chipemu("show", "dynapse1", "--bias", "IF_TAU1_N", "--json")[1])["points"]
    row = next(row for row in rows if row["point"] == "output")
    assert row["set_A"] == pytest.approx(row["current_A"], rel=0.02)


# --- learn ----------------------------------------------------------------------------------------------------


def test_words_of_a_hidden_layer_become_settings(asked, chipemu):
    from chipemu.learning.recipes import usual

    assert (
        chipemu("learn", "yinyang", "--hidden", "30", "--freeze-hidden", "--shuffle-feedback", "--feedback", "fixed")[0]
        == 0
    )
    (settings,) = asked
    assert (settings.hidden, settings.freeze_hidden, settings.shuffle_feedback) == (30, True, True)
    assert settings.feedback == "fixed"
    assert (settings.budget, settings.schedule) == usual("yinyang", 30) != usual("yinyang")


def test_words_of_a_recurrent_layer_become_settings(asked, chipemu):
    words = ("--recurrent", "--freeze-recurrent", "--least-control")
    assert chipemu("learn", "yinyang", "--hidden", "30", *words)[0] == 0
    (settings,) = asked
    assert settings.recurrent
    assert settings.freeze_recurrent
    assert settings.least_control


def test_target_propagation_becomes_a_setting(asked, chipemu):
    assert chipemu("learn", "yinyang", "--hidden", "30", "--target-propagation", "--feedback", "inverse")[0] == 0
    (settings,) = asked
    assert (settings.target_propagation, settings.feedback, settings.inject) == (True, "inverse", True)


def test_regions_are_drawn(asked, chipemu, tmp_path):
    assert chipemu("learn", "yinyang", "--regions", "r.png")[0] == 0
    assert asked[0].regions > 0
    assert (tmp_path / "r.png").stat().st_size > 1000


def test_words_become_settings(asked, chipemu):
    words = (
        "learn yinyang --where host --chips 2 --noise-seeds 3 --seed 4 --temperature 310K --split test "
        "--age '1 week' --compensate --calibrate-at 300K --leak-choice --core-times "
        "--scale mismatch=2,input_noise=0.5 --scale mismatch_slot=0 "
        "--without thermal_noise,calibration --without bias_quantisation --presentations 20 --checkpoints 2 "
        "--gate always --weights tied --target-rate 30Hz --eta 0.5 --permute-labels --no-inject --json"
    )
    assert chipemu(*shlex.split(words))[0] == 0
    (settings,) = asked
    assert (settings.age, settings.compensate) == (7 * 86400.0, True)
    assert (settings.task, settings.where, settings.split, settings.seed) == ("yinyang", "host", "test", 4)
    assert (len(settings.chip_seeds), len(settings.noise_seeds)) == (2, 3)
    assert (settings.temperature, settings.calibrate_at) == (310.0, 300.0)
    assert (settings.leak_choice, settings.core_times) == (True, True)
    assert dict(settings.scale) == {"mismatch": 2.0, "input_noise": 0.5, "mismatch_slot": 0.0}
    assert settings.without == ("thermal_noise", "calibration", "bias_quantisation")
    assert (settings.budget.presentations, settings.budget.checkpoints) == (20, 2)
    assert (settings.schedule.gated, settings.schedule.target_rate) == (False, 30.0)
    assert (settings.host.weights, settings.eta) == ("tied", 0.5)
    assert (settings.permute_labels, settings.inject) == (True, False)


def test_tied_weights_change_nothing_else_of_the_rule_of_a_hidden_layer(asked, chipemu):
    from chipemu.learning.settings import host_rule

    common = "learn yinyang --device dynapse2 --hidden 16"
    for words in (common, f"{common} --weights tied"):
        assert chipemu(*shlex.split(words))[0] == 0
    usual, tied = (host_rule(settings) for settings in asked)
    assert usual.hidden > 0
    assert tied == replace(usual, weights="tied")


@pytest.mark.parametrize("task", ["binary", "yinyang"])
def test_what_is_not_said_stays_as_usual_for_the_task(task, asked, chipemu):
    from chipemu.learning.recipes import usual
    from chipemu.learning.settings import Settings

    assert chipemu("learn", task)[0] == 0
    (settings,) = asked
    library = Settings(task)
    for name in (
        "device",
        "where",
        "scale",
        "without",
        "split",
        "temperature",
        "age",
        "compensate",
        "eta",
        "host",
        "controller",
    ):
        assert getattr(settings, name) == getattr(library, name)
    assert (settings.budget, settings.schedule) == usual(task)


def test_warnings_are_notes_said_once_a_kind(chipemu, monkeypatch):
    def learn(settings, tick=None):
        for value in (0.12, 0.13):
            warnings.warn(f"time step is {value} of the shortest time constant", stacklevel=1)
        return fake_result(settings)

    monkeypatch.setattr("chipemu.learning.experiment.learn", learn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, out, err = chipemu("learn", "binary", "--json")
    assert (code, err) == (0, "chipemu: note: time step is 0.12 of the shortest time constant\n")
    assert json.loads(out)


def test_more_dies_keep_the_first_ones(asked, chipemu):
    chipemu("learn", "binary", "--chips", 2)
    chipemu("learn", "binary", "--chips", 4)
    assert asked[1].chip_seeds[:2] == asked[0].chip_seeds


@pytest.mark.parametrize("split", ["validation", "test"])
def test_learn_json(split, asked, chipemu):
    code, out, err = chipemu("learn", "binary", "--chips", 3, "--noise-seeds", 2, "--split", split, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert set(facts) >= KEYS
    assert (facts["device"], facts["where"], facts["chips"]) == ("dynapse1-plastic", "chip", 3)
    assert np.shape(facts["accuracy_runs"]) == (3, 2)
    by_die = np.median(facts["accuracy_runs"], axis=1)
    if split == "test":
        np.testing.assert_allclose(facts["accuracy_test"], by_die)
    else:
        assert facts["accuracy_test"] is None
        np.testing.assert_allclose(facts["accuracy_validation"], by_die)
    assert facts["accuracy_ideal"] is None
    length = 0.1 + 0.5 + 0.05
    power = facts["power_uW"]
    assert power["dynamic"] == pytest.approx(1e6 * facts["energy_per_inference_J"] / length)
    assert power["static"] == pytest.approx(1e6 * facts["static_energy_per_inference_J"] / length)
    assert power["total"] == power["static"] + power["dynamic"]
    assert facts["worst_die"]["die"] == int(np.argmin(by_die))
    assert set(facts["target_error_hz"]) == {"on", "off"}
    assert facts["ledger"]["uploads"] == 7
    assert facts["simulated_s"] == 12.0


def test_learn_prints_every_die_and_the_references(asked, chipemu):
    code, out, err = chipemu("learn", "binary", "--chips", 3)
    assert (code, err) == (0, "")
    assert all(text in out for text in ("median", "quartiles", "worst die", "linear 64.0 %", "ANN 98.0 %", "uploads"))
    assert len(re.findall(r"^ *[0-2] +yes ", out, re.MULTILINE)) == 3
    assert " off " in chipemu("learn", "binary", "--without", "calibration")[1]


def test_files_are_written_and_said_on_standard_error(asked, chipemu, tmp_path):
    code, out, err = chipemu("learn", "binary", "--out", "f.h5", "--figure", "f.png", "--json")
    assert code == 0
    assert json.loads(out)["task"] == "binary"
    assert "f.h5" in err
    assert storage.load(tmp_path / "f.h5").sizes["chip"] == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.h5", "f.png"]


def test_failed_run_is_exit_code_1(chipemu, monkeypatch):
    def fail(*_):
        raise RunError("the membrane of neuron 3 on die 1 is not finite")

    monkeypatch.setattr("chipemu.learning.experiment.learn", fail)
    code, out, err = chipemu("learn", "binary", "--out", "f.h5")
    assert (code, out, err) == (1, "", "chipemu: the membrane of neuron 3 on die 1 is not finite\n")


# --- study and check ------------------------------------------------------------------------------------------


def test_study_from_file_to_figure(asked, chipemu, toml_file, tmp_path):
    path = toml_file(STUDY, "small.toml")
    code, out, _ = chipemu("study", "run", path, "--dry-run", "--json")
    assert (code, json.loads(out)["n_runs"], list(tmp_path.iterdir())) == (0, 4, [path])
    code, out, err = chipemu("study", "run", path, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["folder"], facts["n_failed_runs"]) == ("data/studies/small", 0)
    dataset = storage.load(facts["file"])
    assert dataset["accuracy_ideal"].dims == ("mismatch_scale",)
    # the ideal chip once, and each point once
    assert [settings.device for settings in asked].count("ideal") == 1
    assert [dict(settings.scale) for settings in asked if settings.device != "ideal"] == [
        {"mismatch": 0.0},
        {"mismatch": 1.0},
    ]
    assert "2 of 2 points complete" in chipemu("study", "status", "data/studies/small")[1]
    code, out, err = chipemu("study", "report", "data/studies/small")
    assert code == 0
    assert "median" in out
    assert all((tmp_path / f"data/studies/small/small.{ending}").stat().st_size > 0 for ending in ("png", "svg"))
    refused(chipemu("study", "run", path), "already holds a study")
    assert chipemu("study", "run", path, "--resume")[0] == 0


def test_row_of_a_study_is_made_again(asked, chipemu, toml_file, monkeypatch):
    chipemu("study", "run", toml_file(STUDY), "--out", "folder")
    code, out, _ = chipemu("study", "rerun", "folder", "--row", "3")
    assert code == 0
    assert "row 3: point 1 (mismatch_scale 1), die 1, noise seed 0" in out
    assert "equal to the last bit" in out
    code, out, _ = chipemu("study", "rerun", "folder/small.h5", "--row", "2", "--json")
    facts = json.loads(out)
    assert (code, facts["equal"], facts["chip"], facts["values"]["mismatch_scale"]) == (0, True, 0, 1.0)
    refused(chipemu("study", "rerun", "folder", "--row", "4"), "no row 4; allowed 0 to 3")

    def drifted(settings, tick=None):
        result = fake_result(settings)
        return result.assign(accuracy_test=result["accuracy_test"] + 1e-12)

    monkeypatch.setattr("chipemu.study.point.learn", drifted)
    code, out, err = chipemu("study", "rerun", "folder", "--row", "3")
    assert code == 1
    assert "row 3 of folder does not repeat: accuracy_test" in err


def test_share_of_a_study_says_what_is_missing(asked, chipemu, toml_file):
    words = ("study", "run", toml_file(STUDY), "--out", "folder", "--json", "--shard")
    code, out, _ = chipemu(*words, "2/2")
    assert (code, json.loads(out)["file"], json.loads(out)["n_complete"]) == (0, None, 1)
    code, out, _ = chipemu(*words, "1/2")
    assert (code, json.loads(out)["file"], json.loads(out)["n_complete"]) == (0, "folder/small.h5", 2)
    for share in ("0/2", "3/2", "2", "a/b"):
        refused(chipemu(*words, share), "--shard", "allowed K/N")


def test_study_stopped_by_hand_says_how_to_go_on(chipemu, toml_file, monkeypatch):
    def stop(settings, tick=None):
        raise KeyboardInterrupt

    monkeypatch.setattr("chipemu.study.point.learn", stop)
    code, out, err = chipemu("study", "run", toml_file(STUDY), "--out", "folder")
    assert (code, out) == (1, "")
    assert "Go on with --resume" in err


def test_study_with_failed_runs_is_exit_code_1_and_keeps_the_others(chipemu, toml_file, monkeypatch, tmp_path):
    def learn(settings, tick=None):
        if settings.scale.get("mismatch") == 1 and len(settings.chip_seeds) > 1:
            raise RunError("one of two is lost")
        if settings.scale.get("mismatch") == 1 and settings.chip_seeds[0] == min(lost):
            raise RunError("die 7 is lost")
        lost.update(settings.chip_seeds if len(settings.chip_seeds) > 1 else ())
        return fake_result(settings)

    lost = set()
    monkeypatch.setattr("chipemu.study.point.learn", learn)
    code, out, err = chipemu("study", "run", toml_file(STUDY), "--out", "folder")
    assert code == 1
    assert "1 of 4 runs failed" in err
    assert "die 7 is lost" in err
    assert (tmp_path / "folder/small.h5").is_file()
    code, out, _ = chipemu("study", "status", "folder")
    assert code == 0
    assert "die 7 is lost" in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 100
    (failure,) = json.loads(chipemu("study", "status", "folder", "--json")[1])["failures"]
    assert (failure["reason"], failure["n_runs"]) == ("die 7 is lost", 1)


def test_tables_of_a_study_of_many_factors_fit_a_terminal(asked, chipemu, toml_file):
    lines = 'without = ["none", "noise+calibration"]\ntemperature = ["310 K"]\neta = 1.5\n'
    path = toml_file(STUDY + lines + 'levels = [3, 7]\ntarget_rate = "30 Hz"\n')
    for words in (("--dry-run",), ("--out", "folder")):
        code, out, _ = chipemu("study", "run", path, *words)
        assert code == 0
        assert "levels 3" in out
        assert max(len(line.rstrip()) for line in out.splitlines()) <= 100


@pytest.mark.parametrize("passed", [True, False])
def test_check_fails_where_a_row_fails(passed, chipemu, monkeypatch):
    row = Check("rheobase", "ds-fi", 216.0, 217.0, 6.0, "pA", "closed form", passed)
    monkeypatch.setattr("chipemu.validation.run_checks", lambda device: [row])
    code, out, _ = chipemu("check", "--json")
    assert code == (0 if passed else 1)
    (shown,) = json.loads(out)["rows"]
    assert list(shown) == ["name", "operating_point", "expected", "got", "tolerance", "unit", "source", "passed"]
    assert ("pass" if passed else "FAIL") in chipemu("check")[1]


@pytest.mark.parametrize(
    ("name", "scales", "n_runs"), [("yinyang", (0.0, 1.0, 2.0, 4.0), 60), ("digits", (0.0, 1.0, 2.0, 4.0), 60)]
)
def test_shipped_studies_are_valid(name, scales, n_runs):
    study = load_study(ROOT / f"data/mismatch_{name}.toml")
    assert (study.factors["mismatch_scale"], study.n_runs, study.split) == (scales, n_runs, "test")


def test_handed_weights_are_not_trained_unless_asked(asked, chipemu):
    chipemu("learn", "digits", "--from", "f.h5", "--chip-seed", 7, "--chip-seed", 9)
    chipemu("learn", "digits", "--from", "f.h5", "--presentations", 50, "--levels", 7)
    first, second = asked
    assert (first.start_from, first.chip_seeds, first.budget.presentations) == ("f.h5", (7, 9), 0)
    assert (second.budget.presentations, second.levels, second.host) == (50, 7, None)


def test_a_file_that_cannot_be_handed_over_is_exit_code_2(chipemu):
    code, out, err = chipemu("learn", "binary", "--from", "absent.h5", "--without", "calibration")
    assert (code, out) == (2, "")
    assert "absent.h5" in err


# --- help and README ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["learn", "--help"], ["study", "run", "--help"]])
def test_help_imports_nothing_heavy(words):
    program = (
        "import sys\nfrom chipemu.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as left:\n    assert not left.code\n"
        "heavy = {'numba', 'numpy', 'scipy', 'xarray', 'h5py', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: chipemu" in done.stdout


def readme_commands():
    blocks = re.findall(r"```(?:sh|console|bash)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("chipemu ")]


def test_every_readme_command_runs(asked, chipemu, monkeypatch, tmp_path):
    monkeypatch.setattr("chipemu.validation.run_checks", lambda device: [])
    (tmp_path / "data").mkdir()
    for study in (ROOT / "data").glob("*.toml"):
        shutil.copy(study, tmp_path / "data")
    commands = readme_commands()
    assert any(command.startswith("chipemu learn") for command in commands)
    for command in commands:
        code, _, err = chipemu(*shlex.split(command)[1:])
        assert code == 0, f"{command}: {err}"


def test_readme_python_prints_what_it_shows(tmp_path):
    """In a process of its own: `chipemu` is imported as a reader would."""
    text = (ROOT / "README.md").read_text()
    code, shown = re.search(r"```python\n(.*?)```\n+```text\n(.*?)```", text, re.DOTALL).groups()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=_environment())
    assert done.returncode == 0, done.stderr
    assert _without_numbers(done.stdout) == _without_numbers(shown)


def _environment():
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def _without_numbers(text: str) -> list[str]:
    """Lines with every number replaced: fitted values may move, words and layout may not."""
    return [
        re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?(e-?\d+)?", "#", line)).strip() for line in text.strip().splitlines()
    ]


def test_show_draws_a_budget_and_refuses_a_figure_of_nothing(chipemu, tmp_path):
    code, out, err = chipemu("show", "dynapse1", "--budget", "mismatch-fit", "--figure", "budget.png")
    assert (code, err) == (0, "written: budget.png\n")
    assert (tmp_path / "budget.png").stat().st_size > 10_000
    assert "no spread is known for a current of" in out
    code, _, err = chipemu("show", "dynapse1", "--figure", "nothing.png")
    assert code == 2
    assert "nothing to draw; give --bias NAME, --budget POINT or --spread POINT" in err


def test_learn_hands_on_the_mismatch_model_and_the_corner(chipemu, monkeypatch):
    seen = []

    def learn(chosen, tick):
        seen.append(chosen)
        return fake_result(chosen)

    monkeypatch.setattr("chipemu.learning.experiment.learn", learn)
    code, out, _ = chipemu("learn", "binary", "--mismatch-model", "geometry", "--corner", "SF", "--json")
    assert code == 0
    assert (seen[0].mismatch_model, seen[0].corner) == ("geometry", "SF")
    assert json.loads(out)["mismatch_model"] == "geometry"
    assert chipemu("learn", "binary", "--device", "ideal", "--where", "host", "--corner", "XX")[0] == 2
