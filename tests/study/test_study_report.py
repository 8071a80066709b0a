"""A finished study draws its figures; an unfinished one says so."""

import pytest
from test_study_run import TEXT, fake_point

from chipemu.errors import InputError
from chipemu.study import parse_study, report_study, run_study

pytestmark = pytest.mark.figure


def _finished(folder, text):
    run_study(parse_study(text), folder, fake_point, progress=False)
    return folder


def test_one_figure_for_each_combination_of_the_other_factors(tmp_path):
    text = TEXT.replace('"ideal"', '["ideal", "chips/mine.toml"]') + 'temperature = ["25 degC"]\n'
    paths = report_study(_finished(tmp_path, text), ending="svg")
    assert [path.name for path in paths] == ["grid-ideal-298.15.svg", "grid-mine-298.15.svg"]
    assert all(path.stat().st_size > 0 for path in paths)


def test_one_factor_makes_one_figure(tmp_path):
    assert [path.name for path in report_study(_finished(tmp_path, TEXT))] == ["grid.png"]


def test_study_without_mismatch_is_refused(tmp_path):
    text = TEXT.replace("mismatch_scale = [0, 1, 4]", "noise_scale = [0]")
    with pytest.raises(InputError, match="varies noise_scale"):
        report_study(_finished(tmp_path, text))


def test_unfinished_study_is_refused(tmp_path):
    (_finished(tmp_path, TEXT) / "grid.h5").unlink()
    with pytest.raises(InputError, match="Finish the study"):
        report_study(tmp_path)
