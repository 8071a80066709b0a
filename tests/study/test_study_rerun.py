"""Any row of a finished study can be made again, to the last bit; what does not repeat is named."""

import numpy as np
import pytest
from test_study_run import STUDY, TEXT, fake_point, lost_die

from chipemu import storage
from chipemu.errors import InputError
from chipemu.study import parse_study, points, rerun, run_study, runs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_study(STUDY, tmp_path_factory.mktemp("finished"), fake_point, progress=False)


@pytest.mark.parametrize("row", [0, 7, STUDY.n_runs - 1])
def test_row_repeats(finished, row):
    done = rerun(finished, row, fake_point)
    point, chip, noise = runs(STUDY)[row]
    assert done.place == (point, chip, noise)
    assert done.point.chip_seeds == points(STUDY)[0].chip_seeds[chip : chip + 1]
    assert (done.equal, done.changed) == (True, ())
    assert {"accuracy_test", "weight", "code_fine", "calibration_success", "status"} <= {v.name for v in done.variables}
    stored = storage.load(finished)["accuracy_test"].values[point, chip, noise]
    (again,) = (v.again.item() for v in done.variables if v.name == "accuracy_test")
    assert again == stored


def test_folder_stands_for_its_file(finished):
    assert rerun(finished.parent, 3, fake_point).equal


def test_the_last_bit_counts(finished):
    def drifted(settings):
        result = fake_point(settings)
        return result.assign(accuracy_test=np.nextafter(result["accuracy_test"], 2.0))

    done = rerun(finished, 5, drifted)
    assert [v.name for v in done.variables if not v.equal] == ["accuracy_test"]


def test_failed_row_fails_again_and_its_neighbours_repeat(tmp_path):
    """Counts beside a failed run are stored as floats, and still equal."""
    file = run_study(STUDY, tmp_path, lost_die, progress=False)
    assert [rerun(file, row, lost_die).equal for row in (5, 8, 9, 10)] == [True] * 4
    assert not rerun(file, 8, fake_point).equal


def test_two_factors_find_their_place(tmp_path):
    study = parse_study(TEXT + 'temperature = ["25 degC", "310 K"]\n')
    file = run_study(study, tmp_path, fake_point, progress=False)
    assert all(rerun(file, row, fake_point).equal for row in range(0, study.n_runs, 5))


@pytest.mark.parametrize("row", [-1, STUDY.n_runs])
def test_absent_row_is_refused(finished, row):
    with pytest.raises(InputError, match=f"no row {row}; allowed 0 to 17"):
        rerun(finished, row, fake_point)


def test_other_files_are_refused(finished, tmp_path):
    with pytest.raises(InputError, match="Finish the study first"):
        rerun(tmp_path / "absent.h5", 0, fake_point)
    with pytest.raises(InputError, match="no consolidated study"):
        rerun(finished.parent / "shards/point-00000.h5", 0, fake_point)
