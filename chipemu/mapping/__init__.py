"""From a network and a device to a placement, routing tables and weight images."""

from chipemu.mapping.coding import fit_words
from chipemu.mapping.files import load_mapping, save_mapping
from chipemu.mapping.image import WeightImage
from chipemu.mapping.mapped import MappedNetwork, map_network
from chipemu.mapping.repair import Repairs, repair

__all__ = [
    "MappedNetwork",
    "Repairs",
    "WeightImage",
    "fit_words",
    "load_mapping",
    "map_network",
    "repair",
    "save_mapping",
]
