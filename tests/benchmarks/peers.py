"""The works in chipemu and in other simulators on this machine, run in pairs: ratios of CPU seconds.

    python tests/benchmarks/peers.py --brian2 PYTHON --rockpool PYTHON [--only A,B,noise,dt,accuracy,cold] [--json F]

Each PYTHON is an interpreter that has the simulator; chipemu runs in this one, on one thread. One run of chipemu is
made just before each run of the peer, and the median of the ratios is given. Brian2's figure is the CPU time of the
compiled program alone; DynapSim's that of the compiled evolution, as shipped and with its slow line changed
(`peer_process.rockpool_copy`).
For work B chipemu's time holds the drawing of the dies and the building of the emulator, the peers' does not.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from arrays import write_arrays
from largest_step import brian2_steps, own_steps
from peer_process import HERE, Peer, rockpool_copy
from peer_talk import serve, start_of_process

from chipemu.bench.speed import NOISY, QUIET, Bench
from chipemu.bench.timing import cpu_seconds, threads
from chipemu.bench.work import WORKS, Work, work_chips, work_emulator, work_input, work_mapping
from chipemu.cli.terminal import print_table

PARTS = ("A", "B", "noise", "dt", "accuracy", "cold")
STEPS = (0.1, 0.2, 0.5, 1.0)  # ms
_SHIPPED = 0.1  # s of chip time of a run of DynapSim as shipped, whose cost is in proportion to the steps
_FEW = 3  # runs of it


def own_call(work: Work, dt: float = 0.1, without=QUIET):
    """A callable that runs chipemu once and returns its number of spikes; many dies are drawn inside it."""
    if work.n_dies == 1:
        bench = Bench(work, without, dt * 1e-3)
        return lambda: bench.run().sizes["spike"]
    mapped, stimulus = work_mapping(work), work_input(work)

    def run():
        emulator = work_emulator(mapped, work_chips(work, without), dt=dt * 1e-3)
        return emulator.run(stimulus, work.duration).sizes["spike"]

    return run


def paired(part: str, variant: str, work: Work, own, peer: Peer, repeats: int, own_dt: float, dt: float, scale=1.0):
    """One row: runs in turn, and what the peer told of its first."""
    reports, spikes = [], []
    seconds = cpu_seconds(
        {"own": lambda: spikes.append(own()), "peer": lambda: reports.append(peer.run())}, max(repeats, 1)
    )
    taken = np.array([report["cpu_s"] for report in reports[1:]]) * scale
    neurons = work.n_neurons * work.n_dies * work.duration
    loop = [report["loop_wall_s"] * scale for report in reports[1:] if "loop_wall_s" in report]
    return {
        "part": part,
        "peer": variant,
        "version": peer.first["version"],
        "own_dt_ms": own_dt,
        "peer_dt_ms": dt,
        "own_cpu_s": seconds["own"].tolist(),
        "peer_cpu_s": taken.tolist(),
        "peer_loop_wall_s": loop,
        "ratio": float(np.median(taken / seconds["own"])),
        "own_rate_hz": spikes[-1] / neurons,
        "peer_rate_hz": reports[-1]["n_spikes"] * scale / neurons,
        "first_wall_s": peer.first["first_wall_s"],
        "first_cpu_s": peer.first["first_cpu_s"],
    }


class Comparison:
    """Runs parts and keeps their rows."""

    def __init__(self, options, folder: Path):
        self.options, self.folder, self.rows = options, folder, []
        self._written: dict[str, Path] = {}

    def arrays(self, work: Work) -> Path:
        """File with a work's dies, written once."""
        if work.name not in self._written:
            self._written[work.name] = self.folder / f"{work.name}.npz"
            write_arrays(self._written[work.name], work)
        return self._written[work.name]

    def brian2(self, part: str, work: Work, dt: float = 0.1, own_dt: float | None = None, noise: bool = False):
        """One row against Brian2 C++ standalone."""
        if self.options.brian2 is None:
            return
        own = own_call(work, own_dt or dt, NOISY if noise else QUIET)
        words = [self.arrays(work), "--dt", dt, *(["--noise"] if noise else [])]
        with Peer(self.options.brian2, HERE / "peer_brian2.py", words) as peer:
            self._add(paired(part, "Brian2 C++", work, own, peer, self.options.repeats, own_dt or dt, dt))

    def dynapsim(self, part: str, work: Work, dt: float = 0.1):
        """Two rows against DynapSim: as shipped and with its slow line changed."""
        if self.options.rockpool is None:
            return
        own, words = own_call(work, dt), [self.arrays(work), "--dt", dt]
        script, repeats = HERE / "peer_dynapsim.py", self.options.repeats
        changed = rockpool_copy(self.options.rockpool, self.folder)
        with Peer(self.options.rockpool, script, words, {"PYTHONPATH": str(changed)}) as peer:
            self._add(paired(part, "DynapSim, line changed", work, own, peer, repeats, dt, dt))
        if work.n_dies > 1:
            return
        duration = min(_SHIPPED, work.duration)
        with Peer(self.options.rockpool, script, [*words, "--duration", duration]) as peer:
            scale = work.duration / duration
            self._add(paired(part, "DynapSim as shipped", work, own, peer, min(repeats, _FEW), dt, dt, scale))

    def accuracy(self, work: Work):
        """A row with each simulator at its own largest step with a rate error of at most 1 %."""
        own = own_steps(work, STEPS)
        self.rows.append({"part": "rate error", "peer": "chipemu", **own})
        print(f"chipemu: {_steps_text(own)}", file=sys.stderr)
        if self.options.brian2 is None:
            return
        theirs = brian2_steps(self.options.brian2, self.arrays(work), work)
        self.rows.append({"part": "rate error", "peer": "Brian2", **theirs})
        print(f"Brian2: {_steps_text(theirs)}", file=sys.stderr)
        self.brian2("accuracy", work, theirs["largest_ms"], own["largest_ms"])

    def cold(self, work: Work):
        """Time from the start of a process to the first result, chipemu without and with compiled kernels at hand."""
        cache = {"NUMBA_CACHE_DIR": str(self.folder / "cache"), "PYTHONPATH": str(HERE.parents[1])}
        for variant in ("cold", "warm"):
            with Peer(sys.executable, HERE / "peers.py", ["--first-result", work.name], cache) as own:
                row = {key: own.first[key] for key in ("first_wall_s", "first_cpu_s", "version")}
                self.rows.append({"part": "cold", "peer": f"chipemu, {variant} cache", **row})
                print(f"chipemu {variant}: {row['first_wall_s']:.1f} s", file=sys.stderr)

    def _add(self, row):
        self.rows.append(row)
        print(f"{row['part']}, {row['peer']} {row['peer_dt_ms']:g} ms: {row['ratio']:.1f} x", file=sys.stderr)


