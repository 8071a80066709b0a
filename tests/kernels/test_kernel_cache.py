"""The compile cache is keyed by every kernel source: an edit in a callee is never missed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chipemu.kernels import jit

KERNELS = Path(jit.__file__).parent
PROGRAM = """
import numpy as np
from chipemu.kernels.random import fill_normals
out = np.empty(1)
fill_normals(np.zeros(1, np.uint32), 1, 2, 3, 4, out)
print(repr(float(out[0])))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the kernels in a package of their own; calling it computes one normal in a new process."""
    shutil.copytree(KERNELS, tmp_path / "chipemu" / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "chipemu" / "__init__.py").write_text("")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    environment.pop("NUMBA_DISABLE_JIT", None)

    def compute() -> float:
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
        return float(done.stdout)

    compute.folder = tmp_path
    return compute


def test_an_edit_in_a_callee_gives_the_new_result(copy):
    before = copy()
    assert list(copy.folder.glob("cache/chipemu/kernels-*/**/*.nbi"))
    # the callee: half_turn, in another file than fill_normals
    callee = copy.folder / "chipemu" / "kernels" / "elementary.py"
    source = callee.read_text()
    assert source.count("lambda t: (math.sin(math.pi * t), math.cos(math.pi * t))") == 1
    callee.write_text(source.replace("(math.sin(math.pi * t), math", "(-math.sin(math.pi * t) / 2, math"))
    after = copy()
    assert after != before
    callee.write_text(source)
    assert copy() == before


def test_the_hash_names_every_kernel_source():
    jit.kernel_hash.cache_clear()
    before = jit.kernel_hash()
    assert len(before) == 16
    assert before in jit.cache_folder()


def test_a_users_cache_folder_is_left_alone():
    import numba

    before = numba.config.CACHE_DIR
    jit.kernel(lambda x: x)
    assert before == numba.config.CACHE_DIR
