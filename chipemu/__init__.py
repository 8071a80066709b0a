"""chipemu: emulate a mixed-signal neuromorphic chip, with its imperfections, and train it in place.

Names are listed in the order of the pipeline and imported on first use, so that ``import chipemu`` stays fast.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "load_device": "device",
    "load_point": "device",
    "sample_chip": "chip",
    "Network": "network",
    "map_network": "mapping",
    "Emulator": "emulator",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'chipemu' has no attribute {name!r}")
    return getattr(importlib.import_module(f"chipemu.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
