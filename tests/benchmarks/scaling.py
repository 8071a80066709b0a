"""How the cost of a step follows size, fan-in, dies, threads and time step, and where it stands beside the machine.

    python tests/benchmarks/scaling.py F.json      # about a minute; figures.py draws it

CPU seconds of one thread, medians, but where threads are compared (wall time). Noise is off.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np

from chipemu.bench import Effort, machine
from chipemu.bench.cost import scaling_costs
from chipemu.bench.speed import Bench, limit
from chipemu.bench.step import assembly, find_compiler
from chipemu.bench.timing import cpu_seconds, threads
from chipemu.bench.work import A, B, synaptic_events

REPEATS = 5
FAN_INS = (8, 16, 32, 64)
DIES = (1, 2, 4, 8, 16, 32, 64)
STEPS = (0.05, 0.1, 0.2, 0.5, 1.0)  # ms
FIELDS_READ, FIELDS_WRITTEN = 21, 7  # of a neuron by one step without noise that is not repeated, 4 bytes each
_SHORT = replace(A, duration=0.2)


def timed(benches: dict[str, Bench]) -> list[dict[str, float]]:
    """CPU time of a neuron step [ns], its quartiles, synaptic events a neuron step, and mean rate [Hz], of each."""
    spikes = {name: [] for name in benches}

    def call(name, bench):
        return lambda: spikes[name].append(bench.run()["spike_neuron"].values)

    seconds = cpu_seconds({name: call(name, bench) for name, bench in benches.items()}, REPEATS)
    rows = []
    for name, bench in benches.items():
        work, last = bench.work, spikes[name][-1]
        quarter, half, three = np.quantile(seconds[name], (0.25, 0.5, 0.75)) / bench.neuron_steps * 1e9
        n_events = synaptic_events(bench.mapped, bench.stimulus, last, work.n_dies)
        rows.append(
            {
                "ns": half,
                "ns_quartiles": [quarter, three],
                "events_per_step": n_events / bench.neuron_steps,
                "rate_hz": len(last) / (work.n_neurons * work.n_dies * work.duration),
            }
        )
    return rows


@threads(1)
def sweep(name: str, values: Sequence, build) -> list[dict[str, float]]:
    """Cost of the loads that ``build`` makes of each value."""
    rows = timed({str(value): build(value) for value in values})
    return [{name: value} | row for value, row in zip(values, rows, strict=True)]


def flops_of_step() -> float | None:
    """Floating-point operations of a neuron step, counted in the assembly of the hand-written one; None without it.

    Every packed instruction stands once, for a block of 16 lanes; a fused multiply-add is two, and minima count.
    """
    compiler = find_compiler()
    if compiler is None:
        return None
    pattern = r"\sv(fn?m(?:add|sub)\d+|mul|add|sub|div|min|max)ps\s.*%([yz])mm"
    found = re.findall(pattern, assembly(compiler, "run_quiet"))
    return sum((2 if kind.startswith("f") else 1) * (1 if width == "z" else 0.5) for kind, width in found)


@numba.njit(fastmath=True)
def _triad(a, b, c, factor, repeats):
    for _ in range(repeats):
        for i in range(a.size):
            a[i] = b[i] + factor * c[i]


@numba.njit(fastmath=True)
def _polynomial(x, y, repeats):
    # Horner of degree 32: 64 operations for 8 bytes
    for _ in range(repeats):
        for i in range(x.size):
            value, total = x[i], np.float32(0.3)
            for _ in range(32):
                total = total * value + np.float32(0.7)
            y[i] = total


@threads(1)
def roofs() -> dict[str, float]:
    """Bandwidth at some sizes of the working set [GB/s], and peak of float32 arithmetic [GFLOP/s] of one core."""
    found = {}
    for name, n_bytes in (("L1", 16e3), ("L2", 160e3), ("DRAM", 256e6)):
        n = int(n_bytes / 12)
        arrays, repeats = [np.ones(n, np.float32) for _ in range(3)], max(1, int(3e8 / n_bytes))
        taken = cpu_seconds({"": lambda: _triad(*arrays, np.float32(1.1), repeats)}, REPEATS)[""]  # noqa: B023
        found[f"{name}_gb_per_s"] = 12 * n * repeats / float(np.median(taken)) / 1e9
    x = np.full(2048, 0.3, np.float32)
    taken = cpu_seconds({"": lambda: _polynomial(x, np.empty_like(x), 500)}, REPEATS)[""]
    return found | {"peak_gflop_per_s": 64 * len(x) * 500 / float(np.median(taken)) / 1e9}


def roofline() -> dict[str, object]:
    """Roofs of the machine, and the step of the emulator and the one written by hand beneath them."""
    measured = limit(Effort())
    names = {"emulator": measured["step_ns"], "written by hand": measured["step_by_hand_ns"]}
    n_bytes = 4 * (FIELDS_READ + FIELDS_WRITTEN)
    return {"roofs": roofs(), "step_ns": names, "flops_per_step": flops_of_step(), "bytes_per_step": n_bytes}


def measure() -> dict[str, object]:
    """Everything that the figures show."""
    small = replace(B, n_dies=1, duration=0.1)
    parts = {
        "fan_in": lambda: sweep("fan_in", FAN_INS, lambda n: Bench(replace(_SHORT, fan_in=n))),
        "dies": lambda: sweep("n_dies", DIES, lambda n: Bench(replace(small, n_dies=n))),
        "dt": lambda: sweep("dt_ms", STEPS, lambda dt: Bench(_SHORT, dt=dt * 1e-3)),
        "roofline": roofline,
    }
    found: dict[str, object] = {"machine": machine()}
    for name, part in parts.items():
        print(name, file=sys.stderr)
        found[name] = part()
    print("neurons and threads", file=sys.stderr)
    return found | scaling_costs(replace(Effort(), work=_SHORT, repeats=REPEATS))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path, metavar="F.json")
    options = parser.parse_args()
    options.json.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
