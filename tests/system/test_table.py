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
