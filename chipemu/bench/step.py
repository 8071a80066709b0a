"""The neuron step written by hand in C++ (``step.cpp``): what a compiler makes of the same arithmetic on this machine.

It has a layout of its own, which holds only the fields that the step reads, and neither events nor recording.
"""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from chipemu.emulator import Emulator
from chipemu.errors import RunError
from chipemu.kernels import layout as at

# Name in step.cpp and field of the emulator's state; the first N_STATE are changed by a step.
FIELDS = {
    "AMPA": at.I_SYN,
    "NMDA": at.I_SYN + 1,
    "GABA_A": at.I_SYN + 2,
    "GABA_B": at.I_SYN + 3,
    "Y": at.Y,
    "AHP": at.I_AHP,
    "DEAD": at.REFRACTORY,
    "OU": at.INPUT_NOISE,
    "SPIKE": at.SPIKE,
    "FRACTION": at.SPIKE_FRACTION,
    "NORMAL_MEMBRANE": at.NORMAL,
    "NORMAL_INPUT": at.NORMAL + 1,
    "SLOW_INPUT": at.SLOW_INPUT,
    "SLOW_LEAK": at.SLOW_LEAK,
    "DECAY_AMPA": at.DECAY,
    "DECAY_NMDA": at.DECAY + 1,
    "DECAY_GABA_A": at.DECAY + 2,
    "DECAY_GABA_B": at.DECAY + 3,
    "DECAY_AHP": at.AHP_DECAY,
    "AHP_JUMP": at.AHP_JUMP,
    "TAU": at.I_TAU,
    "GAIN": at.I_GAIN,
    "STEP_PER_CHARGE": at.STEP_PER_CHARGE,
    "DC": at.I_DC,
    "NMDA_THR": at.I_NMDA_THR,
    "FB_GAIN": at.FB_GAIN,
    "FB_TH": at.FB_TH,
    "FB_INV_NORM": at.FB_INV_NORM,
    "THRESHOLD": at.Y_THR,
    "RESET": at.Y_RESET,
    "REFRACTORY": at.T_REF,
    "KICK": at.MEMBRANE_KICK,
    "OU_KEEP": at.OU_KEEP,
    "OU_KICK": at.OU_KICK,
}
# What the kernels are allowed too (chipemu/kernels/jit.py), and no reordering of sums.
_FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
    "-ffinite-math-only", "-fno-signed-zeros", "-freciprocal-math",
)  # fmt: skip
_SOURCE = Path(__file__).with_name("step.cpp")
_COMPILERS = ("g++", "clang++", "c++")


def find_compiler() -> str | None:
    """Path of a C++ compiler: that of ``CXX``, else the first of g++, clang++ and c++; None without one."""
    names = (os.environ["CXX"],) if os.environ.get("CXX") else _COMPILERS
    return next((found for found in map(shutil.which, names) if found), None)


@dataclass(frozen=True, eq=False)
class HandWritten:
    """The compiled step.

    Attributes
    ----------
    library : loaded shared library
    compiler : its compiler
    """

    library: ctypes.CDLL
    compiler: str

    def run(self, blocks: np.ndarray, n_steps: int, floor: float, *, noise: bool = False) -> int:
        """Advance blocks (block, field, lane) of float32 in place; returns the number of spikes.

        Parameters
        ----------
        blocks : as made by :func:`blocks_of`
        n_steps : number of steps
        floor : leakage floor of every current [pA]
        noise : take the normals in the blocks (the same in every step) as noise
        """
        if blocks.dtype != np.float32 or not blocks.flags.c_contiguous or blocks.shape[1:] != (len(FIELDS), at.LANES):
            raise ValueError(f"blocks of shape {blocks.shape} and type {blocks.dtype} are not those of step.cpp")
        call = self.library.run_noisy if noise else self.library.run_quiet
        call.restype = ctypes.c_int64
        where = blocks.ctypes.data_as(ctypes.c_void_p)
        sizes = ctypes.c_int64(len(blocks)), ctypes.c_int64(n_steps)
        return call(where, *sizes, ctypes.c_float(floor), ctypes.c_float(np.log(floor)))


def compile_step(compiler: str) -> HandWritten:
    """Compile ``step.cpp`` in a temporary folder and load it.

    Raises
    ------
    RunError
        If the compiler fails.
    """
    with TemporaryDirectory(prefix="chipemu-step-") as folder:
        return HandWritten(ctypes.CDLL(str(_compile(compiler, Path(folder), "step.so", "-shared"))), compiler)


def assembly(compiler: str, function: str) -> str:
    """What the compiler makes of a function of ``step.cpp``; RunError if it fails."""
    with TemporaryDirectory(prefix="chipemu-step-") as folder:
        text = _compile(compiler, Path(folder), "step.s", "-S").read_text(encoding="utf-8")
    return text.partition(f"\n{function}:")[2].partition(".size")[0]


def _compile(compiler: str, folder: Path, output: str, kind: str) -> Path:
    header = f"enum Field {{ {', '.join(FIELDS)}, N_FIELDS }};\n"
    (folder / "fields.h").write_text(header, encoding="utf-8")
    words = [compiler, *_FLAGS, kind, f"-I{folder}", "-o", str(folder / output), str(_SOURCE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"{' '.join(words)} failed with code {done.returncode}: {done.stderr.strip()[:500]}")
    return folder / output


def blocks_of(emulator: Emulator, run: int = 0) -> np.ndarray:
    """State and constants of one run in the layout of ``step.cpp``, (block, field, lane) float32."""
    fields = emulator.state.reshape(emulator.n_runs, -1, at.N_FIELDS, at.LANES)[run]
    return np.ascontiguousarray(fields[:, list(FIELDS.values())], np.float32)
