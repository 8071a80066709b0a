"""Maps of decisions in the plane of yinyang, and the charge of control while learning."""

import numpy as np
import pytest

from chipemu import figures, storage
from chipemu.errors import InputError
from chipemu.learning.experiment import learn
from chipemu.learning.schedule import Schedule
from chipemu.learning.settings import Settings
from chipemu.learning.train import Budget

SHORT = Schedule(settle=0.02, decide=0.05, gap=0.01)


@pytest.fixture(scope="module")
def result():
    return learn(
        Settings(
            "yinyang", without=("calibration",), budget=Budget(6, 2, 3), schedule=SHORT, regions=9, noise_seeds=(0, 1)
        )
    )


def test_a_map_has_a_decision_at_every_point_of_the_disc(result):
    region = result["region"].transpose("chip", "noise", "grid_y", "grid_x").values
    inside = np.hypot(*np.meshgrid(result["grid_x"] - 0.5, result["grid_y"] - 0.5)) <= 0.5
    assert region.shape == (1, 2, 9, 9)
    assert (region[..., inside] >= 0).all()
    assert (region[..., ~inside] == -1).all()
    assert (result["region_true"].values >= 0).sum() == inside.sum()
    assert result["region_true"].sel(grid_x=0.75, grid_y=0.5) == 2  # a dot


def test_it_is_saved_and_drawn(result, tmp_path):
    storage.save(result, tmp_path / "r.h5")
    axes = figures.decision_regions(storage.load(tmp_path / "r.h5"))
    assert [text.get_text().split("\n")[0] for text in axes.texts] == [
        "asked for", "best run", "median run", "worst run",
    ]  # fmt: skip
    figures.save_figure(axes, tmp_path / "r.png")


def test_charge_of_control_is_kept_for_every_checkpoint(result):
    charge = result["charge_history"]
    assert charge.dims == ("chip", "noise", "checkpoint")
    total = float(charge.sum() * 3)  # 3 presentations a checkpoint
    assert 0 < total < float(result["ledger_control_charge_C"].sum()) * (1 + 1e-9)
    assert figures.control_curve(result).get_ylabel().endswith("(pC)")


@pytest.mark.parametrize(("task", "points", "message"), [("binary", 9, "yinyang"), ("yinyang", 1, "2 to 201")])
def test_a_map_that_makes_no_sense_is_refused(task, points, message):
    with pytest.raises(InputError, match=message):
        learn(Settings(task, regions=points))
