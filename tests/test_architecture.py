"""The import rows, the packages that are shipped, and what no module may do."""

import ast
import configparser
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "chipemu").rglob("*.py"))


def test_modules_import_only_from_rows_below(monkeypatch, capsys):
    """The contracts and their reasons stand in setup.cfg."""
    cli = pytest.importorskip("importlinter.cli", reason="pip install .[test]")
    monkeypatch.chdir(ROOT)
    code = cli.lint_imports(config_filename=os.fspath(ROOT / "setup.cfg"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_every_package_folder_is_shipped():
    """A folder missing from setup.cfg works in a checkout and is absent from the wheel."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    moved = dict(line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines())
    assert set(moved) <= listed
    code = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in MODULES}
    data = {
        f"chipemu.{folder.relative_to(ROOT).as_posix().replace('/', '.')}"
        for top in ("devices", "mappings", "data")
        for folder in {path.parent for path in (ROOT / top).rglob("*") if path.suffix in (".toml", ".csv")}
        if "studies" not in folder.parts
    }
    assert code | data <= listed
    assert all((ROOT / moved.get(name, name.replace(".", "/")) / "__init__.py").is_file() for name in listed)


@pytest.mark.parametrize("top", ["devices", "mappings", "data"])
def test_data_folders_hold_no_code(top):
    for path in (ROOT / top).rglob("*.py"):
        assert path.name == "__init__.py"
        assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_evaluates_text(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_name_is_a_noun_of_the_field(path):
    assert path.stem not in {"utils", "helpers", "base", "manager", "common", "misc"}
