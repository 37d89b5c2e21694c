"""`rnnx compare --rows … --columns … --format …`: results as a table for a paper."""

import csv
import io
import json
import re
import shlex
from html.parser import HTMLParser
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from rnnx.cli.main import commands
from rnnx.comparison.compare import compare_sweep, rank_runs
from rnnx.comparison.formats import WRITERS, as_csv, as_html, as_json, as_latex, as_markdown
from rnnx.comparison.printing import print_results
from rnnx.comparison.results import Results, results
from rnnx.comparison.runs import ComparedRun
from rnnx.errors import ConfigError, RnnxError
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.text import from_csv, printable

SIX = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]  # what seeds add


def made(name: str, losses: list[float], data: str = "a", **more: Any) -> list[ComparedRun]:
    """Runs of one configuration, a seed each."""
    chosen = dict(word.partition("=")[::2] for word in name.split())
    return [
        ComparedRun(
            name,
            "FINISHED",
            f"{name} {data} {seed}",
            "",
            {**chosen, "seed": str(seed)},
            {"best/val_loss": loss},
            f"{name}{data}{more}",
            None,
            {"seed": seed, "split_sha256": data * 64, "versions": {"rnnx": "1.0"}, **more},
        )
        for seed, loss in enumerate(losses)
    ]


def table(runs: list[ComparedRun], rows: list[str], columns: list[str]) -> Results:
    return results(rank_runs(runs, "t", "best/val_loss"), rows, columns)


def grid() -> list[ComparedRun]:
    """Three cells on two data; of the second cell, one is missing."""
    return [
        *made("cell=gru dataset=names", [1.0 + more for more in SIX]),
        *made("cell=lstm dataset=names", [1.1, 1.0, 1.3, 1.2, 1.5, 1.4]),
        *made("cell=rnn dataset=names", [2.0 + more for more in SIX]),
        *made("cell=gru dataset=tunes", [7.0 + more for more in SIX], "b"),
        *made("cell=rnn dataset=tunes", [5.0], "b"),
    ]


def test_the_best_of_each_column_and_what_is_not_told_apart_are_marked() -> None:
    found = table(grid(), ["cell"], ["dataset"])
    assert found.rows == [("gru",), ("lstm",), ("rnn",)]
    assert found.columns == [("names",), ("tunes",)]
    body = as_latex(found, "c").split("\\midrule\n")[1].split("\\bottomrule")[0]
    assert body.splitlines() == [
        r"gru & $\mathbf{1.2500 \pm 0.1871}$ & $7.2500 \pm 0.1871$ \\",
        r"lstm & $\underline{1.2500 \pm 0.1871}$ & --- \\",
        r"rnn & $2.2500 \pm 0.1871$ & $\mathbf{5.0000}$ \\",
    ]
    assert as_markdown(found, "c").splitlines()[-5:] == [
        "| cell | names | tunes |",
        "| --- | ---: | ---: |",
        "| gru | **1.2500 ± 0.1871** | 7.2500 ± 0.1871 |",
        "| lstm | <u>1.2500 ± 0.1871</u> | — |",
        "| rnn | 2.2500 ± 0.1871 | **5.0000** |",
    ]
    assert "<td><strong>1.2500 ± 0.1871</strong></td><td>7.2500" in as_html(found, "c")
    read = json.loads(as_json(found, "c"))
    verdicts = {
        (*one["row"].values(), *one["column"].values()): one["verdict"] for one in read["cells"]
    }
    assert verdicts == {
        ("gru", "names"): "the best",
        ("lstm", "names"): "not told apart",
        ("rnn", "names"): "worse",
        ("gru", "tunes"): "not tested",
        ("rnn", "tunes"): "the best",
    }


