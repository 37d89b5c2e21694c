"""samples.csv: a step is a number in every row, and what was drawn at the end says so itself."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.runs.samples_file import Round, append, rewind, rounds

EARLIER = "step,text\r\n1,ada\r\n30,bob\r\nfinal,eve\r\nfinal,\r\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "samples.csv"


def rows(table: Path) -> list[list[str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_pandas_reads_columns_of_one_type_each(table: Path) -> None:
    pandas = pytest.importorskip("pandas")
    append(table, 1, ["ada", "=1+1"])
    append(table, 30, ["bob", "a\nb"])
    append(table, 30, ["final", "3"], is_final=True)
    found = pandas.read_csv(table)
    assert list(found.columns) == ["step", "final", "text"]
    assert (found.step.dtype, found.final.dtype) == ("int64", "bool")
    assert found.step.tolist() == [1, 1, 30, 30, 30, 30]
    assert found[found.final].text.tolist() == ["final", "3"]
    assert rounds(table)[-1].texts == ["final", "3"]


def test_a_longer_run_has_none_of_the_end_s(table: Path) -> None:
    append(table, 1, ["ada"])
    append(table, 30, ["bob", "final"])
    before = table.read_bytes()
    append(table, 30, ["eve"], is_final=True)
    assert rounds(table) == [
        Round(1, False, ["ada"]),
        Round(30, False, ["bob", "final"]),
        Round(30, True, ["eve"]),
    ]
    append(table, 40, ["dan"])
    rewind(table, 30)
    assert table.read_bytes() == before
    rewind(table, 0)
    assert table.read_bytes() == b""
    append(table, 1, ["ada"])
    assert rows(table) == [["step", "final", "text"], ["1", "false", "ada"]]


def test_a_file_of_an_earlier_version_gets_the_column(table: Path) -> None:
    table.write_text(EARLIER, newline="")
    assert rounds(table)[-1].texts == ["eve", ""]
    assert rounds(table)[1:] == [Round(30, False, ["bob"]), Round(None, True, ["eve", ""])]
    rewind(table, 30)
    append(table, 60, ["eve"], is_final=True)
    assert rows(table) == [
        ["step", "final", "text"],
        ["1", "false", "ada"],
        ["30", "false", "bob"],
        ["60", "true", "eve"],
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    table = tmp_path_factory.mktemp("run") / "samples.csv"
    append(table, 3, texts)
    assert rounds(table)[-1].texts == texts
    before = table.read_bytes()
    rewind(table, 3)
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    "left",
    [
        "",
        "st",
        "step,final,te",
        "step,final,text\r\n",
        "step,final,text\r\n40,fal",
        "\xff\0",
        EARLIER,
    ],
)
def test_what_a_kill_tore_is_dropped(left: str, table: Path) -> None:
    table.write_bytes(left.encode("latin-1"))
    rewind(table, 0)
    assert table.read_bytes() == b""


def test_no_file_has_no_samples(table: Path) -> None:
    rewind(table, 3)
    assert rounds(table) == [] and not table.exists()
    table.write_bytes(b"\xff\xfe")
    assert rounds(table) == []
    table.write_text("step,final,text\r\nx,false,a\r\n12\r\n" + "1" * 30 + ",false,c\r\n")
    assert rounds(table) == []
