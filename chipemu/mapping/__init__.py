"""From a network and a device to a placement, routing tables and weight images."""

from chipemu.mapping.coding import fit_words
from chipemu.mapping.files import load_mapping, save_mapping
from chipemu.mapping.image import WeightImage
from chipemu.mapping.mapped import MappedNetwork, map_network

__all__ = ["MappedNetwork", "WeightImage", "fit_words", "load_mapping", "map_network", "save_mapping"]
