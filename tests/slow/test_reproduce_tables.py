"""Published tables from the command line: theory's predictions, and a kill in the middle."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from checked_sweep import jobs
from processes import read_until, run_rnnx, start_rnnx

from rnnx.comparison.published import table_named, table_names
from rnnx.sweeps.reproducing import sweep_words

pytestmark = pytest.mark.slow

CAN, CANNOT = ["vanilla", "lstm", "gru"], ["min_gru", "min_lstm", "rg_lru"]


def quick(name: str, rows: Sequence[str], *more: str) -> list[str]:
    chosen = [word for row in rows for word in ("--row", row)]
    return ["reproduce", name, "--quick", *chosen, "--jobs", "1", "seed=0", "tracker=none", *more]


def rows_in(printed: str) -> dict[tuple[str, str], dict[str, str]]:
    """(row, figure) → the line in a pipe."""
    lines = [line.split("\t") for line in printed.splitlines()]
    start = next(place for place, line in enumerate(lines) if line[:2] == ["row", "figure"])
    head = lines[start]
    found = [dict(zip(head, line, strict=True)) for line in lines[start + 1 :] if line[1:]]
    return {(line["row"], line["figure"]): line for line in found}


def test_parity_comes_out_as_theory_says_after_a_kill() -> None:
    """A cell whose state turns over learns parity; one that fades by its input alone cannot."""
    command = quick("parity", [*CAN, *CANNOT], "--write", "results.md")
    process = start_rnnx(*command)
    assert read_until(process, "job 2 of 6")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not Path("results.md").exists()
    printed = run_rnnx(*command)
    assert "4 finished, 2 skipped" in printed
    found = rows_in(printed)
    for row in CAN:
        assert float(found[row, "scaled accuracy"]["measured"]) > 0.9, row
    for row in CANNOT:
        assert float(found[row, "scaled accuracy"]["measured"]) < 0.3, row
    assert {line["verdict"] for line in found.values()} == {"as predicted"}
    assert "| lstm | 1.0" in Path("results.md").read_text("utf-8")


@pytest.mark.parametrize("name", table_names())
def test_every_row_and_every_figure_has_valid_jobs(name: str, tmp_path: Path) -> None:
    """All rows with one figure, and all figures with one row: the zoo has 230 pairs of them."""
    table, data = table_named(name), Path(__file__)
    if name == "chorales":  # whose data is no text
        data = tmp_path / "rolls.json"
        parts = dict.fromkeys(("train", "valid", "test"), [[[60, 64], [62]]] * 16)
        data.write_text(json.dumps(parts), "utf-8")
    typed = [f"{key}={data}" for key in table.needs]
    apart = len({tuple(figure.overrides) for figure in table.figures})
    one_figure, one_row = (
        replace(table, figures=table.figures[:1]),
        replace(table, rows=table.rows[:1]),
    )
    quick = sweep_words(one_figure, True, [*typed, "seed=0"])
    assert len(jobs(*quick)) == len(table.rows)
    assert len(jobs(*sweep_words(one_row, True, [*typed, "seed=0"]))) == apart
