"""A real study of 200 runs is killed ten times, with its workers, and ends with the numbers of one left alone."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from chipemu import storage
from chipemu.study import load_study, points, study_status, units

ROOT = Path(__file__).parents[2]
N_KILLS = 10
# Points x dies x noise seeds = 200 runs; the shortest training that still steps weights and measures accuracy.
STUDY = """
[study]
name = "killed"
task = "binary"
device = "dynapse1-plastic"
where = ["chip", "host"]
chips = 5
noise_seeds = 2
seed = 5
[factors]
without = "calibration"
mismatch_scale = [0, 0.5, 1, 2, 4]
noise_scale = [0, 1]
[budget]
presentations = 1
checkpoints = 1
window = "20 ms"
"""


def _start(path, folder):
    command = "from chipemu.cli import main; main()"
    words = ["study", "run", str(path), "--out", str(folder), "--workers", "2", "--resume", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _finish(path, folder) -> float:
    """Run to the end; return the time it took [s]."""
    started = time.monotonic()
    process = _start(path, folder)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err.decode()
    return time.monotonic() - started


def _contents(folder) -> dict[str, str]:
    """Digest of every file in the folder of shards that bears a final name."""
    files = (folder / "shards").glob("*.h5") if folder.exists() else ()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _kill(process) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("workers outlive the kill of their group")


def _wait_for_work(process, folder, before) -> None:
    """Wait until this process has written a shard, so that a kill has something to lose."""
    while process.poll() is None and len(_contents(folder)) <= len(before):
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a process group")
def test_ten_kills_lose_nothing_that_was_complete(tmp_path, capsys):
    path = tmp_path / "killed.toml"
    path.write_text(STUDY)
    study = load_study(path)
    assert study.n_runs == 200
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    seconds = _finish(path, alone)
    reference = _contents(alone)
    assert len(reference) == len(units(study)) == 21
    moments = random.Random(1)
    left_temporary, computed = 0, 0
    for _ in range(N_KILLS):
        before = _contents(killed)
        process = _start(path, killed)
        if moments.random() < 0.7:  # others are killed while they start
            _wait_for_work(process, killed, before)
        time.sleep(moments.uniform(0, 3))
        assert process.poll() is None, "the study ended before it could be killed"
        _kill(process)
        after = _contents(killed)
        assert {name: after.get(name) for name in before} == before
        assert {name: reference[name] for name in after} == after
        left_temporary += len(list(killed.glob("**/*.tmp")))
        computed += len(after) - len(before)
    resumed = _finish(path, killed)
    assert not list(killed.glob("**/*.tmp"))
    assert _contents(killed) == reference
    result, expected = killed / "killed.h5", alone / "killed.h5"
    assert result.read_bytes() == expected.read_bytes()
    _check_numbers(result, expected, study)
    with capsys.disabled():
        print(
            f"\n{study.n_runs} runs in {seconds:.0f} s undisturbed; {N_KILLS} kills, {computed} of {len(reference)} "
            f"units complete before the last; complete units lost: 0; at most {2 * N_KILLS} units in flight lost; "
            f"{left_temporary} half-written files cleaned; last resume {resumed:.0f} s"
        )


def _check_numbers(result, expected, study) -> None:
    """Equal to the last bit, nothing failed, and readable by other programs."""
    assert study_status(result.parent).n_complete_runs == 200
    dataset, reference = storage.load(result), storage.load(expected)
    assert dataset.identical(reference)
    assert (dataset["status"] == "done").all()
    assert np.isfinite(dataset["accuracy_validation"]).all()
    assert dataset["accuracy_validation"].sizes == {
        "where": 2,
        "mismatch_scale": 5,
        "noise_scale": 2,
        "chip": 5,
        "noise": 2,
    }
    np.testing.assert_array_equal(dataset["chip_seed"], points(study)[0].chip_seeds)
    with xr.open_dataset(result, engine="h5netcdf") as opened:
        assert opened.attrs["study_toml"] == STUDY
    if shutil.which("h5dump"):
        subprocess.run(["h5dump", "-H", str(result)], check=True, capture_output=True)
