"""Breast cancer Wisconsin (diagnostic): malignant or benign, from 30 measures of cell nuclei (scikit-learn)."""

from __future__ import annotations

from chipemu.tasks.encoder import encode, rate_range, scale
from chipemu.tasks.split import fold as cut
from chipemu.tasks.task import Task

N_VALIDATION = 75
SPLIT_SEED = 0
QUANTILE = 0.02  # the measures have long tails


def load(*, fold: int = 0, rate_min: str = "0 Hz", rate_max: str = "100 Hz") -> Task:
    """Breast cancer, 569 samples in a stratified 5-fold: 113 or 114 are tested in each fold, 75 validated.

    Each of the 30 measures is scaled to 0..1 between its 2 % and 98 % quantiles in the train split and clipped; with
    one constant source that makes 31 sources. An output neuron has 64 CAM words and its controller pair takes one for
    each of its two controllers, so 62 are left: 2 words a source of either sign, exactly full.

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
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    split = cut(data.target, fold, validation=N_VALIDATION, seed=SPLIT_SEED)
    return Task(
        name="breast-cancer",
        classes=tuple(map(str, data.target_names)),
        source_names=(*map(str, data.feature_names), "constant"),
        summary="breast-cancer: 2 classes from 30 measures, 31 sources, stratified 5-fold",
        **encode(scale(data.data, split["train"], QUANTILE), data.target, split, rate_range(rate_min, rate_max)),
    )
