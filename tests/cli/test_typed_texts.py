"""A text from the command line to the table: what was typed is what is used, kept and shown."""

import csv
import html
import io
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_cli import rnnx
from tiny import TINY

from rnnx.comparison.compare import rank_runs
from rnnx.comparison.page import render
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.table import print_tables, write_csv
from rnnx.config.compose import compose
from rnnx.config.identity import flat_params
from rnnx.config.overrides import parse, parse_job, values_of
from rnnx.config.spelling import quoted
from rnnx.runs.folder import RunFolder
from rnnx.runs.stored_config import stored_config
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.text import from_csv, printable

SPECIAL = "'\"[](){},;:=$%?#~&|<>*\\/ +-@._01e\n\té恐龙שׁ🦕\u202e\x1b"
printables = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from(SPECIAL), min_size=1
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=printables)
def test_any_text_goes_the_whole_way(text: str, tmp_path: Path) -> None:
    assume("${" not in text and text != "???" and not text.startswith(("'", '"')))
    typed = ["dataset=lines", f"dataset.path={text}"]
    config = compose(typed)
    assert config["dataset"]["path"] == text
    assert flat_params(config)["dataset.path"] == text
    folder = RunFolder(tmp_path)
    folder.write_config(config)
    assert stored_config(folder) == config
    # In a sweep, beside another value.
    overrides = parse(["dataset=lines", f"dataset.path={quoted(text)},b"], several=True)
    (swept,) = overrides.swept
    jobs = [["dataset=lines", f"dataset.path={value}"] for value in values_of(swept)]
    assert compose(parse_job(jobs[0])) == config
    sweep = Sweep(tmp_path)
    sweep.write({"parent": "p", "swept": ["dataset.path"]})
    assert sweep.tags(jobs[0])["sweep.dataset.path"] == text
    assert sweep.name(jobs[0]) == f"dataset.path={text}"
    _shown(sweep.name(jobs[0]))


def _shown(name: str) -> None:
    """A name is in the table, the CSV and the page, to the letter where it can be seen."""
    run = ComparedRun(name, "FINISHED", "id", "", {}, {"best/val_loss": 1.0}, "g", None)
    found = rank_runs([run], name, "best/val_loss")
    out = io.StringIO()
    print_tables(found, Console(file=out, force_terminal=True, width=4000, no_color=True))
    assert printable(name).rstrip() in out.getvalue()
    cells = io.StringIO()
    write_csv(found, cells)
    assert from_csv(list(csv.reader(io.StringIO(cells.getvalue())))[1][1]) == printable(name)
    cell = re.findall("<td[^>]*>(.*?)</td>", render(found, {}), re.DOTALL)[1]
    assert html.unescape(cell) == printable(name)


NAMES = [
    "x[old].txt",
    "x[new].txt",
    "a,b.txt",
    "1.10",
    "恐龙 & 'z'.txt",
    "=1+1",
    "true",
    "2026_11_29",
]


def test_a_sweep_over_files_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "what? [red]a%20b #x Tom's {thesis}, $(x) ~é"
    place.mkdir()
    monkeypatch.chdir(place)
    for name in NAMES:
        Path(name).write_text(f"{name}\n" + "abc\nabd\nbc\n" * 3, "utf-8")
    values = ",".join(map(quoted, NAMES))
    given = [text for text in TINY if not text.startswith("steps")]
    words = ["dataset=lines", f"dataset.path={values}", "outputs=it's", "steps=2", "jobs=2"]
    done = rnnx("train", "-m", *given, *words)
    assert done.returncode == 0, done.stderr
    (sweep,) = map(Sweep, Path("it's/sweeps").iterdir())
    assert {result.status for result in sweep.results()} == {"FINISHED"}
    runs = [RunFolder(Path("it's") / result.run_id) for result in sweep.results()]
    assert [stored_config(run)["dataset"]["path"] for run in runs] == NAMES
    assert [run.read()["overrides"] for run in runs] == [[f"dataset.path={n}"] for n in NAMES]
    page = html.unescape((sweep.path / "comparison.html").read_text("utf-8"))
    for name in NAMES:
        assert f"dataset.path={name}\tFINISHED" in done.stdout
        assert f"<td>dataset.path={name}</td>" in page


def test_a_run_is_named_and_hinted_as_it_was_typed(names: Path) -> None:
    typed = ["outputs=it's [x]", "cell.hidden_size=8", "samples=0", "steps=2"]
    others = [text for text in TINY if text.partition("=")[0] not in ("steps", "samples")]
    words = [*typed, *others]  # a name has room for the first of them
    done = rnnx("train", *words, "dataset=lines", f"dataset.path={names}")
    assert done.returncode == 0, done.stderr
    (run,) = map(RunFolder, Path("it's [x]").iterdir())
    assert run.read()["overrides"][:4] == typed
    hint = f"rnnx sample {shlex.quote(f'it{chr(39)}s [x]/{run.id}')}   makes more"
    assert hint in done.stdout
    shown = rnnx("compare", f"it's [x]/{run.id}", "--csv").stdout
    assert "outputs=it's [x]" in shown
