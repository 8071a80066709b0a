"""A finished study draws its figures and writes its page; an unfinished one says so."""

import pytest
from test_study_run import TEXT, fail_at, fake_point

from chipemu.errors import InputError, RunError
from chipemu.study import parse_study, report_study, run_study

pytestmark = pytest.mark.figure
MISMATCH = "mismatch_scale = [0, 1, 4]"


def _finished(folder, text, run_point=fake_point):
    run_study(parse_study(text), folder, run_point, progress=False)
    return folder


def _names(paths):
    assert all(path.stat().st_size > 0 for path in paths)
    return [path.name for path in paths]


def test_one_figure_for_each_combination_of_the_other_factors(tmp_path):
    text = TEXT.replace('"ideal"', '["ideal", "chips/mine.toml"]') + 'temperature = ["25 degC"]\n'
    paths = report_study(_finished(tmp_path, text), endings=("svg",))
    assert _names(paths) == ["grid-ideal-298.15.svg", "grid-mine-298.15.svg", "report.html"]


def test_one_factor_makes_one_figure_in_each_format(tmp_path):
    paths = report_study(_finished(tmp_path, TEXT))
    assert _names(paths) == ["grid.png", "grid.svg", "report.html"]
    page = paths[-1].read_text(encoding="utf-8")
    assert all(words in page for words in ("<h1>Study grid</h1>", "ideal", "host", "mismatch_scale = [0, 1, 4]"))


@pytest.mark.parametrize("factor", ["noise_scale = [0, 2]", 'temperature = ["10 degC", "40 degC"]', "eta = [0.1, 10]"])
def test_a_study_of_other_factors_is_drawn_too(tmp_path, factor):
    assert _names(report_study(_finished(tmp_path, TEXT.replace(MISMATCH, factor)))) == [
        "grid.png",
        "grid.svg",
        "report.html",
    ]


def test_a_study_of_names_is_drawn_too(tmp_path):
    text = TEXT.replace('"ideal"', '["ideal", "dynapse1"]').replace(MISMATCH, "")
    assert "grid.png" in _names(report_study(_finished(tmp_path, text)))


def test_a_study_that_varies_nothing_has_a_page(tmp_path):
    assert _names(report_study(_finished(tmp_path, TEXT.replace(MISMATCH, "")))) == ["report.html"]


def test_failed_points_stand_on_the_page(tmp_path):
    paths = report_study(_finished(tmp_path, TEXT, fail_at(1.0, RunError("die 7 is lost"))))
    assert "die 7 is lost" in paths[-1].read_text(encoding="utf-8")


def test_a_study_in_which_everything_failed_has_a_page(tmp_path):
    def lost(settings):
        raise RunError("die 7 is lost")

    paths = report_study(_finished(tmp_path, TEXT, lost))
    assert _names(paths) == ["report.html"]
    assert "die 7 is lost" in paths[0].read_text(encoding="utf-8")


def test_unfinished_study_is_refused(tmp_path):
    (_finished(tmp_path, TEXT) / "grid.h5").unlink()
    with pytest.raises(InputError, match="Finish the study"):
        report_study(tmp_path)
