"""The words of a sweep in recipes, and when(…) in a search."""

from pathlib import Path

import pytest
from checked_sweep import checked, jobs
from single_sweep import only_sweep, results
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.config.overrides import searchpath
from rnnx.errors import RnnxError
from rnnx.runs.sweep_folder import JobResult
from rnnx.sweeps.words import separate

ZIP = "zip(cell=lstm,gru, layers=1,2)"
WHEN = "when(cell=lstm, cell.forget_bias=0,1)"


def recipe(*words: str, params: str = "{}", name: str = "sweep/mine") -> str:
    """Write a recipe; the override that names its folder."""
    path = Path("mine") / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = "".join(f"\n      - {word}" for word in words)
    text = f"hydra:\n  sweeper:\n    params: {params}\n    words:{listed or ' []'}\n"
    path.write_text(f"# @package _global_\n{text}", "utf-8")
    return searchpath("mine")


def test_a_recipe_has_every_word() -> None:
    Path("rates.txt").write_text("0.01\n0.1\n", "utf-8")
    Path("rows.csv").write_text("cell,seed\nlstm,3\n", "utf-8")
    mine = [recipe(ZIP, WHEN), "sweep=mine"]
    pairs = [f"cell=lstm layers=1 cell.forget_bias={bias}" for bias in (0, 1)]
    assert jobs(*mine) == [*pairs, "cell=gru layers=2"]
    recipe("file(optimizer.learning_rate=rates.txt)", params="{seed: '0,1'}")
    rates = [f"optimizer.learning_rate={rate}" for rate in ("0.01", "0.1")]
    assert sorted(jobs(*mine)) == sorted(f"seed={s} {r}" for s in (0, 1) for r in rates)
    recipe("grid(csv(rows.csv))", "grid(cell=gru, seed=0,1)")
    assert jobs(*mine) == ["cell=lstm seed=3", "cell=gru seed=0", "cell=gru seed=1"]
    recipe("sample(2, seed=1)", params="{seed: 'range(0,9)'}")
    assert len(jobs(*mine)) == 2
    recipe("shuffle()", params="{seed: 'range(0,9)'}")
    shuffled = jobs(*mine)
    assert shuffled != sorted(shuffled) and len(shuffled) == 9


def test_the_command_line_takes_precedence_over_the_words_of_a_recipe() -> None:
    Path("rates.txt").write_text("0.01\n0.1\n", "utf-8")
    rate = "optimizer.learning_rate"
    mine = [recipe(f"file({rate}=rates.txt)", "sample(2)", params="{seed: '0,1,2'}"), "sweep=mine"]
    assert len(jobs(*mine)) == 2
    assert len(jobs(*mine, "sample(3)")) == 3
    assert sorted(jobs(*mine, f"{rate}=0.5", "shuffle()")) == ["seed=0", "seed=1", "seed=2"]
    recipe(ZIP)
    assert jobs(*mine, WHEN)[:2] == [f"cell=lstm layers=1 cell.forget_bias={b}" for b in (0, 1)]


