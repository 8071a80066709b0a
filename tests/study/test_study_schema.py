"""A study file is read strictly, and every fault in it is named at once."""

import pytest

from chipemu.errors import StudyFileError
from chipemu.study import load_study, parse_study

VALID = """
[study]
name = "mismatch"
task = "yinyang"
device = "dynapse1-plastic"
where = ["chip", "host"]
chips = 5
noise_seeds = 3
seed = 0
[factors]
mismatch_scale = [0, 0.5, 1, 2, 4]
temperature = ["25 degC", "310 K"]
[budget]
presentations = 100
window = "500 ms"
"""


def test_valid_study():
    study = parse_study(VALID)
    assert dict(study.factors) == {
        "where": ("chip", "host"),
        "mismatch_scale": (0.0, 0.5, 1.0, 2.0, 4.0),
        "temperature": (298.15, 310.0),
    }
    assert dict(study.fixed) == {"task": "yinyang", "device": "dynapse1-plastic"}
    assert dict(study.budget) == {"presentations": 100, "window": 0.5}
    assert (study.shape, study.n_points, study.n_runs) == ((2, 5, 2), 20, 300)
    assert study.split == "validation"


def test_study_without_factors_is_one_point():
    head, _ = VALID.replace('["chip", "host"]', '"chip"').split("[factors]")
    assert parse_study(head).n_points == 1


def test_hash_sees_content_and_not_layout():
    reference = parse_study(VALID).hash
    assert parse_study("# a comment\n" + VALID.replace("seed = 0", "seed   = 0")).hash == reference
    assert parse_study(VALID.replace("500 ms", "0.5 s")).hash == reference
    assert parse_study(VALID.replace("chips = 5", "chips = 6")).hash != reference


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"yinyang"', '"yingyang"', "study.task.0: unknown task 'yingyang'; nearest: yinyang"),
        ("dynapse1-plastic", "dynaps1", "study.device.0: unknown device 'dynaps1'; nearest: dynapse1"),
        ('"host"', '"hots"', "study.where.1: 'hots'"),
        ('"host"', '"chip"', "'chip' is given twice"),
        ("chips = 5", "chips = 0", "study.chips: 0"),
        ("chips = 5", "chips = 5.0", "study.chips: 5.0"),
        ("chips = 5", 'chips = "5"', "study.chips: '5'"),
        ("chips = 5", "", "study.chips: missing; write the number of dies"),
        ("seed = 0", "seed = -1", "study.seed: -1"),
        ("seed = 0", "seed = true", "study.seed: True"),
        ("seed = 0", "sed = 0", "study.sed: unknown key; nearest: seed"),
        ('"mismatch"', '"../mismatch"', "study.name"),
        ("0.5,", "nan,", "mismatch_scale.1: nan"),
        ("0.5,", "-0.5,", "mismatch_scale.1: -0.5"),
        ("0.5,", "0,", "factors.mismatch_scale: 0.0 is given twice"),
        ("[0, 0.5, 1, 2, 4]", "[]", "factors.mismatch_scale"),
        ("[0, 0.5, 1, 2, 4]", "-1", "factors.mismatch_scale.0: -1"),
        ("[0, 0.5, 1, 2, 4]", "[[1]]", "factors.mismatch_scale.0: [1]"),
        (
            "[budget]",
            'without = ["noise", "nois"]\n[budget]',
            "factors.without.1: unknown effect 'nois'; nearest: noise",
        ),
        (
            "[budget]",
            'without = "noise+none"\n[budget]',
            "factors.without.0: 'noise+none': 'none' and 'all' stand alone",
        ),
        ("[budget]", 'without = "noise+noise"\n[budget]', "names an effect twice"),
        ("[budget]", 'without = ["noise+dead", "a+b"]\n[budget]', "factors.without.1: unknown effect 'b'"),
        (
            "[budget]",
            'without = ["noise+calibration", "calibration + noise"]\n[budget]',
            "factors.without: 'calibration+noise' is given twice",
        ),
        ("[budget]", "levels = [7, 8]\n[budget]", "factors.levels.1: 8 is even"),
        ("[budget]", "levels = 1\n[budget]", "factors.levels.0: 1"),
        ("[budget]", "levels = 7.0\n[budget]", "factors.levels.0: 7.0"),
        ("[budget]", "target_rate = 40\n[budget]", "factors.target_rate.0: 40 has no unit"),
        ("[budget]", 'target_rate = "0 Hz"\n[budget]', "below the limit, 1 Hz"),
        ("[budget]", 'target_rate = "2 kHz"\n[budget]', "above the limit, 1 kHz"),
        ("[budget]", 'device = ["ideal"]\n[budget]', "factors.device: belongs into the table [study]"),
        ("mismatch_scale", "mismatch_scal", "nearest: mismatch_scale"),
        ('"310 K"', "310", "factors.temperature.1: 310 has no unit"),
        ('"310 K"', '"310 Hz"', "factors.temperature.1: '310 Hz'"),
        ('"310 K"', '"-1 K"', "below the limit"),
        ("presentations = 100", "presentation = 100", "nearest: presentations"),
        ("[factors]", "[factor]", "factor: unknown key; nearest: factors"),
        ("[budget]", "[budget", "not valid TOML"),
        ("chips = 5", "chips = 100000", "the limit is 1000000"),
    ],
)
def test_faults_are_named_with_file_and_key(old, new, message):
    with pytest.raises(StudyFileError) as caught:
        parse_study(VALID.replace(old, new, 1), "mine.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.toml: ")


