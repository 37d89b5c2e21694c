"""Tables on a terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from rnnx.system.table import Column, print_table

COLUMNS = [Column("rank", is_number=True), Column("final/loss", "loss"), Column("name")]
ROWS = [["1", "0.5", "probe=[saturation]"], ["10", "0.75", "a long name without a space"]]


def drawn(width: int, *optional: str) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=width)
    print_table(console, COLUMNS, ROWS, optional)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_terminal_gets_aligned_columns() -> None:
    assert drawn(80) == [
        " rank  loss  name",
        "    1  0.5   probe=[saturation]",
        "   10  0.75  a long name without a space",
    ]


def test_a_narrow_terminal_does_without_optional_columns_in_their_order() -> None:
    assert drawn(80, "final/loss", "rank")[0] == " rank  loss  name"
    assert drawn(40, "final/loss", "rank")[0] == " rank  name"
    assert drawn(32, "final/loss", "rank")[0] == " name"
    folded = drawn(20, "final/loss", "rank")
    assert "".join(folded[1:]).replace(" ", "") == "probe=[saturation]alongnamewithoutaspace"


@pytest.mark.parametrize("head", [True, False])
def test_a_pipe_gets_every_column_behind_tabs(
    head: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(Console(width=10), COLUMNS, ROWS, ["rank"], head_in_pipe=head)
    lines = ["rank\tfinal/loss\tname"] * head + ["\t".join(row) for row in ROWS]
    assert capsys.readouterr().out == "\n".join(lines) + "\n"


JOBS = [Column(name) for name in ("rank", "job", "status", "best held-out", "job seconds", "run")]
RANKED = [
    ["1", "cell=vanilla seed=0", "FINISHED", "2.4567", "12.3", "0123abcd", ""],
    ["2", "cell=gru seed=1", "FAILED", "—", "1.2", "4567cdef", ""],
]


def at_60_columns(rows: list[list[str]], soft_wrap: bool = True) -> list[str]:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, color_system=None, width=60, soft_wrap=soft_wrap
    )
    print_table(console, [*JOBS, Column("cause")], rows)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_narrow_terminal_breaks_lines_between_words_and_has_no_empty_column() -> None:
    lines = at_60_columns(RANKED)
    assert lines == at_60_columns(RANKED, soft_wrap=False)
    text = "\n".join(lines)
    assert "cause" not in text and "…" not in text
    assert all(len(line) <= 60 for line in lines)
    for word in ("cell=vanilla", "seed=0", "FINISHED", "2.4567", "12.3", "0123abcd", "4567cdef"):
        assert word in text, lines


def test_a_head_breaks_between_words_while_the_cells_can_give_way() -> None:
    columns = [Column(name) for name in ("id", "status", "best held-out", "started", "overrides")]
    rows = [["d09c16e2fbe7", "FINISHED", "2.4567", "2026-11-29 21:12", "cell=vanilla seed=1"]]

    def at(width: int) -> str:
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, color_system=None, width=width)
        print_table(console, columns, rows, expendable=["started"])
        return file.getvalue()

    for width in range(33, 90):
        shown = at(width)
        assert all(len(line.rstrip()) <= width for line in shown.splitlines())
        for word in ("id", "status", "best", "held-out", "overrides"):
            assert f" {word} " in shown, shown
        assert ("started" in shown) == (width >= 2 + 6 + 8 + 7 + 9 + 5 * 2)


@pytest.mark.parametrize("width", range(14, 120, 7))
def test_a_terminal_of_any_width_shows_every_letter(width: int) -> None:
    rows = [[*row[:-1], "DataError: dataset.path=names.txt: no such file"] for row in RANKED]
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=width)
    print_table(console, [*JOBS, Column("cause")], rows)
    drawn = file.getvalue()
    if width >= 2 * 7 + 7:  # a letter a column
        assert sorted(drawn.replace(" ", "").replace("\n", "")) == sorted(
            "".join(
                [*(c.name for c in JOBS), "cause", *(cell for row in rows for cell in row)]
            ).replace(" ", "")
        )
    assert all(len(line) <= max(width, 21) for line in drawn.splitlines())