def _steps_text(steps) -> str:
    errors = ", ".join(f"{dt:g} ms {error:+.2%}" for dt, error in zip(steps["dt_ms"], steps["error"], strict=True))
    return f"{errors}; largest with 1 %: {steps['largest_ms']:g} ms"


def compare(options, folder: Path) -> list[dict]:
    """Rows of all parts asked for."""
    here = Comparison(options, folder)
    a, b = (replace(WORKS[name], duration=WORKS[name].duration * options.scale) for name in ("A", "B"))
    calls = {
        "A": lambda: (here.brian2("A", a), here.dynapsim("A", a)),
        "B": lambda: (here.brian2("B", b), here.dynapsim("B", b)),
        "noise": lambda: here.brian2("noise", a, noise=True),
        "dt": lambda: (here.brian2("dt", a, 1.0), here.dynapsim("dt", a, 1.0)),
        "accuracy": lambda: here.accuracy(a),
        "cold": lambda: here.cold(a),
    }
    for part in options.only:
        calls[part]()
    return here.rows


def show(rows: list[dict]) -> None:
    """Print the pairs, and the times to a first result."""
    pairs = [row for row in rows if "ratio" in row]
    columns = ("part", "peer", "dt ms", "peer CPU s", "own CPU s", "ratio", "rates Hz")
    print_table(
        "CPU seconds, medians; ratios of runs in pairs", columns, [_texts(row) for row in pairs], text_columns=2
    )
    firsts = [(row["peer"], row["part"], f"{row['first_wall_s']:.1f}") for row in rows if "first_wall_s" in row]
    print_table("start to first result, wall time", ("", "part", "s"), firsts, text_columns=2)


def _texts(row) -> tuple[str, ...]:
    own, peer = np.median(row["own_cpu_s"]), np.median(row["peer_cpu_s"])
    steps = f"{row['peer_dt_ms']:g} / {row['own_dt_ms']:g}"
    rates = f"{row['peer_rate_hz']:.1f} / {row['own_rate_hz']:.1f}"
    return row["part"], row["peer"], steps, f"{peer:.3g}", f"{own:.3g}", f"{row['ratio']:.1f}", rates


def read_options(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brian2", metavar="PYTHON", help="interpreter that has Brian2 and a C++ compiler")
    parser.add_argument("--rockpool", metavar="PYTHON", help="interpreter that has rockpool[jax]")
    parser.add_argument("--only", type=lambda text: text.split(","), default=PARTS, help=f"of {','.join(PARTS)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the length of the works")
    parser.add_argument("--json", type=Path, metavar="F", help="write every run of every row")
    parser.add_argument("--first-result", choices=tuple(WORKS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = set(options.only) - set(PARTS)
    if unknown:
        parser.error(f"--only: unknown part {sorted(unknown)[0]!r}; parts are {', '.join(PARTS)}")
    return options


def main() -> None:
    """Compare, print, and write."""
    options = read_options()
    with threads(1):
        if options.first_result:
            run = own_call(WORKS[options.first_result])
            serve(lambda: {"n_spikes": run()}, start_of_process(), "chipemu")
            return
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            rows = compare(options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    show(rows)


if __name__ == "__main__":
    main()
