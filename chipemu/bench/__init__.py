"""Speed on this machine: what ``chipemu bench`` measures, on the loads of ``work.py``."""

import os
import platform
from collections.abc import Callable

import numba

from chipemu import __version__
from chipemu.bench.cost import effect_costs, scaling_costs
from chipemu.bench.speed import QUICK, Effort, accuracy, headline, limit
from chipemu.kernels.jit import kernel_hash

__all__ = ["QUICK", "Effort", "run_bench"]


def run_bench(effort: Effort | None = None, tick: Callable[[str, int, int], None] | None = None) -> dict[str, object]:
    """Measure speed here; one thread but where threads are compared.

    Parameters
    ----------
    effort : how much is measured
    tick : told what has been done, as ``tick(stage, done, total)``

    Returns
    -------
    dict
        The figures by name, tables under ``effects``, ``neurons`` and ``threads``.
    """
    effort, seen = effort or Effort(), {}
    stages = (headline, limit, accuracy, effect_costs, scaling_costs)
    for done, measure in enumerate(stages):
        if tick:
            tick("bench", done, len(stages))
        seen |= measure(effort)
    if tick:
        tick("bench", len(stages), len(stages))
    return seen | {"machine": machine()}


def machine() -> dict[str, object]:
    """Processor, cores and versions that the figures belong to."""
    from llvmlite.binding import get_host_cpu_name

    return {
        "processor": get_host_cpu_name(),
        "n_cores": os.cpu_count(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "chipemu": __version__,
        "kernel_hash": kernel_hash(),
    }
