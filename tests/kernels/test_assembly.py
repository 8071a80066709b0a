"""The passes over a block are packed: 8 or 16 float32 lanes go through one instruction."""

import re

import llvmlite.binding as llvm
import numba
import pytest

from chipemu.kernels.block import advance_noisy, advance_quiet, charge_synapses, draw_noise
from chipemu.kernels.dendrite import charge_dendrite, regulate, shape_dendrites
from chipemu.kernels.jit import INTERPRETED
from chipemu.kernels.slow import _draw as draw_flicker
from chipemu.kernels.substep import substep

ARITHMETIC = r"v(?:mul|add|sub|fn?m(?:add|sub)\d+)"
has_avx2 = llvm.get_host_cpu_features().get("avx2", False)
REAL, INDEX, WORD = numba.float32, numba.int64, numba.uint64
ARRAY, PLACES = numba.float32[::1], numba.int32[::1]
# Kernel, its arguments, and the least number of packed operations, e.g. two exponentials of 20 operations and about 50
# more in the dense pass; how many scalar ones may stand beside them: for the loop, or where two arrays might overlap
# for the same loop unpacked.
PASSES = [
    (advance_noisy, (ARRAY, INDEX, ARRAY, PLACES, PLACES, ARRAY, INDEX, INDEX, REAL, REAL, REAL), 200, 200),
    (advance_quiet, (ARRAY, INDEX, ARRAY, PLACES, PLACES, ARRAY, INDEX, INDEX, REAL, REAL, REAL), 180, 200),
    (substep, (ARRAY, REAL, REAL, REAL), 80, 20),
    (charge_synapses, (ARRAY, ARRAY, PLACES, INDEX, ARRAY), 60, 30),
    (draw_noise, (ARRAY, INDEX, numba.uint32[::1], INDEX, WORD, WORD, WORD), 100, 200),
    (charge_dendrite, (ARRAY, INDEX, ARRAY, INDEX, INDEX), 120, 250),
    (shape_dendrites, (ARRAY, INDEX, REAL), 30, 5),
    (regulate, (ARRAY, INDEX, REAL), 8, 5),
]


@pytest.mark.skipif(not has_avx2, reason="needs a CPU with AVX2")
@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
@pytest.mark.parametrize(("kernel", "arguments", "least", "most"), PASSES)
def test_a_pass_is_packed(kernel, arguments, least, most):
    # compiled here: numba cannot show the assembly of a function it loads from its cache
    options = {name: kernel.targetoptions[name] for name in ("error_model", "fastmath")}
    fresh = numba.njit(**options, _nrt=False)(kernel.py_func)
    fresh.compile(arguments)
    assembly = fresh.inspect_asm(fresh.signatures[0])
    packed = len(re.findall(rf"{ARITHMETIC}ps\s.*%[yz]mm", assembly))
    scalar = len(re.findall(rf"{ARITHMETIC}ss\s", assembly))
    assert packed >= least
    assert scalar <= most


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
