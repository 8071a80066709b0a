"""Draws what `scaling.py` measured: cost against size, and the step beneath the roofs of the machine.

python tests/benchmarks/figures.py F.json [FOLDER]      # speed_scaling.png and speed_roofline.png in data/figures
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from chipemu.figures.style import BLUE, GREY, SMALL, VERMILION, new_axes, save_figure

FOLDER = Path(__file__).resolve().parents[2] / "data" / "figures"
_LABELS = {
    "n_neurons": "neurons of one network",
    "fan_in": "synapses of a neuron",
    "n_dies": "dies of 128 neurons",
    "dt_ms": "time step (ms)",
}


def scaling_figure(seen: dict) -> Figure:
    """CPU time of a neuron step against neurons, fan-in, dies and time step, and the gain of a second thread."""
    figure = Figure(figsize=(9.0, 5.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    panels = figure.subplots(2, 3).ravel()
    neurons = [row | {"ns": row["ns_per_neuron_step"]} for row in seen["neurons"]]
    _cost(panels[0], neurons, "n_neurons")
    _cost(panels[1], seen["fan_in"], "fan_in")
    _cost(panels[2], seen["dies"], "n_dies")
    _cost(panels[3], seen["dt"], "dt_ms")
    _chip_second(panels[4], seen["dt"])
    _threads(panels[5], seen["threads"])
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[:4]:
        axes.set_ylabel("CPU time of a neuron step (ns)", fontsize=SMALL + 1)
    return figure


def _cost(axes, rows, name):
    values, ns = [row[name] for row in rows], np.array([row["ns"] for row in rows])
    axes.plot(values, ns, "o-", color=BLUE)
    if "ns_quartiles" in rows[0]:
        spread = np.abs(np.transpose([row["ns_quartiles"] for row in rows]) - ns)
        axes.errorbar(values, ns, spread, fmt="none", color=BLUE, capsize=2)
    _ticks(axes, values)
    axes.set_ylim(0, 1.25 * ns.max())
    axes.set_xlabel(_LABELS[name])
    if name in ("fan_in", "dt_ms"):
        for value, height, row in zip(values, ns, rows, strict=True):
            axes.annotate(
                f"{row['events_per_step']:.2g}",
                (value, height),
                xytext=(-2, 7),
                textcoords="offset points",
                ha="right" if value != values[0] else "center",
                fontsize=SMALL,
                color=GREY,
            )
        axes.set_title("grey: synaptic events in a neuron step", fontsize=SMALL, color=GREY)


def _ticks(axes, values):
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)
    axes.margins(x=0.09)


def _chip_second(axes, rows):
    steps = [row["dt_ms"] for row in rows]
    seconds = [row["ns"] * 1024 * 1e3 / row["dt_ms"] * 1e-9 for row in rows]
    axes.plot(steps, seconds, "o-", color=BLUE)
    _ticks(axes, steps)
    axes.set_ylim(0, 1.1 * max(seconds))
    axes.set_xlabel(_LABELS["dt_ms"])
    axes.set_ylabel("CPU time of 1 s of 1024 neurons (s)", fontsize=SMALL + 1)


def _threads(axes, rows):
    loads = list(dict.fromkeys(row["load"] for row in rows))
    most = max(row["n_threads"] for row in rows)
    gains = [next(r["speed_up"] for r in rows if r["load"] == load and r["n_threads"] == most) for load in loads]
    bars = axes.barh(range(len(loads)), gains, color=BLUE, height=0.45)
    axes.bar_label(bars, [f"{gain:.2f}" for gain in gains], label_type="center", color="white", fontsize=SMALL)
    for k, load in enumerate(loads):
        axes.text(0.03, k + 0.3, load, fontsize=SMALL, va="bottom")
    axes.axvline(most, color=GREY, linestyle=":")
    axes.set_yticks([])
    axes.set_ylim(-0.5, len(loads) - 0.2)
    axes.set_xlim(0, most + 0.25)
    axes.set_xlabel(f"wall time, 1 thread / {most} threads")


def roofline_figure(seen: dict) -> Figure:
    """Arithmetic a second against arithmetic a byte: the roofs, and the step of the emulator and of C++."""
    measured = seen["roofline"]
    roofs, flops = measured["roofs"], measured["flops_per_step"]
    if flops is None:
        raise SystemExit("no C++ compiler when this was measured, so that the operations of a step are not known")
    axes = new_axes(5.6, 4.0)
    intensity = np.geomspace(0.05, 20, 200)
    for level, style in (("L1", "-"), ("L2", "--"), ("DRAM", ":")):
        bandwidth = roofs[f"{level}_gb_per_s"]
        roof = np.minimum(bandwidth * intensity, roofs["peak_gflop_per_s"])
        axes.plot(intensity, roof, style, color=GREY, label=f"{level}, {bandwidth:.0f} GB/s")
    axes.axhline(roofs["peak_gflop_per_s"], color=GREY, linewidth=0.8)
    axes.text(0.055, 1.07 * roofs["peak_gflop_per_s"], f"peak {roofs['peak_gflop_per_s']:.0f} GFLOP/s", fontsize=SMALL)
    at = flops / measured["bytes_per_step"]
    for (name, ns), colour, marker in zip(measured["step_ns"].items(), (BLUE, VERMILION), "os", strict=True):
        label = f"step, {name}: {ns:.2f} ns, {flops / ns:.0f} GFLOP/s"
        axes.plot([at], [flops / ns], marker, color=colour, markersize=7, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.05, 20)
    axes.set_ylim(2, 2.2 * roofs["peak_gflop_per_s"])
    axes.set_xlabel("floating-point operations a byte")
    axes.set_ylabel("GFLOP/s of one core, float32")
    axes.set_title(f"{flops:.0f} operations and {measured['bytes_per_step']} bytes a neuron step", fontsize=SMALL + 1)
    axes.legend(fontsize=SMALL, frameon=False, loc="lower right")
    return axes.figure


def main() -> None:
    """Draw both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path, metavar="F.json")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    options = parser.parse_args()
    seen = json.loads(options.json.read_text(encoding="utf-8"))
    for name, draw in (("speed_scaling", scaling_figure), ("speed_roofline", roofline_figure)):
        print(save_figure(draw(seen), options.folder / f"{name}.png"))


if __name__ == "__main__":
    main()
