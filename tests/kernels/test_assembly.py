"""The passes over a block are packed: 8 or 16 float32 lanes go through one instruction."""

import re

import llvmlite.binding as llvm
import numba
import pytest

from chipemu.kernels.block import advance
from chipemu.kernels.dendrite import charge_dendrites, regulate, shape_dendrites
from chipemu.kernels.jit import INTERPRETED
from chipemu.kernels.slow import _draw as draw_flicker

ARITHMETIC = r"v(?:mul|add|sub|fn?m(?:add|sub)\d+)"
has_avx2 = llvm.get_host_cpu_features().get("avx2", False)
REAL, INDEX = numba.float32, numba.int64
# Kernel, its arguments after X and base, and the least number of packed operations, e.g. four exponentials of 20
# operations and about 50 more in the dense pass.
PASSES = [
    (advance, (INDEX, REAL, REAL), 100),
    (charge_dendrites, (INDEX,), 150),
    (shape_dendrites, (REAL,), 30),
    (regulate, (REAL,), 8),
]


@pytest.mark.skipif(not has_avx2, reason="needs a CPU with AVX2")
@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
@pytest.mark.parametrize(("kernel", "arguments", "least"), PASSES)
def test_a_pass_is_packed(kernel, arguments, least):
    # compiled here: numba cannot show the assembly of a function it loads from its cache
    options = {name: kernel.targetoptions[name] for name in ("error_model", "fastmath")}
    fresh = numba.njit(**options)(kernel.py_func)
    fresh.compile((REAL[::1], INDEX, *arguments))
    assembly = fresh.inspect_asm(fresh.signatures[0])
    packed = len(re.findall(rf"{ARITHMETIC}ps\s.*%[yz]mm", assembly))
    scalar = len(re.findall(rf"{ARITHMETIC}ss\s", assembly))
    # all of them packed but for a handful around the loop
    assert packed >= least
    assert scalar <= 5


@pytest.mark.skipif(not has_avx2, reason="needs a CPU with AVX2")
@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
def test_slow_noise_is_packed():
    options = {name: draw_flicker.targetoptions[name] for name in ("error_model", "fastmath")}
    fresh = numba.njit(**options)(draw_flicker.py_func)
    real, integer, word = numba.float32[::1], numba.int64, numba.uint64
    fresh.compile((real, integer, integer, real, real, numba.uint32[::1], integer, word, word, word))
    assembly = fresh.inspect_asm(fresh.signatures[0])
    # two logarithms and two unit circles; beside it stands the same loop unpacked, for arrays that overlap
    assert len(re.findall(rf"{ARITHMETIC}ps\s.*%[yz]mm", assembly)) >= 70
