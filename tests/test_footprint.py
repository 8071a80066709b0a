"""Memory: what an emulator holds is counted, and the peak of a process is what the README states."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.footprint import footprint
from chipemu.kernels.layout import LANES, N_FIELDS

ROOT = Path(__file__).parents[1]
PROGRAM = """
import sys
from dataclasses import replace
import numpy as np
from chipemu import Emulator, Network, load_device, map_network, sample_chip
n_cores, fan_in = int(sys.argv[1]), int(sys.argv[2])
device = load_device("dynapse1")
device = replace(device, chip=replace(device.chip, n_cores=n_cores, tag_bits=20, n_virtual_sources=4096, reserved=()))
n = n_cores * 256
network = Network("peak")
network.sources("in", n_cores)
network.population("cells", n, point="output")
network.project("in", "cells", receptor="ampa", pairs=np.stack([np.arange(n) // 256, np.arange(n)], axis=1))
pre = (np.arange(n)[:, None] + 3 * np.arange(1, fan_in + 1)) % n
pairs = np.stack([pre.ravel(), np.repeat(np.arange(n), fan_in)], axis=1)
del pre
network.project("cells", "cells", receptor="nmda", pairs=pairs)
del pairs
emulator = Emulator([sample_chip(device, 1)], map_network(network, device))
emulator.run(np.full(n_cores, 50.0), duration=0.01)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(n, len(emulator.mapped.edges), int(peak.split()[1]) * 1024)
"""


def small():
    device, network = load_device("dynapse1"), Network("small")
    network.sources("in", 3)
    network.population("cells", 20, point="output")
    network.project_signed("in", "cells", positive="ampa", negative="gaba_b", name="w")
    return Emulator([sample_chip(device, seed) for seed in (1, 2)], map_network(network, device))


def test_the_state_and_the_connections_are_counted():
    used = footprint(small())
    assert (used.n_runs, used.n_neurons, used.n_synapses) == (2, 20, 120)
    assert used.part("state") == 2 * 2 * LANES * N_FIELDS * 4
    assert used.part("memory.amplitude") == 2 * 120 * 4
    assert used.part("mapped.edges.pre") == 120 * 4
    assert used.total == used.part("") == sum(used.part(first) for first in {held.name[0] for held in used.held})


def test_an_array_added_anywhere_is_counted_and_a_view_is_not_counted_twice():
    emulator = small()
    before = footprint(emulator).total
    emulator.more = {"table": [np.zeros(1000), emulator.state[:1]]}
    assert footprint(emulator).total == before + 8000
    assert "more.table.0" in {held.name for held in footprint(emulator).held}
    assert "state" in str(footprint(emulator))


def stated():
    """Bytes a neuron and a synapse that the README states."""
    found = re.search(r"peaks at ([\d.]+) kB a neuron and ([\d.]+) B a synapse", (ROOT / "README.md").read_text())
    return float(found[1]) * 1000, float(found[2])


def peak(n_cores, fan_in):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(n_cores), str(fan_in)]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    return np.array(done.stdout.split(), float)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux")
@pytest.mark.parametrize(("n_cores", "fan_in"), [(192, 8), pytest.param(128, 40, marks=pytest.mark.slow)])
def test_the_peak_of_a_process_is_what_the_readme_states(n_cores, fan_in):
    n_neurons, n_synapses, bytes_used = peak(n_cores, fan_in) - peak(4, 8)
    of_neuron, of_synapse = stated()
    assert bytes_used == pytest.approx(of_neuron * n_neurons + of_synapse * n_synapses, rel=0.1)
