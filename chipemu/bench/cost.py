"""What each effect costs, and how the cost of a neuron step follows the size of the network and the threads."""

from collections.abc import Sequence
from dataclasses import replace

import numba
import numpy as np

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.bench.speed import QUIET, Bench, Effort
from chipemu.bench.timing import cpu_seconds, threads, wall_seconds
from chipemu.bench.work import GRID, Work, work_mapping
from chipemu.effects import GROUPS

NOISES = ("thermal_noise", "input_noise", "flicker_noise", "supply_noise", "event_jitter", "event_loss")
_SE2_POINT, _SE2_LATCHES = "se2-output", ("alpha_ampa", "conductance_ampa", "homeostasis_ampa")
_SE2_LARGEST = 1000  # neurons; the chip has 1024, some of which are reserved


@threads(1)
def effect_costs(effort: Effort) -> dict[str, list[dict[str, object]]]:
    """CPU time of a neuron step with every noise off, with each alone, and with all [ns]; the same for SE2 circuits."""
    mapped = work_mapping(effort.work)
    off = {"all off": QUIET}
    off |= {name: tuple(other for other in GROUPS["noise"] if other != name) for name in NOISES}
    off["all on"] = ()
    calls = {name: Bench(effort.work, without, mapped=mapped).run for name, without in off.items()}
    steps = effort.work.n_neurons * effort.work.duration / GRID
    rows = _rows(cpu_seconds(calls, effort.repeats), steps)
    return {"effects": rows + _se2_costs(effort.work, effort.repeats)}


def _rows(seconds, steps):
    first = next(iter(seconds.values()))
    return [
        {
            "effect": name,
            "ns_per_neuron_step": float(np.median(taken)) / steps * 1e9,
            "relative": float(np.median(taken / first)),
        }
        for name, taken in seconds.items()
    ]


def _se2_costs(work: Work, repeats: int):
    # without events: what the dendrites of DYNAP-SE2 cost in every step, beside the same chip with its latches open
    n = min(work.n_neurons, _SE2_LARGEST)
    calls = {
        "dynapse2, no events": _se2_run(n, (), work.duration),
        "dynapse2, alpha + conductance + homeostasis": _se2_run(n, _SE2_LATCHES, work.duration),
    }
    return _rows(cpu_seconds(calls, repeats), n * work.duration / GRID)


def _se2_run(n: int, latches, duration: float):
    device, net = load_device("dynapse2"), Network("se2")
    source, cells = net.sources("inputs", 1), net.population("cells", n, point=_SE2_POINT, latches=latches)
    net.project(source, cells, receptor="ampa")
    emulator = Emulator([sample_chip(device, 1, without=QUIET)], map_network(net, device), dt=GRID)
    return lambda: emulator.run([0.0], duration)


def scaling_costs(effort: Effort) -> dict[str, list[dict[str, object]]]:
    """Cost against the number of neurons, and what a second thread gives."""
    benches = [Bench(_of_size(effort.work, n)) for n in effort.sizes]
    with threads(1):
        neurons = size_costs(benches, effort.repeats)
    side_by_side = Bench(replace(effort.work, n_neurons=min(effort.sizes), n_dies=effort.n_dies))
    return {"neurons": neurons, "threads": thread_costs([benches[-1], side_by_side], effort.repeats)}


def _of_size(work: Work, n: int) -> Work:
    # runs of like cost: the larger the network, the shorter
    duration = work.duration * min(1.0, 4 * work.n_neurons / n)
    return replace(work, n_neurons=n, duration=round(duration / GRID) * GRID)


def size_costs(benches: Sequence[Bench], repeats: int) -> list[dict[str, object]]:
    """CPU time of a neuron step, events included, against the number of neurons of one network [ns]."""
    seconds = cpu_seconds({str(bench.work.n_neurons): bench.run for bench in benches}, repeats)
    return [
        {
            "n_neurons": bench.work.n_neurons,
            "ns_per_neuron_step": float(np.median(taken)) / bench.neuron_steps * 1e9,
        }
        for bench, taken in zip(benches, seconds.values(), strict=True)
    ]


def thread_costs(benches: Sequence[Bench], repeats: int) -> list[dict[str, object]]:
    """Wall time of a network, or of dies side by side, with one thread and with two [s]."""
    counts = [n for n in (1, 2) if n <= numba.config.NUMBA_NUM_THREADS]
    rows = []
    for bench in benches:
        work = bench.work
        load = f"{work.n_dies} {'die' if work.n_dies == 1 else 'dies'} of {work.n_neurons} neurons"
        seconds = wall_seconds({str(n): _with_threads(n, bench) for n in counts}, repeats)
        for n in counts:
            speed_up = float(np.median(seconds["1"] / seconds[str(n)]))
            wall = float(np.median(seconds[str(n)]))
            rows.append({"load": load, "n_threads": n, "wall_s": wall, "speed_up": speed_up})
    return rows


def _with_threads(n: int, bench: Bench):
    def run():
        with threads(n):
            return bench.run()

    return run
