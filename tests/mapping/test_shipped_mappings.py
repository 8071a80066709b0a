"""The mapping files that come with the package still describe the networks they were made for."""

import numpy as np
import pytest

from chipemu import load_device, map_network
from chipemu.learning.circuit import build_circuit
from chipemu.learning.recipes import usual_controller
from chipemu.mapping import load_mapping
from chipemu.tasks import load_task


@pytest.mark.parametrize("task", ["yinyang", "binary"])
@pytest.mark.parametrize(
    ("where", "device"), [("chip", "dynapse1-plastic"), ("host", "dynapse1"), ("host", "dynapse2")]
)
def test_shipped_mapping_is_what_the_mapper_makes_today(task, where, device):
    chip = load_device(device)
    network = build_circuit(load_task(task), where, usual_controller(task, where, chip)).network
    shipped, fresh = load_mapping(f"{task}-{device}", network, chip), map_network(network, chip)
    assert shipped.hash == fresh.hash
    np.testing.assert_array_equal(shipped.address, fresh.address)
