"""What others wrote reaches no terminal raw: docstrings, names in run.json, results of jobs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rnnx.cli.completion import overrides
from rnnx.cli.plugin_list import show_plugins
from rnnx.cli.runs import show_runs
from rnnx.cli.train_help import show
from rnnx.comparison.printing import print_comparison
from rnnx.registry.description import describe
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.ranking import Ranking, result_line, write_ranking
from rnnx.system.files import write_json
from rnnx.training.report import console

HOSTILE = "\x1b[31m[bold]x[/old]\x9b2J\u202e\n=1+1"
SHOWN = r"\x1b[31m[bold]x[/old]\x9b2J\u202e\n=1+1"
SAMPLER = '''
from dataclasses import dataclass
from rnnx import hookimpl

@dataclass(frozen=True)
class Red:
    """Red \\x1b[31m [bold]letters[/old]."""

    hue: float = 1.0
    """The \\x1b[32m hue."""

    def sample(self, logits, past, rng):
        return logits.argmax(axis=0)

@hookimpl
def register_samplers(register):
    register("red", Red)
'''


def test_a_docstring_is_printed_with_escapes(
    install: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    install(SAMPLER)
    for command in (lambda: show_plugins(False, False), lambda: describe("sampler", "red"), show):
        command()
        said = capsys.readouterr().out
        assert "\x1b" not in said
        assert r"Red \x1b[31m [bold]letters[/old]." in said
    (item,) = overrides(None, None, "sampler=red")  # type: ignore[arg-type]
    assert item.help == r"Red \x1b[31m [bold]letters[/old]."


@pytest.mark.parametrize("soft_wrap", [False, True])
def test_a_line_in_a_pipe_ends_where_it_ends(
    soft_wrap: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "note: " + "runs are on different data " * 9
    console(soft_wrap).print(note)
    assert capsys.readouterr().out == note + "\n"


def test_a_run_s_name_and_status_are_printed_with_escapes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path("outputs/abc")
    folder.mkdir(parents=True)
    metrics = {"best/val_loss": 1.0, f"final/{HOSTILE}": 2.0}
    fields = {
        "id": "abc",
        "name": HOSTILE,
        "status": "FAILED",
        "reason": HOSTILE,
        "metrics": metrics,
    }
    write_json(folder / "run.json", fields)
    show_runs(["tracker=none"], 5)
    for form in (None, "json", "csv"):
        print_comparison(["abc"], "best/val_loss", form)
        said = capsys.readouterr().out
        assert not {"\x1b", "\x9b", "\u202e"} & set(said)
        assert "[bold]x[/old]" in said
        assert not any(line.startswith("=") for line in said.splitlines())


def test_a_job_s_result_is_printed_with_escapes(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    result = JobResult(0, [], HOSTILE, HOSTILE, HOSTILE)
    assert result_line(sweep, result) == f"job 1 · {SHOWN} · 0.0 s · {SHOWN}"
    write_ranking(Ranking(["job"], [["=1+1", HOSTILE, "-x"]]), tmp_path / "ranking.csv")
    row = (tmp_path / "ranking.csv").read_text("utf-8").splitlines()[-1]
    assert row == f"'=1+1,{SHOWN},'-x"
