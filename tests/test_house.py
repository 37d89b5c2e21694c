"""The walls: what may import what, what may be named where, and how big a room may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnx.plugins import registry

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "rnnx").rglob("*.py"))
CODE = [*CORE, *sorted((ROOT / "plugins").rglob("*.py"))]
LINES, FUNCTION = 250, 40

# Components whose names are also words that the core needs for itself.
WORDS = {"none", "value", "step", "text", "lines", "identity", "constant", "normal", "uniform"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""


def plugin_packages() -> set[str]:
    return {path.parent.name for path in (ROOT / "plugins").rglob("__init__.py")} - {"tests"}


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_knows_no_plugin(path: Path) -> None:
    known = {name.split(".")[0] for name in imported(path)}
    assert not known & plugin_packages()
    assert "rnnx_builtin" not in path.read_text("utf-8")


def test_the_core_names_no_component() -> None:
    names = {entry.name for entry in registry()} - WORDS
    for path in CORE:
        module = tree(path)
        prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and id(node) not in prose:
                assert node.value not in names, f"{path}:{node.lineno}: {node.value!r}"


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION, f"{path}:{node.lineno}: {node.name} has {length} lines"


def test_no_pickle() -> None:
    for path in CODE:
        assert "pickle" not in set(imported(path))
        assert "allow_pickle" not in path.read_text("utf-8")
