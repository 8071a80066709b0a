"""The float network of the chip's shape: what it reaches, and that it has weights only where the chip has synapses."""

import numpy as np
import pytest

from chipemu.masked_network import masked_accuracy
from chipemu.tasks import load_task


def test_a_hidden_layer_separates_what_a_linear_read_out_cannot():
    task = load_task("yinyang")
    full = np.ones((30, task.n_sources), bool), np.ones((3, 30), bool)
    found = masked_accuracy(task, *full, epochs=20)
    # Kriener et al. 2022, arXiv:2102.08211: 64.3 % without a hidden layer
    assert found["validation"] > 0.8
    assert found == masked_accuracy(task, *full, epochs=20)


def test_what_is_not_connected_does_not_help():
    task = load_task("yinyang")
    sees = np.zeros((30, task.n_sources), bool)
    sees[:, -1] = True  # the constant source alone
    found = masked_accuracy(task, sees, np.ones((3, 30), bool), epochs=2)
    assert found["validation"] == pytest.approx(task.chance, abs=0.06)
