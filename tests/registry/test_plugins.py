"""A broken plugin is one line on itself; everything else works."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from third_party import GOOD

from rnnx.registry.manager import CORE, Plugins, load, plugins, registry
from rnnx.registry.registry import Entry
from rnnx.registry.validation import validate


def test_a_good_plugin_loads(install: Callable[..., EntryPoint]) -> None:
    found = load([install(GOOD)])
    assert found.failures == []
    entry = found.registry.get("cell", "scrn")
    assert str(entry.owner) == "acme 1.0"


def test_a_place_is_as_good_as_a_class(install: Callable[..., EntryPoint]) -> None:
    found = load([install(GOOD.replace('"scrn", Scrn', '"scrn", "acme_module:Scrn"'))])
    assert found.failures == []
    assert found.registry.get("cell", "scrn").component.__qualname__ == "Scrn"


@pytest.mark.parametrize("entry", [e for e in registry() if e.owner.distribution == CORE], ids=str)
def test_rnnxs_own_components_are_valid(entry: Entry) -> None:
    assert isinstance(entry.given, str)
    imported = Entry(entry.kind, entry.name, entry.component, entry.owner)
    assert validate(imported, third_party=True) is None
    assert imported.is_of(entry.component) and entry.is_of(entry.component)


def test_what_is_not_chosen_is_not_imported() -> None:
    code = (
        "import sys; from rnnx.config.compose import compose; compose(['cell=gru'])\n"
        "print(*(name for name in sys.modules if name.startswith('rnnx_zoo.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["rnnx_zoo.components"]


HOOK = "import rnnx\n@rnnx.hookimpl\n"
PLAIN = GOOD.replace("@rnnx.unroll\n    ", "")

# What is wrong → the module, and words that the one line about it has to hold.
BROKEN = {
    "import": ("import no_such_module_at_all", "ModuleNotFoundError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax": ("def (:", "SyntaxError"),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
    "no words": ("class E(Exception):\n  def __str__(self): 1/0\nraise E", "cannot be printed"),
    "colours": ("raise ValueError('\\x1b[31m red')", r"\x1b[31m red"),
    "hook misspelt": (
        GOOD.replace("register_cells", "register_cell"),
        "did you mean register_cells?",
    ),
    "hook signature": (GOOD.replace("(register)", "(regster)"), "regster"),
    "hook default": (GOOD.replace("(register)", "(register=None)"), "without a default"),
    "hook takes nothing": (
        HOOK + "def register_cells():\n    pass",
        "def register_cells(register)",
    ),
    "hook unmarked": (GOOD.replace("@rnnx.hookimpl", ""), "write @rnnx.hookimpl above it"),
    "hook answers": (HOOK + "def register_cells(register):\n    return []", "returned list"),
    "hook yields": (HOOK + "def register_cells(register):\n    yield", "returned generator"),
    "hook waits": (HOOK + "async def register_cells(register):\n    pass", "returned coroutine"),
    "register alone": (GOOD.replace('register("scrn", Scrn)', "register(Scrn)"), "TypeError"),
    "api of tomorrow": ("requires_api = 99\n" + textwrap.dedent(GOOD), "install a newer rnnx"),
    "api of yesterday": (
        "requires_api = 0\n" + textwrap.dedent(GOOD),
        "newer version",
    ),
    "api in words": ("requires_api = '1'\n" + textwrap.dedent(GOOD), "requires_api is '1'"),
    "no hooks": ("x = 1", "it has no hooks"),
    "no such place": (GOOD.replace('", Scrn)', '", "acme_module:Gone")'), "cannot be imported"),
    "half a place": (GOOD.replace('", Scrn)', '", "Scrn")'), "'package.module:Class'"),
    "raises": (GOOD.replace('register("scrn", Scrn)', "1 / 0"), "ZeroDivisionError"),
    "asks too early": ("import rnnx\nrnnx.build([])", "ask inside a function"),
    "no dataclass": (GOOD.replace("@dataclass(frozen=True)", ""), "is not a dataclass"),
    "not frozen": (GOOD.replace("(frozen=True)", ""), "is not frozen"),
    "bad name": (GOOD.replace('"scrn"', '"S C R N"'), "a name is lower case letters"),
    "no name": (GOOD.replace('"scrn"', "None"), "a name is lower case letters"),
    "unhashable name": (GOOD.replace('"scrn"', "['scrn']"), "a name is lower case letters"),
    "an instance": (GOOD.replace("Scrn)", "Scrn())"), "is not a dataclass"),
    "bad default": (GOOD.replace("= 4", '= "four"'), "no configuration can be made"),
    "bad type": (GOOD.replace("int = 4", "object = object()"), "no configuration can be made"),
    "a field name": (GOOD.replace("int = 4", "int = 4\n        name: str = 'x'"), "called name"),
    "a field init": (
        GOOD.replace("int = 4", "int = 4\n        forward: str = 'x'"),
        "a method of its contract",
    ),
    "no hidden size": (GOOD.replace("hidden_size", "units"), "has no field hidden_size"),
    "no methods": (PLAIN, "has no method initial_state"),
    "method misspelt": (
        PLAIN.replace("def step(", "def initial_stat("),
        "it has initial_stat: rename it to initial_state?",
    ),
    "other arguments": (
        GOOD.replace("rng, n_x, dtype", "rng, n_x"),
        "take (self, rng, n_x",
    ),
    "unroll without step": (GOOD.replace("def step(", "def stop("), "unroll needs a method step"),
    "conf path": (HOOK + "def conf_paths():\n    return ['/etc']", "pkg://"),
    "conf number": (HOOK + "def conf_paths():\n    return 7", "must return a list"),
    "conf nowhere": (HOOK + "def conf_paths():\n    return ['pkg://no.such']", "pkg://no.such"),
    "conf foreign": (HOOK + "def conf_paths():\n    return ['pkg://json']", "experiment/*.yaml"),
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
    assert "\x1b" not in line
    assert found.registry.names("cell") == ["scrn"]
    assert capsys.readouterr() == ("", "")


def entry(install: Callable[..., EntryPoint], value: str) -> EntryPoint:
    """The entry point of a good plugin, its value replaced."""
    good = install(GOOD, "broken")
    return EntryPoint(good.name, value, good.group)._for(good.dist)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("broken_module:nothing", "nothing"),
        ("no_such_module", "no_such_module"),
        ("not a module", "is not of the form package.module"),
        ("broken_module:Scrn", "it has no hooks"),
    ],
)
def test_a_broken_entry_point_costs_itself_alone(
    value: str, cause: str, install: Callable[..., EntryPoint]
) -> None:
    found = load([entry(install, value), install(GOOD, "sound")])
    assert [cause in str(failure) for failure in found.failures] == [True]
    assert found.registry.names("cell") == ["scrn"]


def test_a_plugin_that_is_named_twice_counts_once(install: Callable[..., EntryPoint]) -> None:
    good = install(GOOD)
    found = load([good, EntryPoint("second", good.value, good.group)._for(good.dist)])
    (failure,) = found.failures
    assert "registered twice by acme 1.0" in str(failure)
    assert found.registry.names("cell") == ["scrn"]


def test_an_import_changes_nothing_that_others_rely_on(
    install: Callable[..., EntryPoint], capfd: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    np.random.seed(5)
    expected, place, errors = np.random.RandomState(5).rand(), Path.cwd(), np.geterr()
    wild = """
        import os, sys, warnings
        import numpy as np
        print("hello", file=sys.stderr); print("world")
        os.chdir("/"); np.random.seed(1); np.seterr(all="raise"); warnings.warn("careful")
    """
    found = load([install(textwrap.dedent(wild) + textwrap.dedent(GOOD))])
    assert found.failures == []
    said = " | ".join(note.text for note in found.notes)
    for words in ("working directory", "error settings", "global generator", "hello world"):
        assert words in said
    assert (np.random.rand(), Path.cwd(), np.geterr()) == (expected, place, errors)
    assert capfd.readouterr() == ("", "")


def test_a_hook_that_registers_nothing_is_noted(install: Callable[..., EntryPoint]) -> None:
    found = load([install(GOOD.replace('register("scrn", Scrn)', "pass"))])
    assert found.failures == []
    assert ["registers nothing" in note.text for note in found.notes] == [True]


def test_a_deprecated_hook_works_and_says_so(
    install: Callable[..., EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx.registry import hookspecs

    def register_cells(register):
        """As it would stand there for one minor version."""

    going = DeprecationWarning("the hook register_cells goes away in rnnx 0.9; write register_nets")
    spec = hookspecs.hookspec(register_cells, warn_on_impl=going)
    monkeypatch.setattr(hookspecs, "register_cells", spec)
    found = load([install(GOOD)])
    assert found.failures == []
    assert found.registry.names("cell") == ["scrn"]
    assert [note.text for note in found.notes] == [str(going)]


def test_the_name_is_disabled_when_two_plugins_claim_it(
    install: Callable[..., EntryPoint],
) -> None:
    found = load([install(GOOD, "one"), install(GOOD, "two")])
    assert len(found.failures) == 1
    assert found.registry.names("cell") == []


@pytest.mark.parametrize(("wanted", "sees"), [("", False), ("other", False), ("Acme", True)])
def test_rnnx_plugins_chooses_distributions(
    install: Callable[..., EntryPoint], monkeypatch: pytest.MonkeyPatch, wanted: str, sees: bool
) -> None:
    from importlib.metadata import EntryPoints

    from rnnx.registry.manager import _selected

    monkeypatch.setenv("RNNX_PLUGINS", wanted)
    assert bool(_selected(EntryPoints([install(GOOD)]))) is sees


def test_the_built_ins_load_without_a_failure() -> None:
    found: Plugins = plugins()
    assert [str(f) for f in found.failures if f.owner.distribution == "rnnx"] == []
    assert {entry.kind for entry in found.registry} >= {"cell", "head", "optimizer"}
