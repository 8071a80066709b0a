"""The plan of a study covers every combination once, with seeds that do not depend on how many are asked for."""

import json

from hypothesis import given
from hypothesis import strategies as st

from chipemu.seeds import CHIPS, NOISE, seeds
from chipemu.study import manifest, parse_study, points, runs

TEXT = """
[study]
name = "grid"
task = "binary"
device = ["dynapse1", "ideal"]
where = "host"
chips = 3
noise_seeds = 2
seed = 11
[factors]
mismatch_scale = [0, 1]
"""
STUDY = parse_study(TEXT)


def test_points_are_the_grid_with_the_last_factor_fastest():
    assert [(p.index, p.device, p.where, p.factors["mismatch_scale"]) for p in points(STUDY)] == [
        (0, "dynapse1", "host", 0.0),
        (1, "dynapse1", "host", 1.0),
        (2, "ideal", "host", 0.0),
        (3, "ideal", "host", 1.0),
    ]


def test_every_point_has_the_same_dies_and_noise():
    assert len({(p.chip_seeds, p.noise_seeds) for p in points(STUDY)}) == 1


def test_runs_are_points_times_dies_times_seeds():
    assert len(runs(STUDY)) == len(set(runs(STUDY))) == STUDY.n_runs == 4 * 3 * 2


def test_more_dies_keep_the_first_ones_and_their_noise():
    more = points(parse_study(TEXT.replace("chips = 3", "chips = 9")))[0]
    assert more.chip_seeds[:3] == points(STUDY)[0].chip_seeds
    assert more.noise_seeds == points(STUDY)[0].noise_seeds


@given(st.integers(0, 2**63 - 1), st.integers(1, 50))
def test_seeds_differ_fit_a_signed_word_and_streams_are_apart(seed, n):
    chips, noise = seeds(seed, n, CHIPS), seeds(seed, n, NOISE)
    assert len({*chips, *noise}) == 2 * n
    assert all(0 <= child < 2**63 for child in (*chips, *noise))


def test_manifest_is_json_and_holds_every_run():
    stored = json.loads(json.dumps(manifest(STUDY)))
    assert len(stored["runs"]) == STUDY.n_runs
    assert stored["points"][2]["factors"] == {"device": "ideal", "mismatch_scale": 0.0}
    assert stored["study_hash"] == STUDY.hash
