"""Weights move from die to die as they are, and only where they fit."""

import numpy as np
import pytest

from chipemu import storage
from chipemu.errors import InputError
from chipemu.learning.circuit import TRAINED
from chipemu.learning.experiment import learn
from chipemu.learning.handover import cloned
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget
from chipemu.weight_memory import TrainedImage

SHORT = Budget(30, 2, 20, 1)
NONE = Budget(0, 1)


@pytest.fixture(scope="module", params=["chip", "host"])
def trained(request, tmp_path_factory):
    """Two dies trained briefly, and the file of them."""
    settings = Settings("binary", where=request.param, chip_seeds=(1, 2), without=("calibration",), budget=SHORT)
    path = tmp_path_factory.mktemp("results") / "f.h5"
    result = learn(settings)
    storage.save(result, path)
    return settings, result, path


def test_a_clone_is_the_image_of_the_die_before():
    weights = np.arange(6.0)[:, None]
    image = cloned(TrainedImage({TRAINED: weights}, None), n_noise_seeds=2)
    np.testing.assert_array_equal(image.weights[TRAINED].ravel(), [4, 5, 0, 1, 2, 3])


def test_every_die_is_also_tested_with_anothers_weights(trained):
    _, result, _ = trained
    assert np.isfinite(result["accuracy_cloned"]).all()
    assert result.attrs["where"] == trained[0].where


def test_weights_of_the_best_run_are_handed_over_unchanged(trained):
    settings, result, path = trained
    best = result["accuracy_validation"].values.ravel().argmax()
    third = learn(
        Settings(
            "binary", where=settings.where, chip_seeds=(9,), without=("calibration",), budget=NONE, start_from=str(path)
        )
    )
    given = result["weight"].values.reshape(-1, *result["weight"].shape[2:])[best]
    np.testing.assert_array_equal(third["weight"].values[0, 0], given)
    assert np.isfinite(third["accuracy_cloned"]).all()
    assert third["ledger_weight_writes"].item() > 0
    assert third.sizes["checkpoint"] == 0


def test_handed_weights_can_be_trained_on(trained):
    settings, result, path = trained
    changed = learn(
        Settings(
            "binary",
            where=settings.where,
            chip_seeds=(9,),
            without=("calibration",),
            budget=SHORT,
            start_from=str(path),
        )
    )
    assert (changed["weight"].values[0, 0] != result["weight"].values[0, 0]).any()


def test_weights_of_another_task_or_shape_are_refused(trained, tmp_path):
    settings, result, path = trained
    with pytest.raises(InputError, match="trained on task 'binary', not on 'yinyang'"):
        learn(Settings("yinyang", where=settings.where, without=("calibration",), budget=NONE, start_from=str(path)))
    small = storage.save(result.isel(pre=slice(3)), tmp_path / "small.h5")
    with pytest.raises(InputError, match="this circuit has"):
        learn(Settings("binary", where=settings.where, without=("calibration",), budget=NONE, start_from=str(small)))
    without = storage.save(result.drop_vars("weight"), tmp_path / "without.h5")
    with pytest.raises(InputError, match="holds no weight"):
        learn(Settings("binary", where=settings.where, without=("calibration",), budget=NONE, start_from=str(without)))


def test_codes_beyond_the_device_are_refused(trained, tmp_path):
    settings, result, _ = trained
    if settings.where == "host":
        pytest.skip("words are limited by the memory, which counts what it clips")
    large = storage.save(result.assign(weight=result["weight"] * 0 + 99), tmp_path / "large.h5")
    with pytest.raises(InputError, match="up to 15"):
        learn(Settings("binary", without=("calibration",), budget=NONE, start_from=str(large)))
