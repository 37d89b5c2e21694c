"""predictions.csv: held-out examples by step, and a table of them where the tracker shows any."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.runs import rounds_file
from rnnx.runs.folder import RunFolder
from rnnx.runs.predictions_file import Round, Shown, append, rewind, rounds
from rnnx.runs.tracking import Tracking


def shown(*predictions: str) -> list[Shown]:
    return [Shown(str(k + 1), f"in {k}", "b", text) for k, text in enumerate(predictions)]


def test_a_longer_run_predicts_the_end_anew(tmp_path: Path) -> None:
    table = tmp_path / "predictions.csv"
    append(table, 1, shown("a", "b"))
    append(table, 30, shown("b", "=1+1"))
    append(table, 30, shown("c"), is_final=True)
    assert rounds(table)[1:] == [
        Round(30, False, shown("b", "=1+1")),
        Round(30, True, shown("c")),
    ]
    assert rounds_file.table(table)[1][3] == ["30", "false", "2", "in 1", "b", "=1+1"]
    rewind(table, 30)
    assert [(one.step, one.is_final) for one in rounds(table)] == [(1, False), (30, False)]
    rewind(table, 0)
    assert table.read_bytes() == b""
    append(table, 2, shown("x"))
    assert rounds(table) == [Round(2, False, shown("x"))]


@given(st.lists(st.text(min_size=0, max_size=8), min_size=1, max_size=5))
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    table = tmp_path_factory.mktemp("t") / "predictions.csv"
    texts = [text.replace("\r", "") for text in texts if text.isprintable()]
    append(table, 3, shown(*texts))
    assert rounds(table) == ([Round(3, False, shown(*texts))] if texts else [])


def test_a_torn_row_and_a_foreign_file_are_no_predictions(tmp_path: Path) -> None:
    table = tmp_path / "predictions.csv"
    append(table, 1, shown("a", "b"))
    with table.open("a", encoding="utf-8") as file:
        file.write("2,false,1,x")
    assert rounds(table) == [Round(1, False, shown("a", "b"))]
    table.write_text("step,final,text\n1,false,a\n", "utf-8")
    assert rounds(table) == []
    assert rounds(tmp_path / "none.csv") == []


class Log:
    """A tracker's run; ``table`` is set where it shows tables."""

    id = "abc"

    def __init__(self) -> None:
        self.files: list[str] = []
        self.tables: list[list[list[str]]] = []

    def params(self, params) -> None: ...
    def points(self, points) -> None: ...
    def tags(self, tags) -> None: ...
    def image(self, name, path, step) -> None: ...
    def finish(self, status, ended=None) -> None: ...

    def file(self, path: Path, folder: str = "") -> None:
        self.files.append(path.name)


class TableLog(Log):
    def table(self, name: str, columns: list[str], rows: list[list[str]]) -> None:
        assert name == "predictions"
        self.tables.append([columns, *rows])


@pytest.mark.parametrize("kind", [Log, TableLog])
def test_a_tracker_gets_the_whole_table_and_at_the_end_the_file(kind: type[Log]) -> None:
    folder = RunFolder.create("outputs", {}, {})
    folder.begin("abc")
    log = kind()
    with Tracking(lambda: log, folder, print) as tracking:
        for step in (1, 2, 3):
            tracking.predictions(step, shown("a"))
        tracking.artifacts()
        tracking.finish("FINISHED")
    assert log.files.count("predictions.csv") == 1
    if kind is TableLog:  # whatever of the rounds was sent together, the last one has all
        assert [row[0] for row in log.tables[-1]] == ["step", "1", "2", "3"]
    else:
        assert not log.tables
