"""What may import what, what the core may name, and how long a file and a function may be."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import ORDER, PORCH, ROOT, Import, circles, downward, drawn, imports, modules, room

from rnnx.registry.manager import registry

MODULES = modules()
CORE = sorted((ROOT / "rnnx").rglob("*.py"))
CODE = [*CORE, *sorted((ROOT / "plugins").rglob("*.py"))]
LINES, FUNCTION = 350, 40  # a limit never splits an idea; beyond it there are two

# What a whole string may be although a component is called so, and what it means there.
STRINGS = {
    "copy": "the style of a text that repeats the training data",
    "csv": "a form of output (--csv), a word of a sweep, and Python's module",
    "group": "what a comparison calls runs that differ in their seed alone",
    "none": "a pruner of Optuna's: hydra.sweeper.pruner=none",
    "step": "a field, an axis, and the method that makes a cell of one step",
    "text": "a column of samples.csv, and what an error calls a sample",
}
# What a sentence may say although a component is called so.
WORDS = {*STRINGS, "npz", "absolute", "lines", "value", "zeros", "softmax", "adding", "digits"}
# Examples in what a user reads, for whoever has no component in mind.
EXAMPLES = {
    ("rnnx/models/trained.py", "dataset=lines"),  # data for `rnnx evaluate`
    ("rnnx/cli/scaffold.py", "tracker=none"),  # the test of a new plugin keeps no store
    ("rnnx/cli/runs.py", "tracker=mlflow"),  # a store for a run that has none
    ("rnnx/models/size.py", "dataset=text"),  # windows in place of one long line
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""


def arrows(planted: dict[str, str] | None = None) -> list[Import]:
    """All imports in this repository, and those of ``planted`` modules (name → source)."""
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


def components() -> dict[str, set[str]]:
    """Every component's name, with its kinds."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in registry():
        found[entry.name].add(entry.kind)
    return found


def strings(source: str) -> Iterator[str]:
    """Every string of ``source`` and every part of an f-string, docstrings apart."""
    module = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            value = node.value
            yield value.decode("latin-1") if isinstance(value, bytes) else str(value)


def named(source: str, known: dict[str, set[str]]) -> Iterator[str]:
    """What the strings of ``source`` name of ``known`` components.

    A choice ("cell=lstm", or "=lstm" after another part of an f-string), a whole string, or a word
    in one that has no other meaning.
    """
    for text in strings(source):
        if text in known and text not in STRINGS:
            yield text
        for found in re.finditer(r"(?:(\w*)=\[?)?\b(\w+)", text):
            kind, name = found.groups()
            if name in known and (kind == "" or kind in known[name]):
                yield found[0]
            elif name in known and name not in WORDS and name != text:
                yield name


def test_the_core_names_no_component() -> None:
    known = components()
    found = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in CORE
        for text in named(path.read_text("utf-8"), known)
    }
    assert found == EXAMPLES


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("NAME = 'lstm'", "lstm"),
        ("x = 'lines'", "lines"),
        ("choose('give data, as dataset=lines dataset.path=FILE')", "dataset=lines"),
        ("x = f'{where}: clipper=none'", "clipper=none"),
        ("x = f'{kind}=none'", "=none"),
        ("x = f'{a} or adam'", "adam"),
        ("x = 'probe=[gradient_norms]'", "probe=[gradient_norms"),
        ("raise ValueError('the mlflow tracker is missing')", "mlflow"),
        ("x = b'sgd'", "sgd"),
        ("def f():\n    'cell=lstm'\n    return {'top_k': 1}", "top_k"),
    ],
)
def test_a_component_that_a_string_names_is_seen(source: str, name: str) -> None:
    assert list(named(source, components())) == [name]


@pytest.mark.parametrize("source", ["x = 'none of them'", "x = 'step'", "x = 'field=value'"])
def test_a_word_is_no_component(source: str) -> None:
    assert list(named(source, components())) == []


def test_no_word_is_excused_that_the_core_does_not_use() -> None:
    told = {text for path in CORE for text in strings(path.read_text("utf-8"))}
    assert told >= STRINGS.keys()
    assert {word for text in told for word in re.findall(r"\w+", text)} >= WORDS


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION, f"{path}:{node.lineno}: {node.name} has {length} lines"


def test_no_pickle() -> None:
    for path in CODE:
        # Processes that rnnx starts are its own: they read what it has just written to their pipes.
        # A file of compiled code runs as it is, in whatever form it is kept.
        may = path.relative_to(ROOT).as_posix() in (
            "rnnx/testing/workers.py",
            "rnnx/system/kernels.py",
            "plugins/rnnx_builtin/kernels/simd/kernel_files.py",
        )
        assert may == ("pickle" in set(imported(path)))
        assert "allow_pickle" not in path.read_text("utf-8")
