"""Files of numbers and arrays that a user wrote: every number, and every fault in one line."""

import csv
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx.data import number_table
from rnnx.data.array_file import read_arrays
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.number_table import read_numbers
from rnnx.data.table_file import csv_rows
from rnnx.errors import DataError

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def table(content: str | bytes, **how) -> number_table.NumberTable:
    data = content.encode() if isinstance(content, str) else content
    return read_numbers(NamedFile("t.csv", data), **how)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from(["", "\ufeff"]),
)
def test_every_number_is_read(rows, delimiter, newline, in_quotes, mark) -> None:
    quoting = csv.QUOTE_ALL if in_quotes else csv.QUOTE_MINIMAL
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=quoting)
    writer.writerows([("a", " b "), *((repr(x), repr(y)) for x, y in rows)])
    # NumPy's own reader takes \r alone for a blank; here it ends a line, as in Python.
    found = table(mark + out.getvalue().replace("\n", newline) + newline)
    assert found.names == ("a", "b")
    assert found.values.tolist() == [list(row) for row in rows]


def test_columns_are_chosen_by_name_or_by_number() -> None:
    text = "a,b,c\n1,2,3\n\n4,5,6\n"
    assert table(text, wanted=[("c", "k"), ("a", "k")]).values.tolist() == [[3, 1], [6, 4]]
    assert table("1;2\n3;4").names == ("1", "2")
    assert table("1;2\n3;4", wanted=[("2", "k")]).values.tolist() == [[2], [4]]
    assert table("7\n8\n").values.tolist() == [[7], [8]]
    assert table(",a\n0,1\n").names == ("1", "a")


WRONG = {
    "a,b\n1,2\n\n3,x\n": "t.csv, line 4: column 'b' is 'x'; expected a finite number",
    "a,b\n1,\n": "t.csv, line 2: column 'b' is empty; expected a finite number; leave out rows",
    "a\nnan\n": "t.csv, line 2: column 'a' is 'nan'; expected a finite number; leave out rows",
    "a\n1\ninf\n": "t.csv, line 3: column 'a' is 'inf'; expected a finite number",
    "a\n1_0\n": "t.csv, line 2: column 'a' is '1_0'; expected a finite number",
    "a;b\n1,5;2\n": "line 2: column 'a' is '1,5'; expected a finite number with a point",
    "a,b\n1,2,3\n": "t.csv, line 2: has 3 columns; expected 2, as in the first row",
    "a,b\n1\n": "t.csv, line 2: has 1 columns; expected 2, as in the first row",
    "a,b,a\n1,2,3\n": "the header names 'a' twice, columns 1 and 3",
    'a,b\n1,"2\n': "t.csv, line 2: is no row of CSV",
    "a,b\n": "t.csv: has a header and no rows",
    "": "t.csv: is empty",
    "\n \n": "t.csv: is empty",
    "a\n\0\n": "t.csv, line 2: looks binary",
}


@pytest.mark.parametrize("content", WRONG, ids=lambda text: repr(text)[:30])
def test_a_fault_in_a_table_is_one_line_that_says_where(content: str) -> None:
    with pytest.raises(DataError) as error:
        table(content)
    assert WRONG[content] in str(error.value)
    assert "\n" not in str(error.value)


def test_other_encodings_are_named() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        with pytest.raises(DataError, match="not UTF-8; convert it: iconv"):
            table("name,b\n1,2\n".encode(encoding))
    with pytest.raises(DataError, match="is not UTF-8"):
        table("größe\n1\n".encode("latin-1"))


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"t\.csv: has no column 'tempe'; k is one of temp, wind"):
        table("temp,wind\n1,2\n", wanted=[("tempe", "k")])


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    for path, what in {
        "": "dataset.path: is not set",
        "no.csv": "dataset.path=no.csv: there is no such file in",
        str(tmp_path): "is a folder; name a file in it",
        "/dev/null": "is no regular file",
        "a\0b": "is not the name of a file",
    }.items():
        with pytest.raises(DataError, match=what):
            named_file(path, "dataset.path")


def test_a_large_table_takes_little_more_than_its_numbers() -> None:
    rows = 60_000
    Path("t.csv").write_text("a,b,c,d\n" + "1.5,-2.25,3e-3,4\n" * rows, "utf-8")
    tracemalloc.start()
    found = read_numbers(named_file("t.csv"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.values.shape == (rows, 4)
    assert peak < 4 * found.values.nbytes


def test_a_cell_with_a_line_break_counts_its_lines() -> None:
    rows = list(csv_rows(NamedFile("t.csv", b'a,b\n"x\ny",1\nz,2\n')))
    assert [row.cells for row in rows] == [["a", "b"], ["x\ny", "1"], ["z", "2"]]
    assert [row.line for row in rows] == [1, 3, 4]


def test_arrays_are_read_and_never_unpickled(tmp_path: Path) -> None:
    np.savez("a.npz", x=np.arange(6.0).reshape(2, 3), y=np.array([True, False]))
    found = read_arrays(named_file("a.npz"))
    assert found["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    np.save("x.npy", np.arange(3))
    assert read_arrays(named_file("x.npy"))["x"].tolist() == [0, 1, 2]

    class Evil:
        def __reduce__(self):
            return Path(tmp_path / "ran").touch, ()

    np.savez("evil.npz", x=np.array([Evil()], object))
    np.save("evil.npy", np.array([Evil()], object))
    for name in ("evil.npz", "evil.npy"):
        with pytest.raises(DataError, match="holds Python objects"):
            read_arrays(named_file(name))
    assert not (tmp_path / "ran").exists()


def test_a_fault_in_an_array_file_is_one_line() -> None:
    np.savez("a.npz", x=np.arange(6.0), y=np.array(["a"]))
    np.savez("nan.npz", x=np.array([[1.0, np.nan]]))
    whole = Path("a.npz").read_bytes()
    Path("torn.npz").write_bytes(whole[: len(whole) // 2])
    Path("t.npz").write_text("no arrays")
    Path("empty.npz").write_bytes(b"")
    for name, what in {
        "a.npz": "array 'y' is <U1; expected numbers",
        "nan.npz": r"array 'x' at \(0, 1\) is nan",
        "torn.npz": "is damaged",
        "t.npz": r"is no \.npy or \.npz file",
        "empty.npz": r"is no \.npy or \.npz file",
    }.items():
        with pytest.raises(DataError, match=what):
            read_arrays(named_file(name))
