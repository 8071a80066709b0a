"""Start-up: a command imports what it needs, and the first result of a warm process is soon there."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"numba", "xarray", "pandas", "scipy", "h5py", "matplotlib", "sklearn"}


def python(program):
    """Run a program in a process of its own; what it prints, and how long it took [s]."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, time.perf_counter() - started


@pytest.mark.parametrize("words", [["devices"], ["show", "dynapse1"], ["show", "dynapse2", "--applied"]])
def test_showing_a_device_loads_nothing_that_simulates_or_draws(words):
    output, _ = python(
        "import sys\nfrom chipemu.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as left:\n    assert not left.code\n"
        f"print(sorted({SLOW!r} & set(sys.modules)))"
    )
    assert output.splitlines()[-1] == "[]"


def test_what_runs_a_network_loads_neither_statistics_nor_figures():
    output, _ = python(
        "import sys\nimport chipemu.learning.experiment\n"
        "print([name for name in ('scipy.stats', 'scipy.optimize', 'h5py', 'matplotlib') if name in sys.modules])"
    )
    assert output.splitlines()[-1] == "[]"


def test_help_is_there_in_less_than_three_tenths_of_a_second():
    program = "from chipemu.cli import main\nmain(['--help'])"
    # the fastest of a few: other processes may share the machine
    assert min(python(program)[1] for _ in range(5)) < 0.3


def test_figures_are_imported_by_name_and_unknown_ones_are_refused():
    from chipemu import figures

    assert callable(figures.learning_curve)
    assert set(figures.__all__) <= set(dir(figures))
    assert all(getattr(figures, name) is not None for name in figures.__all__)
    with pytest.raises(AttributeError, match="no attribute 'portrait'"):
        _ = figures.portrait