def test_an_edited_word_of_a_recipe_is_a_new_sweep(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sweep() -> list[JobResult]:
        command = [*tiny(names), "steps=1", "hydra/launcher=basic", "sweep=mine", given]
        assert main(command, multirun=True) == 0
        return results()

    given = recipe("zip(cell=lstm,gru, seed=1,2)")
    assert [result.status for result in sweep()] == ["FINISHED"] * 2
    assert [result.status for result in sweep()] == ["SKIPPED"] * 2  # and only one sweep
    recipe("zip(cell=lstm,gru, seed=1,3)")
    with pytest.raises(ValueError, match="too many values"):
        sweep()
    assert "a file of this command has changed since sweep" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zip(cell=lstm,gur, layers=1,2)"], "cell=gur: there is no such cell"),
        (["zipp(cell=lstm, layers=1)"], "hydra.sweeper.words: .*has no word zipp"),
        (["cell=lstm,gru"], "hydra.sweeper.words: cell=lstm,gru: is no word"),
        (["'5'"], "hydra.sweeper.words: 5: is no word"),
        (["5"], "hydra.sweeper.words is no list of words"),
        (["zip(cell=lstm,gru, layers=3,4)", "sample(2)", "shuffle()"], "a sweep is drawn once"),
        ([ZIP, "grid(seed=0,1, when(cell=gur, dropout=0))"], "cell is never gur"),
        (["zip(seed=0,1, outputs=a,'${seed}')"], "holds an interpolation"),
        (["grid(tracker.uri=http://x.org/)"], "says where runs are sent"),
        (["file(tracker.uri=lines.txt)"], "says where runs are sent"),
        (["grid(csv(rows.csv))"], "tracker.experiment says where runs are sent"),
        (["file(outputs=lines.txt)"], "holds an interpolation; a recipe's files"),
    ],
)
def test_a_wrong_word_of_a_recipe_starts_nothing(words: list[str], said: str) -> None:
    Path("lines.txt").write_text("a\n${oc.env:HOME}\n", "utf-8")
    Path("rows.csv").write_text("seed,tracker.experiment\n1,x\n", "utf-8")
    with pytest.raises(RnnxError, match=said) as error:
        checked(recipe(*words), "sweep=mine")
    assert error.value.exit_code == 2 and "\n" not in str(error.value)


def test_a_recipe_of_several_runs_needs_m() -> None:
    given = recipe(ZIP, name="experiment/mine")
    with pytest.raises(RnnxError, match="gives several values to cell, layers; add -m"):
        main([given, "experiment=mine"])


SEARCH = ["hydra/sweeper=optuna", "hydra/launcher=basic"]
BRANCHES = [
    "when(cell=lstm, cell.forget_bias=interval(0, 2), cell.hidden_size=interval(3, 5))",
    "when(cell=vanilla, cell.hidden_size=7,8)",
]


def test_a_search_draws_a_key_where_its_condition_holds(names: Path) -> None:
    space = [*tiny(names), "steps=1", *SEARCH, "hydra.sweeper.sampler=random", *BRANCHES]
    space = [text for text in space if not text.startswith("cell.hidden_size=")]
    space += ["cell=lstm,vanilla,gru"]

    def search(trials: int) -> list[dict[str, str]]:
        overrides, words = separate([*space, f"hydra.sweeper.n_trials={trials}"])
        typed = [*overrides, *(str(word) for _, word in words)]
        assert main(typed, multirun=True) == 0
        return [dict(text.split("=", 1) for text in result.overrides) for result in results()]

    drawn = search(6)
    for job in drawn:
        if job["cell"] == "lstm":
            assert 0 <= float(job["cell.forget_bias"]) <= 2
            assert job["cell.hidden_size"] in ("3", "4", "5")
        else:
            assert "cell.forget_bias" not in job
            sizes = {"vanilla": ("7", "8")}.get(job["cell"], (None,))
            assert job.get("cell.hidden_size") in sizes
    assert {job["cell"] for job in drawn} == {"lstm", "vanilla", "gru"}
    assert search(8)[:6] == drawn and len(results()) == 8  # it goes on
    assert only_sweep().read()["swept"] == ["cell", "cell.forget_bias", "cell.hidden_size"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("when(cell=lstm, zip(layers=1,2, dropout=0,0.5))", "takes KEY=VALUES and when"),
        ("when(cell=lstm, cell.forget_bias=interval(2, 1))", "the first end must be below"),
        ("when(cell=ltsm, cell.forget_bias=0,1)", "did you mean lstm"),
        ("when(cell=lstm, cell.forget=interval(0,1))", "cell.forget: there is no such key"),
        ("zip(cell=lstm,gru, layers=1,2)", "makes its jobs itself"),
    ],
)
def test_a_wrong_condition_of_a_search_starts_nothing(word: str, said: str) -> None:
    with pytest.raises(RnnxError, match=said) as error:
        checked("hydra/sweeper=optuna", "cell=lstm,gru", word)
    assert error.value.exit_code == 2 and "\n" not in str(error.value)


def test_a_grid_lists_the_values_of_a_condition() -> None:
    with pytest.raises(RnnxError, match="list the values themselves: cell"):
        checked("cell=lstm,gru", BRANCHES[0])
