"""A broken plugin is one line on itself; everything else works."""

import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rnnx.plugins import Plugins, load, plugins

GOOD = """
    from dataclasses import dataclass
    import rnnx

    @dataclass(frozen=True)
    class Mgu:
        hidden_size: int = 4

    @rnnx.hookimpl
    def register_cells(register):
        register("mgu", Mgu)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EntryPoint]:
    """Write a module and give it an entry point of a distribution of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def write(source: str, name: str = "stranger") -> EntryPoint:
        module = f"{name}_module"
        made.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[rnnx]\nmain = {module}\n")
        from importlib.metadata import distribution

        return next(iter(distribution(name).entry_points))

    yield write
    for module in made:
        sys.modules.pop(module, None)


def test_a_good_plugin_loads(install: Callable[..., EntryPoint]) -> None:
    found = load([install(GOOD)])
    assert found.failures == []
    entry = found.registry.get("cell", "mgu")
    assert str(entry.owner) == "stranger 1.0"


BROKEN = {
    "import": ("import no_such_module_at_all", "ModuleNotFoundError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax": ("def (:", "SyntaxError"),
    "hook misspelt": (GOOD.replace("register_cells", "register_cell"), "'register_cell'"),
    "hook signature": (GOOD.replace("(register)", "(regster)"), "regster"),
    "api": ("requires_api = 99\n" + textwrap.dedent(GOOD), "requires_api is 99"),
    "no hooks": ("x = 1", "it has no hooks"),
    "raises": (GOOD.replace('register("mgu", Mgu)', "1 / 0"), "ZeroDivisionError"),
    "no dataclass": (GOOD.replace("@dataclass(frozen=True)", ""), "is not a dataclass"),
    "not frozen": (GOOD.replace("(frozen=True)", ""), "is not frozen"),
    "bad name": (GOOD.replace('"mgu"', '"M G U"'), "a name is lower case letters"),
    "an instance": (GOOD.replace("Mgu)", "Mgu())"), "is not a dataclass"),
    "bad default": (GOOD.replace("= 4", '= "four"'), "no configuration can be made"),
    "bad type": (GOOD.replace("int = 4", "object = object()"), "no configuration can be made"),
    "conf path": (
        "import rnnx\n@rnnx.hookimpl\ndef conf_paths():\n    return ['/etc']",
        "pkg://",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_costs_itself_alone(
    case: str, install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    source, cause = BROKEN[case]
    found = load([install(source, "broken"), install(GOOD, "sound")])
    assert len(found.failures) == 1, case
    line = str(found.failures[0])
    assert cause in line
    assert "broken 1.0" in line
    assert "\n" not in line
    assert found.registry.names("cell") == ["mgu"]
    assert capsys.readouterr() == ("", "")


def test_the_name_is_disabled_when_two_plugins_claim_it(
    install: Callable[..., EntryPoint],
) -> None:
    found = load([install(GOOD, "one"), install(GOOD, "two")])
    assert len(found.failures) == 1
    assert found.registry.names("cell") == []


@pytest.mark.parametrize(("wanted", "sees"), [("", False), ("other", False), ("Stranger", True)])
def test_rnnx_plugins_chooses_distributions(
    install: Callable[..., EntryPoint], monkeypatch: pytest.MonkeyPatch, wanted: str, sees: bool
) -> None:
    from importlib.metadata import EntryPoints

    from rnnx.plugins import _selected

    monkeypatch.setenv("RNNX_PLUGINS", wanted)
    assert bool(_selected(EntryPoints([install(GOOD)]))) is sees


def test_the_built_ins_load_without_a_failure() -> None:
    found: Plugins = plugins()
    assert [str(f) for f in found.failures if f.owner.distribution == "rnnx"] == []
    assert {entry.kind for entry in found.registry} >= {"cell", "head", "optimizer"}
