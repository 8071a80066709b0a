"""A study loses nothing when it is stopped, gives the same bytes when resumed, and survives points that fail."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

from chipemu import figures, storage, variables
from chipemu.errors import CapacityError, StudyFileError
from chipemu.study import open_study, parse_study, points, run_study, study_status

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


def fake_point(settings):
    """Stand in for learning: numbers that depend on the seeds and the factors alone."""
    scale = settings.factors.get("mismatch_scale", 1.0)
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
        temperature=settings.factors.get("temperature", 298.15),
    )
    coordinates = {"checkpoint": [0, 100], "bias": ["IF_DC_P", "IF_TAU1_N"]}
    return xr.Dataset(arrays, coords=coordinates, attrs=origin)


def fail_at(scale, error):
    def run_point(settings):
        if settings.factors["mismatch_scale"] == scale:
            raise error
        return fake_point(settings)

    return run_point


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
        calls.append(settings.index)
        return fake_point(settings)

    result = _run(folder, counted, resume=True)
    assert calls == [2]
    assert result.read_bytes() == whole.read_bytes()


def test_killed_process_loses_only_the_point_in_flight(whole, tmp_path):
    folder = tmp_path / "killed"
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(__file__).rsplit("/", 1)[0]!r})
        import test_study_run
        def run_point(settings):
            if settings.index == 1:
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
    (folder / "shards" / "point-00002.h5.99.tmp").write_bytes(b"half")
    assert study_status(folder).n_complete == 2
    assert _run(folder, resume=True).read_bytes() == before
    assert sorted(path.name for path in (folder / "shards").iterdir()) == [f"point-0000{i}.h5" for i in range(3)]


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
