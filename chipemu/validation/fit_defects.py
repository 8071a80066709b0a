"""Fit of the clustered CAM failures to the tests of six DYNAP-SE2 boards: ``python -m chipemu.validation.fit_defects``.

Three numbers, the mean, the correlation within a neuron and the spread between cores, are fitted to four: mean and
spread of the failed fraction of 24 cores (tags from 1024 on, ``data/reference/cam_failures.csv``), and the shares of
neurons that fail in over a tenth and over half of their tests. Tags below 1024 fail four times as often and are left
out: what makes them worse is not known. The correlation and the spread are stored in ``devices/dynapse1.toml``.
"""

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import least_squares

from chipemu import library
from chipemu.defects import beta_shape
from chipemu.device import load_device
from chipemu.validation.check import target

N_NEURONS = 256
_CORES = stats.norm.ppf((np.arange(201) + 0.5) / 201)  # equally likely cores
_START = {"dead_words": 0.05, "word_clustering": 0.5, "word_between_cores": 0.5}


@dataclass(frozen=True)
class Failures:
    """Failed fractions of a population of cores: their mean and CV, and shares of neurons above two limits."""

    mean: float
    cv: float
    above_tenth: float
    above_half: float


def measured_cores() -> np.ndarray:
    """Failed fraction of every tested core of the boards, tags from 1024 on."""
    reader = csv.DictReader(io.StringIO(library.find_data("reference/cam_failures.csv")))
    return np.array([float(row["failed"]) for row in reader if row["tags"] == "1024 and above"])


def core_means(mean: float, between_cores: float) -> np.ndarray:
    """Mean failed fractions of equally likely cores."""
    return np.minimum(mean * np.exp(between_cores * _CORES - between_cores**2 / 2), 0.999)


def expected(mean: float, clustering: float, between_cores: float) -> Failures:
    """What beta distributed failures with lognormal means of the cores give; closed form but for the mean over cores.

    The failed fraction of a core of 256 neurons varies by its mean and by its neurons, whose beta has the variance
    m (1 - m) r.
    """
    means = core_means(mean, between_cores)
    shape = beta_shape(means, clustering)
    within = np.mean(means * (1 - means)) * clustering / N_NEURONS
    return Failures(
        float(means.mean()),
        float(np.sqrt(means.var() + within) / means.mean()),
        float(stats.beta.sf(0.1, *shape).mean()),
        float(stats.beta.sf(0.5, *shape).mean()),
    )


def measured() -> Failures:
    """The same of the boards; the shares of neurons are the middles of the published ranges."""
    cores = measured_cores()
    return Failures(
        float(cores.mean()),
        float(cores.std(ddof=1) / cores.mean()),
        target("defects", "neurons failing in over a tenth").expected / 100,
        target("defects", "neurons failing in over half").expected / 100,
    )


def _standard_errors(found: Failures) -> np.ndarray:
    """Of mean and CV by the number of cores; a quarter of the published range for the shares."""
    n = len(measured_cores())
    shares = [target("defects", f"neurons failing in over {what}").tolerance / 200 for what in ("a tenth", "half")]
    return np.array([found.mean * found.cv / np.sqrt(n), found.cv / np.sqrt(2 * n), *shares])


def _row(failures: Failures) -> np.ndarray:
    return np.array([failures.mean, failures.cv, failures.above_tenth, failures.above_half])


def fit() -> tuple[dict[str, float], Failures]:
    """Numbers of the ``[defects]`` of a device file by name, and what they give."""
    wanted = measured()
    error = _standard_errors(wanted)
    found = least_squares(
        lambda x: (_row(expected(*x)) - _row(wanted)) / error,
        list(_START.values()),
        bounds=([1e-3, 0.01, 0.0], [0.5, 0.95, 2.0]),
    )
    return dict(zip(_START, map(float, found.x), strict=True)), expected(*found.x)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, and print the numbers and what they give."""
    numbers, given = fit()
    stored, wanted = load_device("dynapse1"), measured()
    for name, value in numbers.items():
        print(f"  {name:<18} {value:.3f}   in {stored.path}: {getattr(stored.defects, name):g}")
    for name in ("mean", "cv", "above_tenth", "above_half"):
        print(f"  {name:<18} {getattr(given, name):.3f}   measured {getattr(wanted, name):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
