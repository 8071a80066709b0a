"""A broken file is refused with a message that names the file, the key and the limit."""

import pytest
from malformed import CASES

from chipemu.device import load_device, load_point
from chipemu.errors import InputError


def load(folder, path):
    return load_device(path) if folder == "devices" else load_point(path, load_device("dynapse1"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_names_file_key_and_limit(case, toml_file):
    path = toml_file(case.content, f"{case.name}.toml")
    with pytest.raises(InputError) as raised:
        load(case.folder, path)
    message = str(raised.value)
    for text in (path.name, *case.names):
        assert text in message, message
    assert len(message) < 20_000


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_line_names_the_file(case, toml_file):
    path = toml_file(case.content, f"{case.name}.toml")
    with pytest.raises(InputError) as raised:
        load(case.folder, path)
    assert all(path.name in line for line in str(raised.value).splitlines())


def test_at_least_twenty_cases_with_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) >= 20
