"""The digest of a plugin's source follows every edit, and nothing else."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from third_party import GOOD

from rnnx.registry.manager import plugins
from rnnx.registry.sources import source_sha256


def digest(name: str = "acme") -> str:
    """As a new process would find it."""
    plugins.cache_clear()
    return source_sha256(name)


def test_an_edit_of_a_module_changes_its_digest(
    install: Callable[..., EntryPoint], tmp_path: Path
) -> None:
    install(GOOD)
    first, module = digest(), tmp_path / "acme_module.py"
    (tmp_path / "another.py").write_text("x = 1\n")
    assert digest() == first
    text = module.read_text()
    module.write_text(text + "\n# a comment\n")
    assert digest() != first
    module.write_text(text)
    assert digest() == first


def test_a_package_is_read_whole(
    tmp_path: Path, install: Callable[..., EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(GOOD)
    inside = tmp_path / "acme_package" / "deep"
    inside.mkdir(parents=True)
    for folder in (inside.parent, inside):
        (folder / "__init__.py").touch()
    (tmp_path / "acme_module.py").rename(inside / "cells.py")
    entries = tmp_path / "acme-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[rnnx]\nmain = acme_package.deep.cells\n")
    first = digest()
    (inside.parent / "equations.py").write_text("TWO = 2\n")
    second = digest()
    (inside.parent / "notes.txt").write_text("no code\n")
    assert first != second == digest()
    (inside.parent / "equations.py").rename(inside / "equations.py")
    assert digest() not in (first, second)
    for name in [name for name in sys.modules if name.startswith("acme_package")]:
        monkeypatch.delitem(sys.modules, name)


def test_the_digest_is_that_of_what_was_imported(
    install: Callable[..., EntryPoint], tmp_path: Path
) -> None:
    install(GOOD)
    first = digest()
    (tmp_path / "acme_module.py").write_text("raise SystemExit\n")
    assert source_sha256("acme") == first


def test_rnnx_itself_has_one() -> None:
    assert len(source_sha256("rnnx")) == 16
    assert source_sha256("rnnx") != source_sha256("rnnx-unknown")
