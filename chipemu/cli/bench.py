"""`chipemu bench`: speed on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from chipemu.cli.terminal import Json, print_json, print_table, progress


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="small networks and few repeats: rough figures")] = False,
    as_json: Json = False,
) -> None:
    """Measure speed here: a random network of 1024 neurons at 40 Hz; about half a minute."""
    from chipemu.bench import QUICK, Effort, run_bench

    with progress(quiet=as_json) as tick:
        seen = run_bench(QUICK if quick else Effort(), tick)
    if as_json:
        print_json(seen)
    else:
        _print(seen)


def _print(seen: dict) -> None:
    machine = seen["machine"]
    title = f"speed of one core ({machine['processor']}, numba {machine['numba']}, kernels {machine['kernel_hash']})"
    print_table(title, ("", "value", "unit"), _headline(seen))
    print_table(
        "CPU time of a neuron step by effect, events included",
        ("effect", "ns", "relative"),
        [(row["effect"], f"{row['ns_per_neuron_step']:.2f}", f"{row['relative']:.2f}") for row in seen["effects"]],
    )
    print_table(
        "the same by size",
        ("", "neurons", "ns"),
        [("one die", str(row["n_neurons"]), f"{row['ns_per_neuron_step']:.2f}") for row in seen["neurons"]],
    )
    rows = [(row["load"], row["n_threads"], row["wall_s"], row["speed_up"]) for row in seen["threads"]]
    print_table(
        "wall time by threads",
        ("load", "threads", "s", "speed-up"),
        [(load, str(n), f"{wall:.3f}", f"{gain:.2f}") for load, n, wall, gain in rows],
    )


def _headline(seen: dict) -> list[tuple[str, str, str]]:
    step, default = f"{seen['dt_s'] * 1e3:g} ms", f"{seen['default_dt_s'] * 1e3:g} ms"
    fraction = seen["fraction_of_limit"]
    by_hand = (
        seen["limit_note"] if fraction is None else f"{seen['step_ns']:.2f} ns and {seen['step_by_hand_ns']:.2f} ns"
    )
    return [
        (f"neuron steps of {step}, events included, noise off", f"{seen['neuron_steps_per_s_per_core']:.3g}", "1/s"),
        (f"neuron milliseconds at {default}, noise on", f"{seen['neuron_ms_per_s_per_core']:.3g}", "1/s"),
        ("synaptic events", f"{seen['synaptic_events_per_s_per_core']:.3g}", "1/s"),
        ("chip time over CPU time, noise off", f"{seen['real_time_factor']:.3g}", ""),
        ("noise on over noise off, per neuron step", f"{seen['noise_ratio']:.2f}", ""),
        (f"error of the mean rate ({seen['mean_rate_hz']:.1f} Hz) at {default}", f"{seen['rate_error']:.2%}", ""),
        ("step, over the one written by hand in C++", "-" if fraction is None else f"{fraction:.2f}", by_hand),
    ]
