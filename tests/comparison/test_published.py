"""Published tables: what a file may say, and a figure beside what was published and predicted."""

import dataclasses
import math
from pathlib import Path

import pytest
from published_tables import TABLE

from rnnx.comparison.published import Figure, read_table, table_named, table_names, with_rows
from rnnx.comparison.reproduced import Entry, measured, section, write_section
from rnnx.comparison.runs import ComparedRun
from rnnx.errors import ConfigError, StoreError
from rnnx.runs.folder import RunFolder
from rnnx.sweeps.reproducing import laid_out, sweep_words


def read(tmp_path: Path, text: str = TABLE, name: str = "names"):
    file = tmp_path / f"{name}.yaml"
    file.write_text(text, "utf-8")
    return read_table(file, name)


def run(seed: int, value: float, status: str = "FINISHED", folder: RunFolder | None = None):
    metrics = {"final/val_loss": value, "final/seconds": 30.0}
    return ComparedRun("x", status, f"r{seed}", "", {}, metrics, "g", folder, {"seed": seed})


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("title:", "titel:", "has no key titel"),
        ("source: nobody\n", "", "lacks source"),
        ("better: lower", "better: less", "better is higher or lower"),
        ("mark: second-hand", "mark: rumour", "row plain: mark what is published as confirmed or"),
        ("published: {loss: 1.5}", "published: {los: 1.5}", "no figure is called los"),
        ("predicted: {loss: can}", "predicted: {loss: maybe}", "can or cannot"),
        (", solved: 100", "", "of a figure with a bound"),
        ("rows:", "rows: [", "expected"),
        (TABLE, "7", "is no mapping"),
        (TABLE[TABLE.index("figures:") :], "figures: []\nrows: []", "give a list of one or more"),
    ],
)
def test_a_wrong_table_is_one_line_with_its_file(
    tmp_path: Path, before: str, after: str, cause: str
) -> None:
    assert before in TABLE
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, TABLE.replace(before, after))
    message = str(caught.value)
    assert cause in message
    assert "names.yaml" in message
    assert "\n" not in message


def test_a_figure_is_scaled_or_a_root() -> None:
    scaled = Figure("f", "m", chance=0.5, best=1)
    assert [scaled.of(value) for value in (0.5, 0.75, 1)] == [0, 0.5, 1]
    assert "0.5 is 0 and 1 is 1" in scaled.meaning
    assert Figure("f", "m", root=True).of(0.25) == 0.5
    assert Figure("f", "m", best=0.01).of(0.5) == pytest.approx(50)


def test_means_are_over_the_seeds_that_finished_with_a_number(tmp_path: Path) -> None:
    table = read(tmp_path)
    runs = [run(0, 1.0), run(1, 2.0), run(2, 9.0, "KILLED"), run(3, math.nan)]
    found = measured(table.rows[0], table.figures[0], runs)
    assert (found.mean, found.spread) == (1.5, pytest.approx(math.sqrt(0.5)))
    assert list(found.by_seed) == ["0", "1"]
    assert found.failed == 2
    assert found.minutes == 0.5


