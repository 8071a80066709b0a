"""Load every shipped device, operating point, mapping and reference table with the chipemu that is installed.

The argument is the folder that chipemu must have come from.
"""

import sys
from pathlib import Path

import chipemu
from chipemu import library, load_device, load_point
from chipemu.device_file import read_point

home = Path(chipemu.__file__).resolve()
if not home.is_relative_to(Path(sys.argv[1]).resolve()):
    sys.exit(f"chipemu came from {home}, expected {sys.argv[1]}")


def first_device(point):
    """The first device that an operating point says it is meant for."""
    return load_device(read_point(point)[2].point.device[0])


devices = [load_device(name) for name in library.list_names("devices")]
points = [load_point(name, first_device(name)) for name in library.list_names("devices/points")]
mappings = [library.load_toml("mappings", name) for name in library.list_names("mappings")]
table = library.find_data("reference/baselines.csv")
if not (devices and points and table):
    sys.exit("a data folder is empty")
print(f"{len(devices)} devices, {len(points)} points, {len(mappings)} mappings from {home.parent}")
