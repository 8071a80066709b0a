"""The one way to compile a kernel, and the intrinsics that let one source serve float32 and float64.

Numba's file cache stamps a compiled function with the content of *its own* source file only: an edit in a callee goes
unseen and the old machine code runs on (numba issue 1833).  The cache folder is therefore named by a hash of every
kernel source, so that any edit starts a fresh folder.
"""

import hashlib
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

INTERPRETED = bool(numba.config.DISABLE_JIT)
"""True under ``NUMBA_DISABLE_JIT=1``: kernels run as plain Python, which the tests compare with the compiled code."""

# Contraction (fused multiply-add) and reciprocals may differ from Python in the last digit; sums are never reordered,
# so that results do not depend on batch size or thread count.
_FASTMATH = {"contract", "nnan", "ninf", "nsz", "arcp"}


@cache
def kernel_hash() -> str:
    """Hash of all kernel sources; stored in every result and names the compile cache."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> str:
    """Folder for compiled kernels: below ``NUMBA_CACHE_DIR`` if set, else below the user's cache folder."""
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(root) / "chipemu" / f"kernels-{kernel_hash()}")


def kernel(
    function: Callable[..., Any] | None = None, *, inline: bool = False, allocates: bool = False, unlocked: bool = False
) -> Any:
    """Compile a function of arrays, floats and ints with the settings every kernel shares.

    ``inline`` copies the function into its callers, where a call left standing would keep a loop from being packed.
    Only a kernel that ``allocates`` arrays counts references: every array of every tuple would be counted up and down,
    atomically, at every call, which costs more than an event.  One that is ``unlocked`` lets go of Python's lock, so
    that several threads can be in it.
    """
    if function is None:
        return lambda wrapped: kernel(wrapped, inline=inline, allocates=allocates, unlocked=unlocked)
    user_folder = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = cache_folder()  # read once, while decorating; restored for the user's own functions
    try:
        options = {"cache": True, "error_model": "numpy", "fastmath": _FASTMATH, "nogil": unlocked}
        options["_nrt"] = allocates
        return numba.njit(**options, inline="always" if inline else "never")(function)
    finally:
        numba.config.CACHE_DIR = user_folder


def _cast(generate: Callable[..., Any], twin: Callable[..., Any]) -> Any:
    """An intrinsic, or its Python twin where kernels are interpreted."""
    return twin if INTERPRETED else intrinsic(generate)


def _real_twin(value, like):
    return like.dtype.type(value)


def _real(typing_context, value, like):
    def generate(context, builder, signature, arguments):
        return context.cast(builder, arguments[0], signature.args[0], signature.return_type)

    return like(value, like), generate


real = _cast(_real, _real_twin)
"""``real(value, like)``: ``value`` in the floating type of ``like``; a bare literal would widen float32 to float64."""


def _bits_twin(x):
    return x.view(np.int32)


def _bits(typing_context, x):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return numba.int32(numba.float32), generate


bits32 = _cast(_bits, _bits_twin)
"""``bits32(x)``: the 32 bits of a float32 as int32."""


def _float_twin(i):
    return np.int32(i).view(np.float32)


def _float(typing_context, i):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return numba.float32(numba.int32), generate


float32_from_bits = _cast(_float, _float_twin)
"""``float32_from_bits(i)``: the float32 whose bits are the int32 ``i``."""


def _add_twin(counter, value):
    counter[0] += value


def _pointer(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


def _add(typing_context, counter, value):
    def generate(context, builder, signature, arguments):
        amount = context.cast(builder, arguments[1], signature.args[1], numba.int64)
        builder.atomic_rmw("add", _pointer(context, builder, signature.args[0], arguments[0]), amount, "seq_cst")
        return context.get_dummy_value()

    return numba.void(counter, value), generate


add_atomic = _cast(_add, _add_twin)
"""``add_atomic(counter, value)``: add to an int64 array's first element, seen by all threads at once."""


def _load_twin(counter):
    return int(counter[0])


def _load(typing_context, counter):
    def generate(context, builder, signature, arguments):
        return builder.load_atomic(_pointer(context, builder, signature.args[0], arguments[0]), "seq_cst", 8)

    return numba.int64(counter), generate


load_atomic = _cast(_load, _load_twin)
"""``load_atomic(counter)``: an int64 array's first element, and with it all that other threads wrote before adding."""


def _give_way_twin():
    time.sleep(0)


def _give_way(typing_context):
    def generate(context, builder, signature, arguments):
        if hasattr(os, "sched_yield"):
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return numba.void(), generate


give_way = _cast(_give_way, _give_way_twin)
"""``give_way()``: let another thread have the core, where the system offers to."""
