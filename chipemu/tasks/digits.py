"""Digits: the 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships (test part of UCI optdigits)."""

from __future__ import annotations

from chipemu.tasks.encoder import encode, rate_range
from chipemu.tasks.split import fixed
from chipemu.tasks.task import Task

BRIGHTEST = 16
SPLIT_SIZES = {"test": 500, "validation": 250}
SPLIT_SEED = 0


def load(*, rate_min: str = "0 Hz", rate_max: str = "100 Hz") -> Task:
    """Digits in one fixed stratified split: 1047 trained on, 250 validated, 500 tested.

    Three of the 64 pixels are dark in every image. The other 61 and one constant source make 62 sources; with a word
    from each of the two controllers that is 64, all CAM words of a neuron. So at a host a weight is one word of
    either sign or none: ternary. A unit has ten neurons whose weights are rounded one by one, so its sum knows 21
    levels. Plastic synapses hold a code for each of the 62 sources.

    Parameters
    ----------
    rate_min, rate_max : str
        Rates of a dark pixel and of one at full brightness [Hz].

    Returns
    -------
    Task

    Raises
    ------
    UnitError
        If a quantity has no unit or a wrong one.
    InputError
        If the rates are negative or in the wrong order.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    live = data.data.max(axis=0) > 0
    return Task(
        name="digits",
        classes=tuple(map(str, data.target_names)),
        source_names=(*(name for name, kept in zip(data.feature_names, live, strict=True) if kept), "constant"),
        summary="digits: 10 classes of 8 x 8 pixels, 61 of them live, 62 sources",
        **encode(
            data.data[:, live] / BRIGHTEST,
            data.target,
            fixed(data.target, **SPLIT_SIZES, seed=SPLIT_SEED),
            rate_range(rate_min, rate_max),
        ),
    )
