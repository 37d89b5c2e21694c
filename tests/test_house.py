"""The walls: what may import what, what may be named where, and how big a room may be."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from walls import ORDER, PORCH, ROOT, Import, circles, downward, drawn, imports, modules, room

from rnnx.registry.manager import registry

MODULES = modules()
CORE = sorted((ROOT / "rnnx").rglob("*.py"))
CODE = [*CORE, *sorted((ROOT / "plugins").rglob("*.py"))]
LINES, FUNCTION = 350, 40  # a limit never splits an idea; beyond it there are two

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


def arrows(planted: dict[str, str] | None = None) -> list[Import]:
    """All imports of ours, with those of ``planted`` modules (name → source) besides."""
    sources = {name: path.read_text("utf-8") for name, path in MODULES.items()} | (planted or {})
    return [found for name, text in sources.items() for found in imports(name, text, sources)]


def graph(found: list[Import]) -> dict[str, set[str]]:
    made: dict[str, set[str]] = defaultdict(set)
    for arrow in found:
        if arrow.importer not in PORCH and arrow.imported not in PORCH:
            made[arrow.importer].add(arrow.imported)
    return made


def test_every_room_is_in_the_order() -> None:
    rooms = {room(name) for name in MODULES if name.startswith("rnnx.")} - {"__main__"}
    assert rooms == set(ORDER)


def test_imports_point_up_the_order_of_rooms() -> None:
    assert [arrow for arrow in arrows() if downward(arrow)] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(graph(arrows())) == []


@pytest.mark.parametrize(
    "source",
    [
        "from rnnx.training.session import Session",
        "import rnnx.cli.main",
        "from rnnx.sweeps import driver",
        "def later():\n    from rnnx.models.network import Network",
        "if TYPE_CHECKING:\n    from rnnx.registry.manager import Plugins",
        "from rnnx import build",
        "import rnnx",
    ],
)
def test_an_import_that_points_down_is_seen(source: str) -> None:
    planted = arrows({"rnnx.data.planted": source})
    assert [arrow.importer for arrow in planted if downward(arrow)] == ["rnnx.data.planted"]


def test_a_circle_is_seen() -> None:
    one, two = "from rnnx.data.two import b", "def f():\n    from rnnx.data.one import a"
    planted = arrows({"rnnx.data.one": one, "rnnx.data.two": two})
    assert circles(graph(planted)) == [["rnnx.data.one", "rnnx.data.two", "rnnx.data.one"]]


def test_the_design_page_shows_the_order() -> None:
    page = (ROOT / "docs/explanation/design.md").read_text("utf-8")
    shown = re.search(r'^```text title="rooms"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert shown and shown[1].rstrip() == drawn()


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