@pytest.mark.parametrize("form", sorted(WRITERS))
def test_the_sources_are_comments(form: str) -> None:
    text = WRITERS[form](table(grid(), ["cell"], ["dataset"]), "rnnx compare x")
    for source in ("rnnx compare x", "rnnx 1.0", "a" * 64, "b" * 64, "cell=lstm dataset=names a 5"):
        assert source in text
    if form != "json":
        assert "best/val_loss (lower is better)" in text
        assert "cells of one seed" in text


def test_a_column_that_holds_one_data_may_stand_beside_another() -> None:
    found = table(grid(), ["cell"], ["dataset"])
    assert [found.data(column) for column in found.columns] == ["a" * 64, "b" * 64]
    with pytest.raises(ConfigError, match=r"the table has runs on 2 .*put dataset into --columns"):
        table(grid(), ["cell"], [])
    with pytest.raises(ConfigError, match=r"cell=gru has runs on 2 .*aaaaaaaa of run"):
        table(grid(), ["dataset"], ["cell"])
    other = made("cell=gru dataset=names", SIX, "")
    with pytest.raises(ConfigError, match=r"unknown of run .*; name runs on one data"):
        table([*grid(), *other], ["cell"], ["dataset"])


def test_a_cell_is_one_configuration_by_one_code() -> None:
    sizes = [*made("cell=gru size=8", SIX), *made("cell=gru size=16", SIX)]
    told = "cell=gru holds 2 configurations, which differ in size; add size to --rows or --columns"
    with pytest.raises(ConfigError, match=told):
        table(sizes, ["cell"], [])
    assert table(sizes, ["cell"], ["size"]).columns == [("8",), ("16",)]  # by size, not by letter
    codes = [*made("cell=gru", SIX), *made("cell=gru", SIX, versions={"rnnx": "2.0"})]
    with pytest.raises(ConfigError, match="computed by 2 states of the code"):
        table(codes, ["cell"], [])


def test_without_rows_the_keys_that_differ_are_rows() -> None:
    runs = [*made("cell=gru layers=1 steps=9", SIX), *made("cell=rnn layers=2 steps=9", SIX)]
    assert list(table(runs, [], []).row_keys) == ["cell", "layers"]
    assert list(table(runs, [], ["layers"]).row_keys) == ["cell"]
    alone = as_markdown(table(made("cell=gru", SIX), [], []), "c").splitlines()[-3:]
    assert alone == ["| best/val\\_loss |", "| ---: |", "| **0.2500 ± 0.1871** |"]


