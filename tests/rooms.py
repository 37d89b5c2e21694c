"""The rooms of the code in their order, and the imports between them, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# The rooms of rnnx/, each with what it holds. A room imports rooms above it and none below it.
ORDER = {
    "version": "the version's number",
    "errors": "everything that rnnx raises on purpose, and its exit codes",
    "arrays": "the types of arrays, parameters and states",
    "system": "what the machine gives: files, environment, memory, signals, threads, text",
    "padding": "columns of different lengths; public",
    "data": "vocabulary, corpus, split, batches; the n-gram baseline, novelty of samples",
    "contracts": "what a component of each kind does, and what passes between it and the core",
    "store": "the first address of a tracker's contract; public, for one minor version",
    "unrolling": "a cell from one step and its backward; public",
    "autodiff": "a cell from one step alone; public",
    "registry": "plugins: hooks, import, validation, checks of what components return",
    "config": "settings, overrides, recipes, and the components that they name",
    "runs": "what a run leaves: folder, checkpoints, outbox, tracking, sweep folders",
    "models": "network, backend, generation, evaluation, the trained model",
    "training": "session, loop, end, resume, report",
    "comparison": "runs side by side: table, page, figures",
    "sweeps": "grid, jobs, driver, launchers, search",
    "api": "build, train and load; public",
    "testing": "the conformance kit; public",
    "cli": "the command line",
}
PORCH = ("rnnx", "rnnx.__main__")  # they open every room


class Import(NamedTuple):
    """One import of a module of ours."""

    importer: str  # "rnnx.training.loop"
    imported: str
    line: int


def module_name(path: Path, top: Path) -> str:
    name = ".".join(path.relative_to(top).with_suffix("").parts)
    return name.removesuffix(".__init__")


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the core and of the plugins in this repository, by its name."""
    tops = {root: ["rnnx"], root / "plugins": ["rnnx_*", "hydra_plugins"]}
    tops |= {root / "plugins/rnnx-jazz": ["rnnx_jazz"], root / "plugins/rnnx-example/src": ["*"]}
    return {
        module_name(path, top): path
        for top, patterns in tops.items()
        for pattern in patterns
        for package in top.glob(pattern)
        for path in sorted(package.rglob("*.py"))
    }


def imports(name: str, source: str, known: Mapping[str, object]) -> Iterator[Import]:
    """Every import in ``source``: at the top, in functions and for type checkers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [full if full in known else str(node.module) for full in below]
        else:
            continue
        yield from (Import(name, one, node.lineno) for one in found if one in known and one != name)


def room(module: str) -> str:
    """The room of a module of rnnx's."""
    return module.split(".")[1]


def downward(arrow: Import) -> bool:
    """Whether an import points down the order of rooms, or to the porch."""
    inner, outer = arrow.importer, arrow.imported
    if inner in PORCH or not inner.startswith("rnnx.") or outer.split(".")[0] != "rnnx":
        return False
    order = list(ORDER)
    return outer in PORCH or order.index(room(outer)) > order.index(room(inner))


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """The circles of modules, each as the path around it; one of those that overlap."""
    found: list[list[str]] = []
    state: dict[str, int] = {}  # 1: on the path, 2: done

    def visit(module: str, path: list[str]) -> None:
        state[module] = 1
        for other in sorted(arrows.get(module, ())):
            if state.get(other) == 1:
                found.append([*path[path.index(other) :], other])
            elif other not in state:
                visit(other, [*path, other])
        state[module] = 2

    for module in sorted(arrows):
        if module not in state:
            visit(module, [module])
    return found


def drawn() -> str:
    """The order of rooms as docs/explanation/design.md shows it."""
    width = max(map(len, ORDER))
    return "\n".join(f"{name:<{width}}  {holds}" for name, holds in ORDER.items())
