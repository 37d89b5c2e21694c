"""The doctor names each plugin, what is wrong with it and what to do."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from third_party import GOOD

from rnnx.cli.doctor import doctor

TWO = 'register("scrn", Scrn)'
REFUSED = GOOD.replace(
    "def init(",
    "def __post_init__(self):\n            rnnx.require(self.hidden_size > 9, 'size', 'more', 4)\n"
    "\n        def init(",
)
UNHASHABLE = GOOD.replace("@dataclass(frozen=True)", "@dataclass(frozen=True, eq=True)").replace(
    "def init(", "__hash__ = None\n\n        def init("
)

SICK = {
    "a module that is not there": ("import no_such", "add it to the plugin's dependencies"),
    "an exception's place": ("x = 1\ny = x / 0", "(sick_module.py, line 2)"),
    "a line that is no Python": ("def (:", "correct that line"),
    "another version": ("requires_api = 99", "until the versions fit"),
    "a hook that is none": (GOOD.replace("_cells", "_cell"), "rnnx finds hooks by their names"),
    "a field of a wrong type": (GOOD.replace("= 4", "= 'x'"), "booleans, Enums"),
    "a missing method": (GOOD.replace("def init(", "def inti("), "unroll needs a method init"),
    "defaults that are refused": (REFUSED, "its defaults are refused"),
    "no value": (UNHASHABLE, "must be hashable"),
    "a field that Hydra reads": (
        GOOD.replace("= 4", "= 4\n        defaults: int = 1"),
        "called defa",
    ),
    "a field beyond ASCII": (GOOD.replace("= 4", "= 4\n        größe: int = 1"), "field called gr"),
    "a field that is not set": (GOOD.replace("= 4", "= 4\n        x: str = '???'"), "default ???"),
    "a tuple": (
        GOOD.replace("= 4", "= 4\n        sizes: tuple[int, ...] = (1, 2)"),
        "field sizes is tuple by default, but a configuration gives it as list",
    ),
    "a name that is null": (GOOD.replace('"scrn"', '"null"'), "reads null as no text"),
    "a name that is true": (GOOD.replace('"scrn"', '"true"'), "reads true as no text"),
    "a name that is a number": (GOOD.replace('"scrn"', '"nan"'), "reads nan as no text"),
    "a name of rnnx's": (GOOD.replace('"scrn"', '"lstm"'), "have its author rename"),
}


@pytest.mark.parametrize("case", SICK)
def test_each_illness_is_explained(
    case: str, install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    source, words = SICK[case]
    install(source, "sick")
    install(GOOD.replace('"scrn"', '"sound_one"'), "sound")
    assert doctor() == 1
    said = capsys.readouterr().out
    assert words in said
    assert "sick 1.0 (main = sick_module)\n  wrong: " in said
    assert "sound 1.0 (main = sound_module)\n  ok: cell sound_one" in said
    assert said.endswith("1 wrong\n")


def test_a_plugins_recipes_are_composed(
    install: Callable[..., EntryPoint], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (
        GOOD + "\n    @rnnx.hookimpl\n    def conf_paths():\n        return ['pkg://sickly.conf']\n"
    )
    folder = tmp_path / "sickly" / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "works.yaml").write_text("# @package _global_\nsteps: 3\n")
    (folder / "misspelt.yaml").write_text("# @package _global_\nstpes: 3\n")
    (folder / "text.yaml").write_text("# @package _global_\nsteps: 3\n")
    (folder.parent / "sweep").mkdir()
    (folder.parent / "sweep" / "sizes.yaml").write_text("# @package _global_\nno_key: 3\n")
    install(source)
    assert doctor() == 1
    said = capsys.readouterr().out
    assert "sweep sizes: " in said
    assert "experiment misspelt: " in said
    assert "experiment text: rnnx has one of that name" in said
    assert "works" not in said
    assert said.endswith("3 wrong\n")


DEFAULTS_THAT_NO_DATACLASS_TAKES = GOOD.replace("= 4", "= 4\n        sizes: list = []")


def test_the_place_is_never_in_the_standard_library(
    install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    install(DEFAULTS_THAT_NO_DATACLASS_TAKES, "sick")
    assert doctor() == 1
    said = capsys.readouterr().out
    assert "dataclasses.py" not in said
    assert "(sick_module.py, line " in said


def test_a_slow_import_and_a_reseeded_generator_are_noted(
    install: Callable[..., EntryPoint],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rnnx.cli.doctor.SLOW", 0.0)
    install(
        "    import random\n    import numpy\n    random.seed(0)\n    numpy.random.seed(0)" + GOOD
    )
    assert doctor() == 0
    said = capsys.readouterr().out
    assert "note: uses NumPy's global generator while it is imported" in said
    assert "note: uses Python's global generator while it is imported" in said
    assert "s to import, for which every command waits" in said
    assert "import heavy libraries inside functions" in said


def test_two_plugins_with_one_recipe_are_named(
    install: Callable[..., EntryPoint], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        folder = tmp_path / f"of_{name}" / "conf" / "experiment"
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text("# @package _global_\nsteps: 3\n")
        hook = f"def conf_paths():\n        return ['pkg://of_{name}.conf']\n"
        source = GOOD.replace('"scrn"', f'"of_{name}"')
        install(f"{source}\n    @rnnx.hookimpl\n    {hook}", name)
    assert doctor() == 1
    said = capsys.readouterr().out
    assert "experiment/mine.yaml is a recipe of one 1.0, too, and that one is used" in said
    assert said.endswith("1 wrong\n")


def test_a_sound_house_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    assert "wrong" not in capsys.readouterr().out
