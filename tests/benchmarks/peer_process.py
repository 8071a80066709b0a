"""Simulators in other interpreters: starting one, asking it for runs, and a changed copy of Rockpool."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW_LINE, FASTER = "jnp.dot(self.w_rec.T, spikes).T", "spikes @ self.w_rec"
"""XLA copies the transposed weights of the first in every step; both mean the same for the spikes of one step."""


class Peer:
    """A simulator that has made its first run and waits to be asked for more; closed by a ``with`` block.

    Attributes
    ----------
    first : what it reported of the first run, with the time since the process was started
    """

    def __init__(self, python, script: Path, words, environment=None):
        changed = {"PEER_START": repr(time.time()), "OMP_NUM_THREADS": "1", **(environment or {})}
        self._process = subprocess.Popen(
            [str(python), str(script), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | changed,
        )
        self.first = self._report()

    def run(self) -> dict:
        """Ask for one run; returns its report."""
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._report()

    def _report(self) -> dict:
        for line in self._process.stdout:
            if line.startswith("REPORT "):
                return json.loads(line.removeprefix("REPORT "))
        self.close()
        raise RuntimeError(
            f"{' '.join(self._process.args)} ended with code {self._process.returncode} without a report"
        )

    def close(self) -> None:
        """Let the process end: no more runs are asked for."""
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *fault) -> None:
        self.close()


def rockpool_copy(python, folder: Path) -> Path:
    """Copy the package of another interpreter below ``folder`` and change its slow line; returns what goes on the path.

    Raises
    ------
    RuntimeError
        If the line is not in this version exactly once.
    """
    ask = "import importlib.util; print(importlib.util.find_spec('rockpool').origin)"
    found = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    target = folder / "changed"
    if not target.exists():
        shutil.copytree(Path(found).parent, target / "rockpool")
        source = target / "rockpool/devices/dynapse/simulation/dynapsim.py"
        text = source.read_text(encoding="utf-8")
        if text.count(SLOW_LINE) != 1:
            raise RuntimeError(f"{SLOW_LINE!r} stands {text.count(SLOW_LINE)} times in {source.name}; expected once")
        source.write_text(text.replace(SLOW_LINE, FASTER), encoding="utf-8")
    return target
