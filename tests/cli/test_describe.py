"""``rnnx describe`` as a user types it: one component, one cell of some size, all cells."""

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from rich.console import Console
from third_party import GOOD

from rnnx.cli import describe as command
from rnnx.cli.describe import describe
from rnnx.errors import ConfigError, PluginError
from rnnx.registry.manager import registry

CELLS = [entry.name for entry in registry() if entry.kind == "cell"]


def told(capsys: pytest.CaptureFixture[str], *words: str, **how: bool) -> str:
    describe(words, how.get("every", False), how.get("as_json", False))
    return capsys.readouterr().out


def test_a_cell_says_which_way_its_gates_point_and_what_it_costs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = told(capsys, "cell", "gru", "hidden_size=64", "n_x=27")
    assert "h⟨t⟩ = (1 − z) ⊙ n + z ⊙ h⟨t−1⟩\n" in said  # the equations
    assert "  z = 1  keeps h⟨t−1⟩\n  z = 0  writes the candidate n\n" in said
    assert "here:      h⟨t⟩ = (1 − z) ⊙ n + z ⊙ h⟨t−1⟩, as Cho et al. 2014, PyTorch" in said
    assert "elsewhere: h⟨t⟩ = z ⊙ n + (1 − z) ⊙ h⟨t−1⟩, as Chung et al. 2014" in said
    assert "one column at hidden_size=64, n_x=27:\n  17,728 parameters\n" in said
    assert "  64 numbers in the state\n  17,472 multiplications a step (each entry" in said
    assert said.index("hyperparameters:") < said.index("gates:") < said.index("choose: cell=gru")


def test_every_cell_can_be_told_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    for name in CELLS:
        assert " parameters\n" in told(capsys, "cell", name, "hidden_size=8")
    head, *lines = told(capsys, "hidden_size=8", every=True).splitlines()
    assert head.split("\t")[:4] == ["cell", "parameters", "state", "multiplications"]
    assert [line.split("\t")[0] for line in lines] == CELLS
    of_lstm = next(line.split("\t") for line in lines if line.startswith("lstm\t"))
    assert of_lstm[1:5] == ["1,152", "16", "1,120", "i writes, f keeps, o shows"]


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    one = json.loads(told(capsys, "cell", "gru", "hidden_size=8", "n_x=2", as_json=True))
    assert (one["choose"], one["parameters"], one["state"]) == ("cell=gru", 272, 8)
    assert one["gates"]["z"]["at_one"] == "keeps h⟨t−1⟩"
    assert one["hyperparameters"][0]["name"] == "hidden_size"
    every = json.loads(told(capsys, "hidden_size=8", "n_x=2", every=True, as_json=True))
    assert every["gru"]["multiplications"] == one["multiplications"] == 240
    assert list(every) == CELLS
    other = json.loads(told(capsys, "optimizer", "adam", as_json=True))
    assert "parameters" not in other and other["kind"] == "optimizer"


def test_a_narrow_terminal_keeps_the_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(**_: Any) -> Console:
        return Console(force_terminal=True, width=60, color_system=None)

    monkeypatch.setattr(command, "console", narrow)
    said = told(capsys, "cell", "hidden_size=8", every=True)
    lines = said.splitlines()
    assert "multiplications" in said and "description" not in said
    assert max(map(len, lines[:-1])) <= 60
    assert lines[-1].startswith("at hidden_size=8 and n_x=27, for one column")


@pytest.mark.parametrize(
    ("words", "every", "error"),
    [
        (["cell"], False, "give a kind and a name"),
        ([], False, "give a kind and a name, as in cell NAME, or --all"),
        (["cell", "lstm", "gru"], False, "give a kind and a name"),
        (["cell", "lstm", "hidden_size=0"], False, r"cell.hidden_size=0: must be at least 1"),
        (["cell", "lstm", "n_x=many"], False, "n_x=many: must be a whole number"),
        (["cell", "lstm", "n_x=0"], False, "n_x=0: must be from 1"),
        (["cell", "lstm", "name=gru"], False, "name=gru: is not of the form FIELD=VALUE"),
        (["optimizer", "adam", "n_x=3"], False, "n_x=3: only a cell has a size"),
        (["optimizer"], True, "--all optimizer: compares cells; rnnx plugins lists"),
        (["forget_bias=1"], True, "forget_bias=1: choose from hidden_size, n_x"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], every: bool, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        describe(words, every, False)


def test_a_cell_that_fails_is_a_row_of_the_table(
    install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    install(GOOD.replace("return {}\n", "return {} / 0\n", 1))
    said = told(capsys, "hidden_size=8", every=True)
    assert "\nscrn\t—\t—\t—\t" in said and "\nlstm\t1,152\t" in said
    assert said.splitlines()[-1].startswith("scrn: ") and "TypeError" in said


def test_wrong_words_about_gates_name_the_class(install: Callable[..., EntryPoint]) -> None:
    install(GOOD.replace("class Scrn:", "class Scrn:\n        gate_words = {'f': 'keeps'}"))
    with pytest.raises(PluginError, match="gate_words: is no mapping"):
        describe(["cell", "scrn"], False, False)
