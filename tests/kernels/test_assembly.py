"""The dense pass is packed: 8 or 16 float32 lanes go through one instruction."""

import re

import llvmlite.binding as llvm
import numba
import pytest

from chipemu.kernels.block import advance
from chipemu.kernels.jit import INTERPRETED
from chipemu.kernels.slow import _draw as draw_flicker

ARITHMETIC = r"v(?:mul|add|sub|fn?m(?:add|sub)\d+)"
has_avx2 = llvm.get_host_cpu_features().get("avx2", False)


@pytest.mark.skipif(not has_avx2, reason="needs a CPU with AVX2")
@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
def test_advance_is_packed():
    # compiled here: numba cannot show the assembly of a function it loads from its cache
    options = {name: advance.targetoptions[name] for name in ("error_model", "fastmath")}
    fresh = numba.njit(**options)(advance.py_func)
    signature = (numba.float32[::1], numba.int64, numba.int64, numba.float32, numba.float32)
    fresh.compile(signature)
    assembly = fresh.inspect_asm(fresh.signatures[0])
    packed = len(re.findall(rf"{ARITHMETIC}ps\s.*%[yz]mm", assembly))
    scalar = len(re.findall(rf"{ARITHMETIC}ss\s", assembly))
    # four exponentials of 20 operations and about 50 more, all of them packed but for a handful around the loop
    assert packed >= 100
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
