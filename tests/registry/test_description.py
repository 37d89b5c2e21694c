"""What is said of a component, and of training's keys, is what their sources say."""

from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import EntryPoint

import pytest
from third_party import GOOD

from rnnx.cli import train_help
from rnnx.config.settings import Train
from rnnx.errors import UnknownComponent
from rnnx.registry.description import describe, options_of
from rnnx.registry.first_line import first_line
from rnnx.registry.manager import registry


def test_a_component_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    describe("cell", "lstm")
    said = capsys.readouterr().out
    assert said.startswith("cell lstm of rnnx 0.1.0: A cell with a memory")
    assert "c⟨t⟩    = f ⊙ c⟨t−1⟩ + i ⊙ g" in said  # the equations
    assert "  hidden_size: int = 128\n      n_a, units, at least 1." in said
    assert "  weights.recurrent: initializer = orthogonal\n" in said
    assert "entry point cells = " in said
    assert "choose: cell=lstm" in said


def test_every_component_and_each_of_its_options_has_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for entry in registry():
        assert first_line(entry.component), entry
        for option in options_of(entry.component):
            assert option.about, (entry, option)
        describe(entry.kind, entry.name)
    for option in options_of(Train):
        assert option.about, option
    assert capsys.readouterr().out.count("choose: ") == len(list(registry()))


def test_an_unknown_one_is_answered_with_the_choices() -> None:
    with pytest.raises(UnknownComponent, match="did you mean lstm"):
        describe("cell", "ltsm")


def test_help_groups_choices_by_kind(
    install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    install(GOOD.replace("class Scrn:", 'class Scrn:\n        """A slow state."""'))
    train_help.show()
    said = capsys.readouterr().out
    heads = [line.split(":")[0] for line in said.splitlines() if line[:1].isalpha()]
    kinds = [head for head in heads if head in {entry.kind for entry in registry()}]
    assert kinds == list(dict.fromkeys(entry.kind for entry in registry()))
    cells = said[said.index("\ncell:") : said.index("\ninitializer:")]
    assert "(default: lstm)" in cells
    assert "  scrn                 A slow state. [acme]" in cells
    assert "  text                 A text of any length as one stream" in said
    for item in fields(Train):
        assert f"  {item.name}" in said


def test_help_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    train_help.show()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
