"""The page of public names is the code's, and a plugin needs nothing else."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnnx
from rnnx.cli.scaffold import TEMPLATES
from rnnx.registry import hookspecs
from rnnx.registry.importing import HOOKS

ROOT = Path(__file__).resolve().parents[1]
THIRD_PARTY = ("rnnx-example", "rnnx-jazz/rnnx_jazz")


def page() -> dict[str, set[str]]:
    """Section → the names that its bullets begin with."""
    text = (ROOT / "docs/reference/api.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, *lines = section.splitlines()
        heads = [line.split(": ")[0] for line in lines if line.startswith("- ")]
        found[title] = {name for head in heads for name in re.findall(r"`(\w+)`", head)}
    return found


def own_names(module: object) -> set[str]:
    """What a module defines for others."""
    if listed := getattr(module, "__all__", None):
        return set(listed)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name != "TYPE_CHECKING"
        and not inspect.ismodule(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
    }


def test_the_page_is_the_code() -> None:
    told = page()
    assert told.pop("rnnx") == set(rnnx.__all__)
    assert told.pop("Hooks") == set(HOOKS)
    assert {room.removeprefix("rnnx.") for room in told} == set(rnnx._MODULES)
    for room, names in told.items():
        assert names == own_names(importlib.import_module(room)), room


def test_dir_lists_the_public_names_and_modules() -> None:
    assert set(dir(rnnx)) == {*rnnx.__all__, *rnnx._MODULES}


def test_every_public_name_is_there() -> None:
    for name in rnnx.__all__:
        assert getattr(rnnx, name) is not None
    for hook in HOOKS:
        about = inspect.getdoc(getattr(hookspecs, hook)) or ""
        contracts = re.findall(r":class:`rnnx\.contracts\.(\w+)`", about)
        assert len(contracts) == hook.startswith("register_"), hook
        assert all(hasattr(rnnx.contracts, name) for name in contracts), about
    code = "import rnnx; rnnx.errors.PluginError, rnnx.autodiff.unroll, rnnx.padding.mask"
    subprocess.run([sys.executable, "-c", code], check=True)


def imported(text: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every import from rnnx, and of every ``rnnx.name``."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rnnx":
            yield from ((node.module or "", alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names if alias.name.startswith("rnnx.")]
            yield from (("rnnx", module.removeprefix("rnnx.")) for module in modules)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "rnnx":
            yield "rnnx", node.attr


def is_public(module: str, name: str) -> bool:
    """Whether docs/reference/api.md promises this import."""
    return name in page().get(module, ()) or (module == "rnnx" and name in rnnx._MODULES)


def has_public_address(module: str, name: str) -> bool:
    """Whether a public module has the same under the same name."""
    value = getattr(importlib.import_module(module), name)
    rooms = [room for room, names in page().items() if name in names and room != "Hooks"]
    return any(getattr(importlib.import_module(room), name) is value for room in rooms)


SOURCES = [
    *(path for name in THIRD_PARTY for path in (ROOT / "plugins" / name).rglob("*.py")),
    *sorted(TEMPLATES.rglob("*.py.txt")),
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_plugin_needs_public_names_alone(path: Path) -> None:
    text = re.sub(r"\$\{?(\w+)\}?", r"X\1", path.read_text("utf-8"))
    for module, name in imported(text):
        assert is_public(module, name) or name.startswith("XS"), (module, name)


@pytest.mark.parametrize(
    "source",
    [
        "from rnnx.models.network import Network",
        "import rnnx.models.network as network",
        "import rnnx\nrnnx.models.network.Network",
        "from rnnx import Network",
        "def f():\n    from rnnx.padding import np",
    ],
)
def test_a_name_that_is_not_public_is_seen(source: str) -> None:
    assert any(not is_public(module, name) for module, name in imported(source))


# What the plugins in rnnx's own wheel use beyond the public names. It may become less, never more:
# they are written as a third party's, but for these.
PRIVATE = {
    "rnnx_builtin": {
        "rnnx.contracts.ranges": {"require_finite"},
        "rnnx.data.coded": {"CodedIds", "MappedText", "Signature"},
        "rnnx.contracts.trackers": {"STARTED_TAG"},
        "rnnx.contracts.buffers": {"LINE", "flat_buffer", "row_width"},
        "rnnx.data.corpus": {"smallest_unsigned"},
        "rnnx.system.distributions": {"entry_points"},
        "rnnx.system.files": {
            "cache_folder",
            "expanded",
            "other_writers",
            "read_json",
            "write_json",
        },
        "rnnx.system.kernels": {"Call", "Coming", "is_listed", "kernels_folder"},
        "rnnx.system.png": {"drawing", "png_bytes"},
        "rnnx.system.secrets": {
            "has_passwords",
            "is_named",
            "masked",
            "whole",
            "without_password",
        },
        "rnnx.system.text": {"shortened"},
        "rnnx.system.threads": {"BlasThreads"},
    },
    "rnnx_notebook": {"rnnx.models.network": {"Network"}},
    "hydra_plugins": {
        "rnnx.config.overrides": {"refuse_unknown_settings", "spelled"},
        "rnnx.sweeps.cluster": {"launch"},
        "rnnx.sweeps.find": {"sweep_of"},
        "rnnx.sweeps.halving": {"NAME", "SETTINGS", "begin_halving", "validate_halving"},
        "rnnx.sweeps.launcher": {"launch", "stream"},
        "rnnx.sweeps.plan": {"read_plan"},
        "rnnx.sweeps.search": {"search", "validate"},
    },
}


@pytest.mark.parametrize("package", PRIVATE)
def test_rnnx_s_own_plugins_use_these_private_names_alone(package: str) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "plugins" / package).rglob("*.py")):
        for module, name in imported(path.read_text("utf-8")):
            if not is_public(module, name) and not has_public_address(module, name):
                found[module].add(name)
    assert found == PRIVATE[package]


def test_the_tutorial_shows_the_example_plugin() -> None:
    page = (ROOT / "docs/tutorial/first-cell.md").read_text("utf-8")
    source = ROOT / "plugins/rnnx-example/src/rnnx_example"
    shown = re.findall(r"^```python title=.*?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    depths = ("tide_derived", "tide_stepwise", "tide")
    assert shown == [(source / f"{name}.py").read_text("utf-8") for name in depths]
