"""Mapping files: what is saved comes back equal, and what is malformed is refused by file, key and limit."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import InputError, MappingFileError, UnknownNameError
from chipemu.mapping import load_mapping, map_network, save_mapping
from chipemu.network import Network
from tests.malformed_mappings import CASES, small_network

DEVICE = load_device("dynapse1")


def test_what_is_saved_comes_back_equal(tmp_path):
    mapped = map_network(small_network(), DEVICE)
    loaded = load_mapping(save_mapping(mapped, tmp_path / "m.toml"), small_network(), DEVICE)
    assert loaded.hash == mapped.hash
    assert loaded.core_point == mapped.core_point
    assert loaded.sram == mapped.sram
    for name in ("address", "source_tag", "sender_tag", "core_mask"):
        assert (getattr(loaded, name) == getattr(mapped, name)).all()
    weights = {"weights": np.arange(-6, 6)}
    assert (loaded.cam_table(loaded.image(weights)).tag == mapped.cam_table(mapped.image(weights)).tag).all()


def test_saving_again_gives_the_same_bytes(tmp_path):
    mapped = map_network(small_network(), DEVICE)
    first = save_mapping(mapped, tmp_path / "a.toml").read_bytes()
    again = save_mapping(load_mapping(tmp_path / "a.toml", small_network(), DEVICE), tmp_path / "b.toml").read_bytes()
    assert again == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.toml", "b.toml"]


def test_any_printable_name_survives_the_file(tmp_path):
    network = Network('quote " backslash \\ é')
    network.sources("a = [1] # x", 2)
    network.population("'", 3, point='"""')
    network.project_signed("a = [1] # x", "'", positive="ampa", negative="gaba_b", name="π → \\u0041")
    mapped = map_network(network, DEVICE)
    assert load_mapping(save_mapping(mapped, tmp_path / "m.toml"), network, DEVICE).hash == mapped.hash


def test_a_corrected_citation_orphans_nothing(tmp_path):
    path = save_mapping(map_network(small_network(), DEVICE), tmp_path / "m.toml")
    assert load_mapping(path, small_network(), replace(DEVICE, hash="0" * 64, references={}))


def test_a_larger_network_says_which_population_grew(tmp_path):
    path = save_mapping(map_network(small_network(), DEVICE), tmp_path / "m.toml")
    network = small_network()
    network.population("hidden", 5, point="output")
    with pytest.raises(MappingFileError, match="population: 'hidden' of the network is missing"):
        load_mapping(path, network, DEVICE)


def test_an_unknown_name_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(UnknownNameError):
        load_mapping("no_such_mapping", small_network(), DEVICE)
    with pytest.raises(InputError, match="no folder"):
        save_mapping(map_network(small_network(), DEVICE), tmp_path / "none" / "m.toml")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = save_mapping(map_network(small_network(), DEVICE), tmp_path / "m.toml")
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_mapping(map_network(small_network(), DEVICE), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.toml"]


@pytest.mark.parametrize(("content", "fragments"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_malformed_files_are_refused_by_file_key_and_limit(toml_file, content, fragments):
    path = toml_file(content, "bad.toml")
    with pytest.raises(MappingFileError) as error:
        load_mapping(path, small_network(), DEVICE)
    assert error.value.exit_code == 2
    assert all(line.startswith(str(path)) for line in str(error.value).splitlines())
    for fragment in fragments:
        assert fragment in str(error.value)