def test_a_metric_over_lengths_is_read_at_the_nearest(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    points = [("by", 0.1, 104), ("by", 0.2, 199), ("by", 0.4, 396), ("other", 9, 200)]
    folder.metrics.write_text("".join(f'["{k}", {v}, {s}, 1]\n' for k, v, s in points))
    table = read(tmp_path)
    for at, value in ((100, 0.1), (200, 0.2), (400, 0.4)):
        found = measured(table.rows[0], Figure("f", "by", at=at), [run(0, 7, folder=folder)])
        assert found.mean == value


@pytest.mark.parametrize(
    ("said", "value", "verdict"),
    [
        ("can", 0.95, "as predicted"),
        ("can", 0.5, "not learned"),
        ("cannot", 0.5, "as predicted"),
        ("cannot", 0.95, "contradicts"),
        ("", 0.95, ""),
    ],
)
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_what_was_measured_beside_theory(
    tmp_path: Path, said: str, value: float, verdict: str, better: str
) -> None:
    from dataclasses import replace

    sign = 1 if better == "higher" else -1
    figure = Figure("f", "final/val_loss", better=better, solved=0.9 * sign)
    row = replace(read(tmp_path).rows[0], predicted={"f": said} if said else {})
    assert measured(row, figure, [run(0, value * sign)]).verdict == verdict
    assert measured(row, figure, []).verdict == ""


def entries(tmp_path: Path, *values: float) -> tuple[object, list[Entry]]:
    table = read(tmp_path)
    figure = table.figures[0]
    runs = [[run(0, value)] if math.isfinite(value) else [] for value in values]
    return table, [measured(row, figure, own) for row, own in zip(table.rows, runs, strict=True)]


def test_a_section_has_what_a_reader_needs_to_judge_it(tmp_path: Path) -> None:
    table, found = entries(tmp_path, 1.0, 2.0, math.nan, 4.0)
    text = section(table, found, ["rnnx", "reproduce", "names", "seed=0"])
    assert "| plain | 1.500 † | 1.000 (cannot ✗) | 1 | 0 | 0.5 |" in text
    assert "| gated | — | 2.000 (can ✓) | 1 |" in text
    assert "| open gate" not in text
    assert "Not run, and so left out: open gate." in text
    assert "rnnx reproduce names seed=0" in text
    assert "Seeds: 0." in text
    assert "told by others" in text
    assert "- plain: it is plain." in text


def test_a_section_counts_the_runs_that_failed(tmp_path: Path) -> None:
    table = read(tmp_path)
    runs = [run(0, 1.0), run(1, math.nan), run(2, 3.0, "FAILED")]
    text = section(table, [measured(table.rows[1], table.figures[0], runs)], ["rnnx"])
    assert "count in no mean: gated (2)." in text


def test_a_section_counts_the_runs_that_never_met_the_criterion(tmp_path: Path) -> None:
    table = read(tmp_path)
    figure = dataclasses.replace(table.figures[0], metric="final/solved_at")
    table = dataclasses.replace(table, figures=[figure])
    solved = run(1, 1.0)
    solved = solved._replace(metrics={**solved.metrics, "final/solved_at": 300.0})
    text = section(table, [measured(table.rows[1], figure, [run(0, 1.0), solved])], ["rnnx"])
    assert f"Runs that ended without {figure.name}, and count in no mean: gated (1)." in text
    assert "failed or diverged" not in text and "300" in text
    text = section(table, [measured(table.rows[1], figure, [run(0, 1.0)])], ["rnnx"])
    assert "| gated | — | 0 | 0 | 0.5 |" in text and "left out" not in text
    assert "Seeds" not in text


def test_a_row_whose_every_run_failed_is_told_from_one_that_was_not_run(tmp_path: Path) -> None:
    table = read(tmp_path)
    runs = [[run(0, 1.0)], [run(0, math.nan), run(1, 3.0, "FAILED")], []]
    pairs = zip(table.rows, runs, strict=False)
    text = section(table, [measured(row, table.figures[0], own) for row, own in pairs], ["rnnx"])
    assert "Every run failed or diverged, and so the row is left out: gated (2)." in text
    assert "Not run, and so left out: open gate." in text


def test_a_section_takes_the_place_of_its_earlier_one(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("# Mine\n\nA word.\n")
    table = read(tmp_path)
    other = read(tmp_path, name="others")
    for text in ("first \\1", "second \\g<0>"):
        write_section(page, table, text)
        write_section(page, other, f"other {text}")
    written = page.read_text("utf-8")
    assert written.startswith("# Mine\n\nA word.\n")
    assert "first" not in written
    assert written.count("<!-- rnnx reproduce names -->") == 1
    assert written.index("second \\g<0>") < written.index("other second")
    with pytest.raises(StoreError, match="name another file with --write"):
        write_section(tmp_path / "no" / "where.md", table, "x")


def test_one_row_alone(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert [row.name for row in with_rows(table, ["gated"]).rows] == ["gated"]
    with pytest.raises(ConfigError, match="choose from plain, gated, open gate, gate; did you"):
        with_rows(table, ["gatd"])


def test_every_table_says_what_theory_and_papers_say() -> None:
    """Each figure's runs differ from those of all others, or a mean would be of two rows."""
    assert "parity" in table_names()
    for name in table_names():
        table = table_named(name)
        assert table.title and table.source and table.differs
        for quick in (False, True):
            _, parts = laid_out(table, quick, [])
            own = [tuple(sorted(part.own.items())) for part in parts]
            apart = {tuple(figure.overrides) for figure in table.figures}
            assert len(set(own)) == len(table.rows) * len(apart), name
            assert sweep_words(table, quick)
