"""A device with every latch: the circuits of DYNAP-SE1 and those that only DYNAP-SE2 has, under names of their own."""

from pathlib import Path

from chipemu.device import DeviceSpec, load_device
from chipemu.device_latches import EXTRA_PARAMETERS, LATCHES

_HEAD = """
schema  = 1
extends = "dynapse1"
name    = "latched"
title   = "Every latch"
summary = "For tests."
"""
_TABLES = """
[homeostasis]
C_ca         = { value = "2 pF", source = "assumed" }
C_gain       = { value = "1 pF", source = "assumed" }
I_leak       = { value = "0.45 aA", source = "assumed" }
largest_gain = { value = 10.0, source = "assumed" }

[depression]
C_std = { value = "2 pF", source = "assumed" }

[delays]
C_delay = { value = "0.5 pF", source = "assumed" }
spread  = { value = 0.3, source = "assumed" }
longest = { value = "0.2 s", source = "assumed" }
"""
ON_BY_DEFAULT = ("nmda_gate", "adaptation", "dc", "exponential")


def text() -> str:
    """The file: all latches, a bias for each current that they need, and their constants."""
    lines = [_HEAD, "[latches]"]
    for name in LATCHES:
        default = str(name in ON_BY_DEFAULT).lower()
        lines.append(f'{name} = {{ register = "{name}", default = {default}, source = "assumed" }}')
    lines.append("[biases]")
    for name in EXTRA_PARAMETERS:
        lines.append(f'B_{name} = {{ parameter = "{name}", summary = "for tests", source = "assumed" }}')
    return "\n".join([*lines, _TABLES])


def latched_device(folder: Path) -> DeviceSpec:
    """The device, from a file in ``folder``."""
    path = folder / "latched.toml"
    path.write_text(text())
    return load_device(path)