@pytest.mark.parametrize(
    ("rows", "columns", "told"),
    [
        (["cel"], [], "--rows cel: no run has this key; did you mean cell?"),
        ([], ["zzz"], "--columns zzz: no run has this key; choose from cell, dataset"),
        (["seed"], [], "--rows seed: each cell is a mean over seeds; leave it out"),
        (["cell"], ["cell"], "cell is in --rows and in --columns; keep it in one of them"),
    ],
)
def test_wrong_keys_are_named(rows: list[str], columns: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        table(grid(), rows, columns)


def test_runs_that_failed_early_are_left_out_and_counted() -> None:
    failed = made("cell=gru dataset=names", [9.0])[0]._replace(
        status="FAILED", group="", metrics={}
    )
    found = table([*grid(), failed], ["cell"], ["dataset"])
    assert found.notes == ["left out: 1 run that failed early or of unknown configuration"]
    lost = made("cell=lost dataset=names", [9.0], "")[0]._replace(status="FAILED", metrics={})
    (note,) = table([*grid(), failed, lost], ["cell"], ["dataset"]).notes
    assert note.startswith("left out: 2 runs")
    with pytest.raises(ConfigError, match="nothing to make a table of"):
        table([failed], ["cell"], [])


# What means something to a format, and texts of all alphabets.
SPECIAL = "\\{}$&#_%~^<>|\"'`*[]-,=@+!:; \n\r\tab0é恐\u2028\0\x1b"
odd = st.text(st.sampled_from(SPECIAL) | st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.lists(odd, min_size=1, max_size=4, unique=True)
every = settings(max_examples=60, deadline=None)


def odd_table(texts: list[str]) -> Results:
    """A row for each text, which is the name of a key and of a column, too."""
    key = f"k{texts[0]}"
    runs = []
    for text in texts:
        runs += [
            run._replace(
                settings={key: text, "column": texts[-1], "seed": str(seed)}, group=f"g{text}"
            )
            for seed, run in enumerate(made("a=b", [1.0, 2.0]))
        ]
    return table(runs, [key], ["column"])


def shown(texts: list[str]) -> list[str]:
    """Texts without the blanks that a format may shorten."""
    return [" ".join(printable(text).split()) for text in texts]


COMMANDS = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
    r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|",
    r"\textasciigrave{}": "`", r"\textquotedbl{}": '"', "{}": "",
    "{[}": "[", "{]}": "]", "{*}": "*",
    **{f"\\{c}": c for c in "{}$&#_%"},
}  # fmt: skip


def from_latex(cell: str) -> str:
    """What LaTeX prints for a cell; AssertionError for a character that has another meaning."""
    token = "|".join(map(re.escape, sorted(COMMANDS, key=len, reverse=True)))
    parts = re.findall(f"({token})|(.)", cell, re.DOTALL)
    assert not {plain for _, plain in parts} & set('\\{}$&#_%~^<>|"`[]*')
    assert not re.search(r"--|''|,,", cell)  # else a dash, another quotation mark
    return "".join(COMMANDS.get(command, plain) for command, plain in parts)


@every
@given(names)
def test_odd_names_are_printed_to_the_letter_by_latex(texts: list[str]) -> None:
    found = odd_table(texts)
    lines = as_latex(found, "c").splitlines()
    start = lines.index("\\toprule")
    assert all(line.startswith("%") for line in lines[: start - 1])
    rules = {"\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"}
    rows = [line for line in lines[start:] if line not in rules]
    assert all(line.endswith(r" \\") for line in rows)
    cells = [line.removesuffix(r" \\").split(" & ") for line in rows]
    assert all(len(row) == 2 for row in cells)
    read = [from_latex(row[0]) for row in cells]
    assert shown(read[1:]) == shown([row for (row,) in found.rows])
    assert shown([read[0], from_latex(cells[0][1])]) == shown(
        [f"k{texts[0]}", found.heading((texts[-1],))]
    )


class Cells(HTMLParser):
    """The texts of the cells of HTML, the tags and the comments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.comments: list[str] = []
        self.is_in_cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.is_in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.is_in_cell:
            self.cells[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@every
@given(names)
def test_odd_names_are_shown_to_the_letter_by_html_and_markdown(texts: list[str]) -> None:
    found = odd_table(texts)
    markdown = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    for page in (as_html(found, "c"), markdown.render(as_markdown(found, "c"))):
        read = Cells(page)
        assert len(read.comments) == 1
        assert read.tags <= {"table", "thead", "tbody", "tr", "th", "td", "strong", "u"}
        head = [f"k{texts[0]}", found.heading((texts[-1],))]
        assert shown(read.cells[:2]) == shown(head)
        assert shown(read.cells[2::2]) == shown([row for (row,) in found.rows])


@every
@given(names)
def test_odd_names_are_read_back_from_csv_and_json(texts: list[str]) -> None:
    found = odd_table(texts)
    lines = as_csv(found, "c").splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if not line.startswith("# "))
    head, *rows = csv.reader(io.StringIO("".join(lines[start:])))
    assert len(head) == 5 and all(len(row) == 5 for row in rows)
    assert [from_csv(row[0]) for row in rows] == [printable(row) for (row,) in found.rows]
    assert [row[1:4] for row in rows] == [["1.5", "0.7071067811865476", "2"]] * len(texts)
    cells = json.loads(as_json(found, "c"))["cells"]
    assert [one["row"] for one in cells] == [{f"k{texts[0]}": row} for (row,) in found.rows]


def test_pandas_reads_the_csv() -> None:
    import pandas

    runs = [*made("cell=#1 dataset=a,b", SIX), *made("cell=2 dataset=a,b", [3.0])]
    text = as_csv(table(runs, ["cell"], ["dataset"]), "c 'it''s'")
    read = pandas.read_csv(io.StringIO(text), comment="#", index_col=0)
    assert list(read.index.astype(str)) == ["2", "#1"]
    assert read["a,b: mean"].tolist() == [3.0, 0.25]
    assert read["a,b: seeds"].tolist() == [1, 6]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(commands, ["compare", *words])


@pytest.mark.parametrize("form", sorted(WRITERS))
def test_the_command_in_the_table_makes_it_again(sweep: Sweep, form: str) -> None:
    first = invoke("last", "--rows", "cell", "--columns", "dataset", "--format", form)
    assert first.exit_code == 0
    if form == "json":
        command = json.loads(first.output)["command"]
    else:
        command = re.findall(r"rnnx compare .*", first.output)[0]
    assert f"compare {sweep.id} " in command  # not `last`, which is another one tomorrow
    assert invoke(*shlex.split(command)[2:]).output == first.output
    for run in compare_sweep(sweep).with_value():
        assert run.run_id in first.output


def test_a_sweeps_table_has_the_means_of_the_comparison(sweep: Sweep) -> None:
    whole = compare_sweep(sweep)
    read = json.loads(invoke(sweep.id, "--rows", "cell", "--json").output)
    assert [one["row"]["cell"] for one in read["cells"]] == ["gru", "vanilla"]
    means = {group.name.partition("=")[2]: group.mean for group in whole.groups}
    assert {one["row"]["cell"]: one["mean"] for one in read["cells"]} == means
    (left_out,) = read["notes"]
    assert left_out.startswith("left out: 1 run ")
    keys = invoke(sweep.id, "--rows", "cell,cell.hidden_size", "--columns", "dataset").output
    assert keys.splitlines()[1].split("\t")[:2] == ["cell", "cell.hidden_size"]
    by_speed = ["--rows", "cell", "--metric", "final/tokens_per_s", "--json"]
    fast = json.loads(invoke(sweep.id, *by_speed).output)
    assert fast["better"] == "higher"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rows", "cel"], "--rows cel: no run has this key; did you mean cell?"),
        (["--rows", "cell.hiden_size"], "did you mean cell.hidden_size?"),
        (
            ["--rows", "checkpoint"],
            "checkpoint: is a group of keys; choose from checkpoint.",
        ),
        (["--rows", "optimizer"], "optimizer=adam holds 2 configurations, which differ in cell"),
        (["--rows", "cell", "--metric", "best/val_los"], "did you mean best/val_loss?"),
        (["--json", "--format", "latex"], "--json and --format latex: choose one of them"),
    ],
)
def test_wrong_words_are_input_errors(sweep: Sweep, words: list[str], told: str) -> None:
    failed = invoke(sweep.id, *words)
    assert isinstance(failed.exception, RnnxError)
    assert told in str(failed.exception)


def test_a_terminal_shows_the_marks_and_what_they_mean() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=60)
    print_results(table(grid(), ["cell"], ["dataset"]), console)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        " cell              names            tunes",
        " gru   * 1.2500 ± 0.1871  7.2500 ± 0.1871",
        " lstm  ~ 1.2500 ± 0.1871                —",
        " rnn     2.2500 ± 0.1871         * 5.0000",
        "best/val_loss (lower is better): mean ± sample standard",
        "deviation over seeds",
        "*: the best in a column; ~: not told apart from it (p >",
        "0.05)",
        "cells of one seed, and all beside a best one of one seed,",
        "are not tested",
    ]


def test_a_key_that_some_configurations_lack_is_a_dash() -> None:
    runs = [*made("cell=gru gate=1", SIX), *made("cell=rnn", SIX)]
    assert table(runs, ["cell", "gate"], []).rows == [("gru", "1"), ("rnn", "—")]
