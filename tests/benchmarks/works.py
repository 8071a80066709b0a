"""Times the works A and B (`chipemu/bench/work.py`) stage by stage, as a user's script would run them.

python tests/benchmarks/works.py A --noise
python tests/benchmarks/works.py B --threads 2
"""

import argparse
import resource
import time

import numpy as np

from chipemu.bench.speed import NOISY, QUIET
from chipemu.bench.timing import threads
from chipemu.bench.work import WORKS, Work, synaptic_events, work_chips, work_emulator, work_input, work_mapping


def once(work: Work, without, dt: float) -> tuple[dict[str, float], object, object]:
    """CPU seconds of each stage, the mapping and the recording; ``dt`` in s."""
    clock = [time.process_time()]
    mapped = work_mapping(work)
    clock.append(time.process_time())
    chips = work_chips(work, without)
    clock.append(time.process_time())
    emulator = work_emulator(mapped, chips, dt=dt)
    clock.append(time.process_time())
    wall = time.perf_counter()
    recording = emulator.run(work_input(work), work.duration)
    wall = time.perf_counter() - wall
    clock.append(time.process_time())
    stages = dict(zip(("map", "sample", "build", "run"), np.diff(clock), strict=True))
    return stages | {"run (wall)": wall}, mapped, recording


def describe(work: Work, mapped, recording, dt: float) -> str:
    """Rates, events and memory of a run."""
    neuron = recording["spike_neuron"].values
    place = recording["spike_run"].values * work.n_neurons + neuron
    rates = np.bincount(place, minlength=work.n_dies * work.n_neurons) / work.duration
    low, high = np.percentile(rates, (5, 95))
    events = synaptic_events(mapped, work_input(work), neuron, work.n_dies)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"work {work.name}: {work.n_dies * work.n_neurons * work.duration / dt / 1e6:.2f} M neuron steps, "
        f"{events / 1e6:.2f} M synaptic events, {len(neuron)} spikes, mean {rates.mean():.1f} Hz, "
        f"5 % to 95 % {low:.0f} to {high:.0f} Hz, peak memory {memory:.0f} MB"
    )


def main() -> None:
    """Run a work some times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=tuple(WORKS))
    parser.add_argument("--noise", action="store_true", help="thermal, input and flicker noise on")
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    work, without, dt = WORKS[options.work], NOISY if options.noise else QUIET, options.dt * 1e-3
    with threads(options.threads):
        once(work, without, dt)
        seen = [once(work, without, dt) for _ in range(options.repeats)]
    print(describe(work, *seen[-1][1:], dt))
    for stage in seen[0][0]:
        print(f"  {stage:<10} {np.median([stages[stage] for stages, *_ in seen]):8.4f} s")


if __name__ == "__main__":
    main()
