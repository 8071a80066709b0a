"""The headline figures of `chipemu bench`: neuron steps, neuron milliseconds and synaptic events a second of one core.

All on a network like that of work A (``work.py``). A run is the whole call of ``Emulator.run``: input events in, spikes
out as a Dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chipemu.bench.step import blocks_of, compile_step, find_compiler
from chipemu.bench.timing import cpu_seconds, median_ratio, threads
from chipemu.bench.work import GRID, A, Work, synaptic_events, work_chips, work_emulator, work_input, work_mapping
from chipemu.emulator import DEFAULT_DT, Emulator
from chipemu.errors import RunError
from chipemu.stimulus import EventList
from chipemu.units import PA

# What "noise on" leaves off: noise that has nothing to do with the neuron step.
QUIET, NOISY = ("noise",), ("supply_noise", "event_jitter", "event_loss")
SILENCE = EventList(np.zeros(0), np.zeros(0, np.int64))
_LIKE_A = replace(A, duration=0.3)
_FINER = 8  # step of the run that the default step is compared with


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    work : network of the headline figures, and length of one run
    repeats : of every run
    sizes : numbers of neurons of the scaling
    n_dies : dies side by side where threads are compared
    accuracy_duration : length of the runs whose rates are compared [s]
    """

    work: Work = _LIKE_A
    repeats: int = 7
    sizes: tuple[int, ...] = (256, 1024, 4096, 16384)
    n_dies: int = 16
    accuracy_duration: float = 1.0


QUICK = Effort(Work("quick", 128, 32, duration=0.02), 3, (64, 128), 2, 0.05)


class Bench:
    """A network of the benchmark, ready to be run again and again.

    Parameters
    ----------
    work : what runs
    without : effects that are off
    dt : time step [s]
    """

    def __init__(self, work: Work, without: Sequence[str] = QUIET, dt: float = GRID, mapped=None):
        self.work, self.dt = work, dt
        self.mapped = mapped if mapped is not None else work_mapping(work)
        self.stimulus = work_input(work)
        self.emulator: Emulator = work_emulator(self.mapped, work_chips(work, without), dt=dt)

    @property
    def neuron_steps(self) -> float:
        """Neurons times steps of one run."""
        return self.work.n_dies * self.work.n_neurons * self.work.duration / self.dt

    def run(self, stimulus: EventList | None = None):
        """Run on for the length of the work; returns the recording."""
        return self.emulator.run(self.stimulus if stimulus is None else stimulus, self.work.duration)


@threads(1)
def headline(effort: Effort) -> dict[str, float]:
    """Speed of one core with noise off and on, and what an event costs beside the steps."""
    mapped = work_mapping(effort.work)
    quiet = Bench(effort.work, QUIET, mapped=mapped)
    silent = Bench(effort.work, QUIET, mapped=mapped)
    noisy = Bench(effort.work, NOISY, mapped=mapped)
    default = Bench(effort.work, NOISY, DEFAULT_DT, mapped=mapped)
    spikes = []
    calls = {
        "quiet": lambda: spikes.append(quiet.run()["spike_neuron"].values),
        "silent": lambda: silent.run(SILENCE),
        "noisy": noisy.run,
        "default": default.run,
    }
    seconds = cpu_seconds(calls, effort.repeats)
    # the first recording is the warm-up
    delivered = np.array([synaptic_events(mapped, quiet.stimulus, neuron) for neuron in spikes[1:]])
    of_events = np.maximum(seconds["quiet"] - seconds["silent"], 1e-9)
    chip_ms = effort.work.n_neurons * effort.work.duration * 1e3
    return {
        "neuron_steps_per_s_per_core": quiet.neuron_steps / float(np.median(seconds["quiet"])),
        "neuron_ms_per_s_per_core": chip_ms / float(np.median(seconds["default"])),
        "synaptic_events_per_s_per_core": float(np.median(delivered / of_events)),
        "noise_ratio": median_ratio(seconds["noisy"], seconds["quiet"]),
        "real_time_factor": effort.work.duration / float(np.median(seconds["quiet"])),
    }


@threads(1)
def accuracy(effort: Effort) -> dict[str, float]:
    """Mean rate at the default step [Hz], and its relative error beside a step eight times finer, noise off."""
    work, rates = replace(effort.work, duration=effort.accuracy_duration), []
    for dt in (DEFAULT_DT, GRID / _FINER):
        n_spikes = Bench(work, dt=dt).run().sizes["spike"]
        rates.append(n_spikes / (work.n_neurons * work.n_dies * work.duration))
    error = abs(rates[0] / rates[1] - 1) if rates[1] else float("nan")
    return {"mean_rate_hz": rates[0], "rate_error": error, "default_dt_s": DEFAULT_DT, "dt_s": GRID}


@threads(1)
def limit(effort: Effort) -> dict[str, object]:
    """Speed of the emulator's step over that of the step written by hand in C++, neither with events or noise.

    ``fraction_of_limit`` is None where there is no compiler, and ``limit_note`` says so.
    """
    compiler = find_compiler()
    if compiler is None:
        return _no_limit("no C++ compiler found; set CXX, or install g++")
    try:
        by_hand = compile_step(compiler)
    except RunError as fault:
        return _no_limit(str(fault))
    bench = Bench(effort.work)
    emulator, n_steps = bench.emulator, round(effort.work.duration / GRID)
    events = SILENCE.events(1, effort.work.duration, GRID, effort.work.n_inputs)
    blocks, floor = blocks_of(emulator), emulator.mapped.device.circuit["I0"] * PA
    seconds = cpu_seconds(
        {
            "own": lambda: emulator.advance(events, effort.work.duration),
            "by_hand": lambda: by_hand.run(blocks, n_steps, floor),
        },
        effort.repeats,
    )
    per_step = {name: float(np.median(taken)) / bench.neuron_steps * 1e9 for name, taken in seconds.items()}
    return {
        "fraction_of_limit": median_ratio(seconds["by_hand"], seconds["own"]),
        "limit_note": f"compiled with {compiler}",
        "step_ns": per_step["own"],
        "step_by_hand_ns": per_step["by_hand"],
    }


def _no_limit(why: str) -> dict[str, object]:
    return {"fraction_of_limit": None, "limit_note": why, "step_ns": None, "step_by_hand_ns": None}
