"""Workers change no number; a worker that dies costs its unit, a killed parent leaves no orphan and no lock."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest
import test_study_run
from test_study_run import STUDY, TEXT, fake_point

from chipemu import storage
from chipemu.errors import InputError, StudyFileError
from chipemu.study import parse_study, run_study, study_status
from chipemu.study.folder import held
from chipemu.study.workers import THREAD_VARIABLES, n_cores

NAMES = ["ideal-00000.h5", "point-00000.h5", "point-00001.h5", "point-00002.h5"]


def _run(folder, run_point=fake_point, study=STUDY, n_workers=2, **options):
    return run_study(study, folder, run_point, progress=False, n_workers=n_workers, **options)


def _shards(folder):
    """Names of the shards that are complete, by their name."""
    return sorted(path.name for path in (folder / "shards").glob("*.h5"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of the result when everything runs in one process."""
    return _run(tmp_path_factory.mktemp("whole"), n_workers=0).read_bytes()


def counting_threads(settings):
    """Tell how many threads a worker may use, through the only way out: its numbers."""
    result = fake_point(settings)
    threads = {os.environ[name] for name in THREAD_VARIABLES}
    return result.assign(accuracy_linear=float(threads.pop()) if len(threads) == 1 else -1.0)


def noting(settings):
    """Warn, as the emulator does of a time step that is too long."""
    warnings.warn("time step is long", stacklevel=1)
    return fake_point(settings)


def die_at_one(settings):
    """Take the process down, as the kernel does when memory is exhausted."""
    if settings.label == "mismatch_scale 1":
        os.kill(os.getpid(), signal.SIGKILL)
    return fake_point(settings)


def die_once(settings):
    """Take the process down at the first attempt only."""
    marker = Path(os.environ["DIED_ONCE"])
    if settings.label == "mismatch_scale 1" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return fake_point(settings)


def wait_for_ever(settings):
    """Say which process is at the last point, and stay there."""
    if settings.label == "mismatch_scale 4":
        Path(os.environ["WAITING"]).write_text(str(os.getpid()))
        time.sleep(600)
    return fake_point(settings)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_workers_give_the_same_bytes(n_workers, whole, tmp_path):
    assert _run(tmp_path / "workers", n_workers=n_workers).read_bytes() == whole
    assert _shards(tmp_path / "workers") == NAMES


def test_cores_are_shared_out_among_the_workers(tmp_path):
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    dataset = storage.load(_run(tmp_path / "threads", counting_threads))
    assert (dataset["accuracy_linear"] == max(1, n_cores() // 2)).all()
    assert {name: os.environ.get(name) for name in THREAD_VARIABLES} == before


def test_warnings_of_workers_reach_the_caller(whole, tmp_path):
    with pytest.warns(UserWarning, match="time step is long"):
        assert _run(tmp_path / "noting", noting).read_bytes() == whole


def test_worker_that_dies_twice_costs_its_unit_and_says_so(whole, tmp_path):
    folder = tmp_path / "dying"
    dataset = storage.load(_run(folder, die_at_one))
    assert dataset["status"].values[:, 0, 0].tolist() == ["done", "failed", "done"]
    (failure,) = study_status(folder).failures
    assert "the worker process died 2 times" in failure.reason
    assert failure.n_runs == 6
    (folder / "shards/point-00001.h5").unlink()  # what the reason says to do
    assert _run(folder, resume=True).read_bytes() == whole


def test_worker_that_dies_once_costs_nothing(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("DIED_ONCE", str(tmp_path / "died"))
    assert _run(tmp_path / "dying", die_once).read_bytes() == whole
    assert (tmp_path / "died").exists()


def _start(folder, tmp_path, monkeypatch):
    """Start a study in a process of its own; return it and the number of the worker that waits for ever."""
    waiting = tmp_path / "waiting"
    monkeypatch.setenv("WAITING", str(waiting))
    program = f"""
        import signal
        import sys
        # a shell may have had it ignored, as for what it starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_study_workers as tests
        tests._run(tests.Path({str(folder)!r}), tests.wait_for_ever)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (waiting.exists() and waiting.read_text() and len(_shards(folder)) == 3):
        assert time.monotonic() < deadline, process.poll()
        time.sleep(0.05)
    return process, int(waiting.read_text())


def _wait_until_gone(process: int):
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_parent_that_ends_takes_its_workers_along_and_leaves_no_lock(number, whole, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    process, worker = _start(folder, tmp_path, monkeypatch)
    with pytest.raises(StudyFileError, match=f"is in use by process {process.pid} on .*--shard"):
        _run(folder, resume=True, n_workers=0)
    process.send_signal(number)
    process.communicate(timeout=30)
    _wait_until_gone(worker)
    assert _shards(folder) == NAMES[:3]
    assert _run(folder, resume=True, n_workers=0).read_bytes() == whole
    assert not list(folder.glob("**/*.tmp"))


def test_shares_make_the_whole_in_any_order(whole, tmp_path):
    folder = tmp_path / "shared"
    assert _run(folder, n_workers=0, shard=(3, 3)) is None
    assert _shards(folder) == NAMES[2:3]
    assert _run(folder, n_workers=0, shard=(1, 3)) is None
    assert _shards(folder) == [*NAMES[:1], *NAMES[2:]]
    assert _run(folder, n_workers=0, shard=(2, 3)).read_bytes() == whole


def test_shares_go_together_and_keep_a_whole_run_out(whole, tmp_path):
    folder = tmp_path / "shared"
    with held(folder, shared=True):
        assert _run(folder, n_workers=0, shard=(1, 2)) is None
        with pytest.raises(StudyFileError, match="in use"):
            _run(folder, n_workers=0, resume=True)
    assert _run(folder, n_workers=0, resume=True).read_bytes() == whole


def test_share_of_another_study_is_refused(tmp_path):
    _run(tmp_path, n_workers=0, shard=(1, 2))
    with pytest.raises(StudyFileError, match="another study_hash"):
        _run(tmp_path, n_workers=0, shard=(2, 2), study=parse_study(TEXT.replace("chips = 3", "chips = 2")))


@pytest.mark.parametrize("options", [{"shard": (0, 2)}, {"shard": (3, 2)}, {"n_workers": -1}])
def test_numbers_out_of_range_are_refused(options, tmp_path):
    with pytest.raises(InputError, match="allowed"):
        _run(tmp_path / "nothing", **options)
    assert not (tmp_path / "nothing").exists()


def test_warm_up_that_fails_does_not_stop_the_study(whole, tmp_path):
    assert _run(tmp_path / "cold", warm_up=test_study_run.fail_cold).read_bytes() == whole