def test_factors_of_every_kind():
    study = parse_study(
        VALID.replace('"yinyang"', '["yinyang", "binary"]').replace(
            "[budget]",
            'without = ["none", "noise", "noise + calibration"]\nlevels = [3, 7]\ntarget_rate = ["30 Hz"]\n[budget]',
        )
    )
    assert list(study.factors) == [
        "task", "where", "without", "levels", "mismatch_scale", "temperature", "target_rate"
    ]  # fmt: skip
    assert study.factors["without"] == ("none", "noise", "noise+calibration")
    assert (study.factors["levels"], study.factors["target_rate"]) == ((3, 7), (30.0,))
    assert dict(study.fixed) == {"device": "dynapse1-plastic"}


def test_single_value_holds_at_every_point():
    study = parse_study(VALID.replace('["25 degC", "310 K"]', '"310 K"') + "")
    assert "temperature" not in study.factors
    assert study.values("temperature") == (study.fixed["temperature"],) == (310.0,)
    assert study.n_points == 10
    # an axis of length one is another result than no axis
    assert parse_study(VALID.replace('["25 degC", "310 K"]', '["310 K"]')).hash != study.hash


def test_impossible_everywhere_is_refused_at_load(toml_file):
    text = VALID.replace('"dynapse1-plastic"', '["dynapse1", "ideal", "absent.toml"]')
    assert load_study(toml_file(VALID.replace("dynapse1-plastic", "dynapse1"))).n_points == 20
    with pytest.raises(StudyFileError) as caught:
        load_study(toml_file(text.replace('["chip", "host"]', '"chip"')))
    for message in ("'chip' is impossible on dynapse1", "'chip' is impossible on ideal", "absent.toml: cannot be read"):
        assert message in str(caught.value)


def test_all_faults_come_at_once():
    text = VALID.replace("chips = 5", "chips = 0").replace("seed = 0", "sed = 0").replace("0.5,", "inf,")
    with pytest.raises(StudyFileError) as caught:
        parse_study(text)
    assert all(key in str(caught.value) for key in ("study.chips", "study.seed", "study.sed", "mismatch_scale.1"))


def test_a_path_names_the_users_own_device():
    assert parse_study(VALID.replace("dynapse1-plastic", "chips/mine.toml")).fixed["device"] == "chips/mine.toml"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "not UTF-8"), (b"#" * 60_000, "larger than 50 kB"), (b"a = 1\na = 2", "not valid TOML")],
)
def test_unreadable_files_are_refused(toml_file, content, message):
    with pytest.raises(StudyFileError, match=message):
        load_study(toml_file(content))


def test_absent_file_is_named(tmp_path):
    with pytest.raises(StudyFileError, match="cannot be read"):
        load_study(tmp_path / "absent.toml")


def test_rules_are_known_and_readable_on_a_device(toml_file):
    with pytest.raises(StudyFileError, match=r"factors.rule.*'hebbian'.*differential-hebbian"):
        parse_study(VALID.replace("[factors]", '[factors]\nrule = ["hebbian"]'))
    text = VALID.replace("[factors]", '[factors]\nrule = ["feedback", "differential-hebbian"]')
    with pytest.raises(StudyFileError, match=r"factors.rule: rule differential-hebbian .*rate_change"):
        load_study(toml_file(text))
    with pytest.raises(StudyFileError, match=r"factors.rule: .*a host has none"):
        load_study(toml_file(text.replace('["chip", "host"]', '"host"')))
    study = load_study(toml_file(text.replace("dynapse1-plastic", "dynapse1-extended")))
    assert study.values("rule") == ("feedback", "differential-hebbian")
