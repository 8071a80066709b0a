"""The float recurrent network: its gradient, what it remembers, and that it has weights only where the chip has."""

import numpy as np
import pytest

from chipemu import recurrent_network as network
from chipemu.tasks import load_task

TIMING = network.Timing(settle=0.1, delay=0.04, decide=0.1, tau=0.05)


@pytest.fixture(scope="module")
def task():
    return load_task("delayed-cue")


def loss(weights, x, y):
    score = network._scores(weights, x, TIMING)[-1]
    return np.mean(np.log(np.exp(score).sum(1)) - score[np.arange(len(y)), y])


def test_the_gradient_is_that_of_the_cross_entropy(task, monkeypatch):
    monkeypatch.setattr(network, "_LARGEST", np.inf)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.3, shape) for shape in ((9, 5), (5, 5), (5,), (5, 4), (4,))]
    x, y = task.phases["train"][:6] / 100, task.splits["train"][1][:6]
    for weight, slope in zip(weights, network._slopes(weights, x, y, TIMING), strict=True):
        place = tuple(rng.integers(size) for size in weight.shape)
        held, sides = weight[place], []
        for change in (1e-6, -1e-6):
            weight[place] = held + change
            sides.append(loss(weights, x, y))
        weight[place] = held
        assert slope[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-7)


def test_recurrence_remembers_what_units_alone_forget(task):
    rng = np.random.default_rng(0)
    sees, hears, reads = np.ones((40, 9), bool), rng.random((40, 40)) < 0.5, np.ones((4, 40), bool)
    timing = network.Timing(settle=0.1, delay=0.1, decide=0.1, tau=0.02)
    alone = network.recurrent_accuracy(task, sees, None, reads, timing, epochs=2)
    together = network.recurrent_accuracy(task, sees, hears, reads, timing, epochs=8)
    assert alone["validation"] == task.chance  # every presentation looks the same
    assert together["validation"] > 0.7
    assert together == network.recurrent_accuracy(task, sees, hears, reads, timing, epochs=8)


def test_what_is_not_connected_does_not_help(task):
    sees = np.zeros((20, 9), bool)
    sees[:, -1] = True  # the constant source alone
    found = network.recurrent_accuracy(task, sees, np.ones((20, 20), bool), np.ones((4, 20), bool), TIMING, epochs=1)
    assert found["validation"] == task.chance
