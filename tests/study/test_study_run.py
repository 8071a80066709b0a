"""A study loses nothing when it is stopped, gives the same bytes when resumed, and survives points that fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
import xarray as xr

from chipemu import figures, storage, variables
from chipemu.errors import CapacityError, RunError, StudyFileError
from chipemu.study import Failure, open_study, parse_study, points, run_study, study_status

TEXT = """
[study]
name = "grid"
task = "binary"
device = "ideal"
where = "host"
chips = 3
noise_seeds = 2
seed = 11
[factors]
mismatch_scale = [0, 1, 4]
"""
STUDY = parse_study(TEXT)
RUN = ("chip", "noise")
NO_PROCESS = 2**31 - 1  # larger than any process number


def fake_point(settings):
    """Stand in for learning: numbers that depend on the seeds and the factors alone."""
    scale = settings.values.get("mismatch_scale", 1.0)
    draws = [
        [np.random.default_rng([chip, noise, int(10 * scale)]).uniform() for noise in settings.noise_seeds]
        for chip in settings.chip_seeds
    ]
    accuracy = 0.6 + 0.1 * np.array(draws)
    arrays = {
        "accuracy_test": (RUN, accuracy),
        "validation_history": ((*RUN, "checkpoint"), np.repeat(accuracy[..., None], 2, axis=-1)),
        "weight": ((*RUN, "post", "pre"), np.ones((*accuracy.shape, 2, 4), dtype=np.int16)),
        "calibration_success": ("chip", np.ones(len(accuracy), dtype=bool)),
        "code_fine": (("chip", "core", "bias"), np.full((len(accuracy), 4, 2), 7)),
        "accuracy_ann": 0.98,
    }
    origin = storage.provenance(
        device=settings.device,
        device_hash="12ab",
        operating_points=["output"],
        mapping_hash="34cd",
        seeds={"study": settings.seed},
        temperature=settings.values.get("temperature", 298.15),
    )
    coordinates = {"checkpoint": [0, 100], "bias": ["IF_DC_P", "IF_TAU1_N"]}
    return xr.Dataset(arrays, coords=coordinates, attrs=origin)


def fail_at(scale, error):
    def run_point(settings):
        if settings.factors.get("mismatch_scale") == scale:
            raise error
        return fake_point(settings)

    return run_point


def fail_cold():
    """Stand in for a warm-up that takes its process down."""
    os.kill(os.getpid(), signal.SIGKILL)


def _run(folder, run_point=fake_point, study=STUDY, **options):
    return run_study(study, folder, run_point, progress=False, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def whole(finished, tmp_path):
    """Return the result file of a finished study, in a folder that the test may spoil."""
    return shutil.copytree(finished.parent, tmp_path / "whole") / finished.name


def test_result_is_one_declared_dataset_over_all_factors(whole):
    dataset = storage.load(whole)
    assert dataset["accuracy_test"].dims == ("mismatch_scale", *RUN)
    np.testing.assert_array_equal(dataset["mismatch_scale"], [0, 1, 4])
    for index, settings in enumerate(points(STUDY)):
        np.testing.assert_array_equal(dataset["accuracy_test"][index], fake_point(settings)["accuracy_test"])
    assert (dataset["status"] == "done").all()
    assert dataset["weight"].dtype == np.int16
    assert parse_study(dataset.attrs["study_toml"]) == STUDY
    np.testing.assert_array_equal(dataset["chip_seed"], points(STUDY)[0].chip_seeds)


def test_result_can_be_drawn(whole):
    assert figures.accuracy_against_mismatch(storage.load(whole)).lines


def test_two_factors_make_a_grid(tmp_path):
    study = parse_study(TEXT.replace('"ideal"', '["ideal", "dynapse1"]') + 'temperature = ["25 degC", "310 K"]\n')
    dataset = storage.load(_run(tmp_path / "grid", study=study))
    assert dataset["accuracy_test"].sizes == {
        "device": 2,
        "mismatch_scale": 3,
        "temperature": 2,
        "chip": 3,
        "noise": 2,
    }
    assert dataset["device"].values.tolist() == ["ideal", "dynapse1"]
    assert dataset.attrs["device"] == "dynapse1; ideal"
    variables.check(dataset)


def test_study_without_factors(tmp_path):
    study = parse_study(TEXT.split("[factors]")[0])
    assert storage.load(_run(tmp_path / "point", study=study))["accuracy_test"].dims == RUN


def test_resumed_study_gives_the_same_bytes_and_runs_only_what_is_left(whole, tmp_path):
    folder = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        _run(folder, fail_at(4.0, KeyboardInterrupt()))
    assert str(study_status(folder)) == "2 of 3 points complete, 0 runs failed"
    calls = []

    def counted(settings):
        calls.append(settings.label)
        return fake_point(settings)

    result = _run(folder, counted, resume=True)
    assert calls == ["mismatch_scale 4"]
    assert result.read_bytes() == whole.read_bytes()


def test_killed_process_loses_only_the_point_in_flight(whole, tmp_path):
    folder = tmp_path / "killed"
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(__file__).rsplit("/", 1)[0]!r})
        import test_study_run
        def run_point(settings):
            if settings.label == "mismatch_scale 1":
                os.kill(os.getpid(), signal.SIGKILL)
            return test_study_run.fake_point(settings)
        test_study_run._run({str(folder)!r}, run_point)
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert study_status(folder).n_complete == 1
    assert _run(folder, resume=True).read_bytes() == whole.read_bytes()


def test_damaged_shard_and_stale_temporary_are_replaced(whole):
    folder = whole.parent
    before = whole.read_bytes()
    shard = folder / "shards" / "point-00001.h5"
    shard.write_bytes(shard.read_bytes()[:500])
    (folder / "shards" / f"point-00002.h5.{NO_PROCESS}.tmp").write_bytes(b"half")
    assert study_status(folder).n_complete == 2
    assert _run(folder, resume=True).read_bytes() == before
    names = ["ideal-00000.h5", *(f"point-0000{i}.h5" for i in range(3))]
    assert sorted(path.name for path in (folder / "shards").iterdir()) == names


def test_shard_damaged_inside_is_replaced(whole):
    """Its head is in order, so that only reading all of it shows the damage."""
    before = whole.read_bytes()
    shard = whole.parent / "shards" / "point-00001.h5"
    with h5py.File(shard, "a") as file:
        del file["accuracy_test"].attrs["units"]
    assert _run(whole.parent, resume=True).read_bytes() == before


def test_temporary_file_of_a_live_process_is_left_alone(whole):
    live = whole.parent / "shards" / f"point-00002.h5.{os.getppid()}.tmp"
    live.write_bytes(b"half")
    _run(whole.parent, resume=True)
    assert live.exists()


def test_shard_of_another_point_is_not_taken(whole):
    before = whole.read_bytes()
    shards = whole.parent / "shards"
    (shards / "point-00000.h5").replace(shards / "point-00001.h5")
    assert _run(whole.parent, resume=True).read_bytes() == before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CapacityError("population 'hidden' needs 300 neurons"), "population 'hidden' needs 300 neurons"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_failed_point_is_rows_with_a_reason(whole, tmp_path, error, reason):
    folder = tmp_path / "failing"
    dataset = storage.load(_run(folder, fail_at(1.0, error)))
    failed = dataset.sel(mismatch_scale=1.0)
    assert (failed["status"] == "failed").all()
    assert (failed["reason"] == reason).all()
    assert np.isnan(failed["accuracy_test"]).all()
    assert np.isnan(failed["accuracy_ann"])
    others = dataset.sel(mismatch_scale=[0.0, 4.0])
    np.testing.assert_array_equal(
        others["accuracy_test"], storage.load(whole).sel(mismatch_scale=[0.0, 4.0])["accuracy_test"]
    )
    assert study_status(folder).n_failed_runs == 6
    assert dataset.attrs["device_hash"] == "12ab"
    assert dataset.attrs["temperature_K"] == 298.15


def lost_die(settings):
    """Fail as an emulator does: the call with the bad die in it, whoever else is there."""
    if points(STUDY)[0].chip_seeds[1] in settings.chip_seeds and settings.factors.get("mismatch_scale") == 1.0:
        raise RunError(f"die {points(STUDY)[0].chip_seeds[1]} is lost")
    return fake_point(settings)


def lost_run(settings):
    """Fail for one noise seed of one die, with a reason that says how many runs were in the call."""
    first = points(STUDY)[0]
    if first.chip_seeds[2] in settings.chip_seeds and first.noise_seeds[0] in settings.noise_seeds:
        raise RunError(f"lost among {settings.n_runs}")
    return fake_point(settings)


def test_one_bad_die_costs_its_own_rows(whole, tmp_path):
    dataset = storage.load(_run(tmp_path / "failing", lost_die))
    expected = np.full((3, 3, 2), "done", dtype=object)
    expected[1, 1] = "failed"
    np.testing.assert_array_equal(dataset["status"], expected)
    assert set(dataset["reason"].values[1, 1]) == {f"die {points(STUDY)[0].chip_seeds[1]} is lost"}
    assert np.isnan(dataset["accuracy_test"].values[1, 1]).all()
    assert not dataset["calibration_success"].values[1, 1]
    assert (dataset["code_fine"].values[1, 1] == -1).all()
    reference = storage.load(whole)
    done = expected == "done"
    for name in ("accuracy_test", "validation_history", "weight"):
        np.testing.assert_array_equal(dataset[name].values[done], reference[name].values[done])
    np.testing.assert_array_equal(dataset["accuracy_ann"], reference["accuracy_ann"])


def test_one_bad_noise_seed_costs_one_row_with_its_own_reason(tmp_path):
    folder = tmp_path / "failing"
    dataset = storage.load(_run(folder, lost_run))
    failed = np.argwhere(dataset["status"].values == "failed").tolist()
    assert failed == [[point, 2, 0] for point in range(3)]
    assert study_status(folder).failures == (Failure("lost among 1", 3, first_row=4),)
    assert dataset["calibration_success"].all()


def test_many_runs_of_a_point_are_split_and_give_the_same_numbers(tmp_path, monkeypatch):
    together = storage.load(_run(tmp_path / "together"))
    monkeypatch.setattr("chipemu.study.plan.RUNS_PER_UNIT", 4)
    calls = []

    def counted(settings):
        calls.append(settings.n_runs)
        return fake_point(settings)

    apart = storage.load(_run(tmp_path / "apart", counted))
    assert calls == [2, *[4, 2] * 3]
    assert apart.identical(together)


def test_split_die_that_fails_keeps_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("chipemu.study.plan.RUNS_PER_UNIT", 2)
    folder = tmp_path / "failing"
    dataset = storage.load(_run(folder, lost_die))
    assert np.argwhere(dataset["status"].values == "failed").tolist() == [[1, 1, 0], [1, 1, 1]]
    assert study_status(folder).failures[0].first_row == 8


def other_shapes(settings):
    """Give every task weights of its own size, as real tasks do."""
    return fake_point(settings).isel(pre=slice(2 if settings.task == "binary" else 4))


def test_variables_of_unequal_shape_are_left_out_by_name(tmp_path):
    study = parse_study(TEXT.replace('"binary"', '["binary", "yinyang"]'))
    folder = tmp_path / "tasks"
    dataset = storage.load(_run(folder, other_shapes, study=study))
    assert dataset["accuracy_test"].dims == ("task", "mismatch_scale", *RUN)
    assert "weight" not in dataset
    assert dataset.attrs["left_out"].startswith("weight: ")
    assert "code_fine" in dataset
    assert [storage.load(folder / f"shards/point-0000{i}.h5").sizes["pre"] for i in (0, 3)] == [2, 4]


def test_ideal_device_is_run_once_for_points_that_share_it(tmp_path):
    study = parse_study(TEXT.replace('"ideal"', '"dynapse1"') + 'target_rate = ["30 Hz", "40 Hz"]\n')
    calls = []

    def measured(settings):
        result = fake_point(settings)
        if settings.device != "ideal":
            return result
        calls.append(settings)
        return result.assign(accuracy_validation=(RUN, np.full((1, 2), settings.values["target_rate"] / 100)))

    folder = tmp_path / "ideal"
    dataset = storage.load(_run(folder, measured, study=study))
    assert [(call.values["target_rate"], call.n_runs) for call in calls] == [(30.0, 2), (40.0, 2)]
    assert dataset["accuracy_ideal"].dims == ("mismatch_scale", "target_rate")
    np.testing.assert_array_equal(dataset["accuracy_ideal"], [[0.3, 0.4]] * 3)
    _run(folder, measured, study=study, resume=True)
    assert len(calls) == 2


def test_no_ideal_device_stands_beside_a_hidden_layer(tmp_path):
    study = parse_study(TEXT.replace('"ideal"', '"dynapse1"') + "hidden = [0, 30]\n")
    calls = []

    def measured(settings):
        calls.append(settings)
        result = fake_point(settings)
        return result.assign(accuracy_validation=(RUN, np.full((1, 2), 0.5))) if settings.device == "ideal" else result

    dataset = storage.load(_run(tmp_path / "hidden", measured, study=study))
    assert sum(call.device == "ideal" for call in calls) == 1
    np.testing.assert_array_equal(dataset["accuracy_ideal"].sel(hidden=0).values.ravel(), 0.5)
    assert dataset["accuracy_ideal"].sel(hidden=30).isnull().all()


def test_ideal_device_that_fails_costs_its_column_and_says_so(tmp_path):
    def fail(settings):
        if settings.device == "ideal":
            raise CapacityError("no room")
        return fake_point(settings)

    folder = tmp_path / "failing"
    dataset = storage.load(_run(folder, fail, study=parse_study(TEXT.replace('"ideal"', '"dynapse1"'))))
    assert str(study_status(folder)).endswith("0 runs failed, the ideal device failed: no room")
    assert np.isnan(dataset["accuracy_ideal"]).all()
    assert (dataset["status"] == "done").all()
    assert dataset.attrs["ideal_failed"] == "no room"


def test_study_in_which_everything_fails_is_still_a_file(tmp_path):
    def fail(settings):
        raise CapacityError("no room")

    assert (storage.load(_run(tmp_path / "failing", fail))["reason"] == "no room").all()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda dataset: dataset.isel(chip=[0]), "1 entries along 'chip'; 3 were asked for"),
        (lambda dataset: dataset.assign(acuracy=1.0), "nearest"),
        (lambda dataset: dataset.drop_attrs(), "attributes missing"),
    ],
)
def test_result_that_breaks_the_contract_is_a_failed_point(tmp_path, spoil, reason):
    dataset = storage.load(_run(tmp_path / "spoilt", lambda settings: spoil(fake_point(settings))))
    assert (dataset["status"] == "failed").all()
    assert reason in str(dataset["reason"].values.flat[0])


def test_folder_in_use_is_not_overwritten(whole):
    with pytest.raises(StudyFileError, match="already holds a study"):
        _run(whole.parent)


def test_another_study_is_refused(whole):
    other = parse_study(TEXT.replace("seed = 11", "seed = 12"))
    with pytest.raises(StudyFileError, match="another study_hash, chip_seeds"):
        _run(whole.parent, study=other, resume=True)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_damaged_manifest_is_refused(whole, text):
    (whole.parent / "manifest.json").write_text(text)
    with pytest.raises(StudyFileError, match="is not a manifest"):
        _run(whole.parent, resume=True)


def test_another_program_version_is_refused(whole):
    path = whole.parent / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kernel_hash": "0"}))
    with pytest.raises(StudyFileError, match="another kernel_hash"):
        _run(whole.parent, resume=True)


def test_folder_names_its_study(whole, tmp_path):
    assert open_study(whole.parent).hash == STUDY.hash
    with pytest.raises(StudyFileError, match="holds no study"):
        open_study(tmp_path)


def test_progress_stays_off_standard_output(tmp_path, capsys):
    run_study(STUDY, tmp_path / "shown", fake_point)
    assert capsys.readouterr().out == ""
