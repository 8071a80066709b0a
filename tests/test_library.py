"""Shipped files are found in every install mode; the user's path wins."""

import subprocess
import sys
from pathlib import Path

import pytest

from chipemu import library
from chipemu.errors import DeviceFileError, InputError, UnknownNameError

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("folder", ["devices", "devices/points"])
def test_listed_names_are_the_files_of_the_folder(folder):
    assert library.list_names(folder) == sorted(path.stem for path in (ROOT / folder).glob("*.toml"))


def test_a_name_is_looked_up_and_a_path_wins(toml_file):
    path = toml_file("mine = true", "dynapse1.toml")
    assert library.find("devices", path) == (str(path), "mine = true")
    assert library.find("devices", "dynapse1")[1] == (ROOT / "devices/dynapse1.toml").read_text()


@pytest.mark.parametrize("name", ["dynaps1", "", "..", "__init__", "DYNAPSE1"])
def test_unknown_name_offers_the_nearest(name):
    with pytest.raises(UnknownNameError, match="nearest: "):
        library.find("devices", name)


@pytest.mark.parametrize("path", ["no/such.toml", "/dev/zero.toml", "/dev/zero", "/"])
def test_a_path_that_is_no_file_is_refused(path):
    with pytest.raises(DeviceFileError, match="no such file"):
        library.find("devices", path)


def test_unknown_data_table_offers_the_nearest():
    with pytest.raises(InputError, match=r"unknown table of data/reference 'nothing\.csv'"):
        library.find_data("reference/nothing.csv")


def test_a_checkout_that_was_never_installed_finds_its_folders(tmp_path):
    """-S hides site-packages, so only the folder beside the package can answer."""
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "from chipemu import library\n"
        "print(library.find('devices', 'dynapse1')[0], len(library.list_names('devices/points')))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[0] == "devices/dynapse1.toml"
