"""Iris: three kinds of flower from four lengths (Fisher 1936), as shipped with scikit-learn."""

from __future__ import annotations

import numpy as np

from chipemu.tasks.encoder import encode, rate_range, scale
from chipemu.tasks.split import fold as cut
from chipemu.tasks.task import Task

N_VALIDATION = 24
SPLIT_SEED = 0


def load(*, fold: int = 0, rate_min: str = "10 Hz", rate_max: str = "100 Hz") -> Task:
    """Iris, 150 flowers in a stratified 5-fold: 30 are tested in each fold, 24 validated, 96 trained on.

    The four lengths are scaled to 0..1 by their range in the train split. Each gives two sources, its value and one
    minus its value, so that the total drive is the same for every flower; with one constant source that makes 9
    sources. An output neuron has 64 CAM words, its controllers take 2, so each source can have up to 6 words of
    either sign (6 x 9 = 54 of 62).

    Parameters
    ----------
    fold : int
        Which fifth is tested, 0 to 4.
    rate_min, rate_max : str
        Rates that encode the values 0 and 1 [Hz].

    Returns
    -------
    Task

    Raises
    ------
    UnitError
        If a quantity has no unit or a wrong one.
    InputError
        If there is no such fold, or the rates are negative or in the wrong order.
    """
    from sklearn.datasets import load_iris

    data = load_iris()
    split = cut(data.target, fold, validation=N_VALIDATION, seed=SPLIT_SEED)
    lengths = scale(data.data, split["train"])
    names = [name.removesuffix(" (cm)") for name in data.feature_names]
    return Task(
        name="iris",
        classes=tuple(map(str, data.target_names)),
        source_names=(*names, *(f"1-{name}" for name in names), "constant"),
        summary="iris: 3 flowers from 4 lengths, 9 sources, stratified 5-fold",
        **encode(np.hstack([lengths, 1 - lengths]), data.target, split, rate_range(rate_min, rate_max)),
    )
