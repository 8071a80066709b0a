"""Settings shared by all tests."""

import os

import pytest
from hypothesis import settings

collect_ignore = ["benchmarks/peer_brian2.py", "benchmarks/peer_dynapsim.py"]
"""Scripts that other interpreters run."""

settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def toml_file(tmp_path):
    """Write TOML text (or bytes) to a temporary file and return its path."""

    def write(content: str | bytes, name: str = "file.toml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
