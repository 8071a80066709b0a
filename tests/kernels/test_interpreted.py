"""Compiled kernels do what their Python source says, over 50 steps of everything they can do."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def compiled():
    sys.path.insert(0, str(HERE))
    try:
        from short_run import short_run
    finally:
        sys.path.remove(str(HERE))
    return short_run()


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    out = tmp_path_factory.mktemp("interpreted") / "seen.npz"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, str(HERE / "short_run.py"), str(out)], env=environment, check=True, timeout=300)
    with np.load(out, allow_pickle=False) as seen:
        return dict(seen)


@pytest.mark.parametrize("what", ["state", "state_latched", "resource_latched"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
def test_state_after_50_steps_agrees(compiled, interpreted, what, precision, tolerance):
    name = f"{what}_{precision}"
    assert compiled[name].dtype == interpreted[name].dtype == precision
    # a noise that crosses zero has no relative error there
    scale = np.maximum(np.abs(interpreted[name]), 1e-3)
    assert np.max(np.abs(compiled[name] - interpreted[name]) / scale) <= tolerance


def test_the_float64_run_spikes_and_learns_and_the_float32_run_is_spike_free(compiled):
    assert compiled["count_float64"].min() >= 2  # so that the dead time ends within the run
    assert compiled["count_float32"].sum() == 0
    assert compiled["count_latched_float64"].sum() >= 2
    assert compiled["resource_latched_float64"].min() < 0.5
    assert not np.array_equal(compiled["codes_float64"][0], compiled["codes_float64"][1])


def test_integers_and_random_words_are_equal(compiled, interpreted):
    exact = [
        name for name in compiled if name.split("_")[0] in ("count", "spikes", "codes", "philox", "regular", "poisson")
    ]
    assert len(exact) == 16
    for name in exact:
        assert np.array_equal(compiled[name], interpreted[name]), name


def test_weights_of_every_store_agree(compiled, interpreted):
    names = [name for name in compiled if name.startswith("weights_")]
    assert len(names) == 5
    for name in names:
        tolerance = 1e-12 if name.endswith("float64") else 1e-4
        np.testing.assert_allclose(compiled[name], interpreted[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_normals_agree(compiled, interpreted):
    np.testing.assert_allclose(compiled["normals_float64"], interpreted["normals_float64"], rtol=1e-12)
    np.testing.assert_array_equal(compiled["uniforms_float64"], interpreted["uniforms_float64"])
