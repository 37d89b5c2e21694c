"""A large text of ASCII is read as any other, and looked through once."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnx
from rnnx.data import digest
from rnnx.data.coded import CodedIds
from rnnx.errors import DataError
from rnnx_builtin.datasets import large_text
from rnnx_builtin.datasets.text_file import read_text

TEXT = "It was the best of times,\nit was the worst of times.\n" * 60
RUN = ["dataset=text", "dataset.path=t.txt", "dataset.length=16", "cell.hidden_size=8"]
REST = ["batch_size=6", "tracker=none", "baseline=never", "seed=1", "backend=numpy"]


@pytest.fixture(autouse=True)
def text(own_folder: Path) -> None:
    Path("t.txt").write_text(TEXT, "utf-8")
    os.utime("t.txt", (1e9, 1e9))


def as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_text, "LARGE", 100)
    monkeypatch.setattr(large_text, "CHUNK_SIZE", 64)
    monkeypatch.setattr(large_text, "SETTLED", -(10**18))  # the test's file is new


def trained(more: list[str]) -> list[Any]:
    session = rnnx.build([*RUN, *REST, *more])
    losses = [session.step() for _ in range(70)]  # more than an epoch
    return [*losses, session.evaluate(), session.evaluate_train(), session.identity]


@pytest.mark.parametrize("more", [[], ["batch_size=1"], ["eval_tokens=37"]])
def test_training_and_digests_are_those_of_the_text_as_an_array(
    more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trained(more)
    as_large(monkeypatch)
    assert trained(more) == plain
    assert list(Path("cache").rglob("split-*.json"))
    monkeypatch.setattr(digest, "_content", None)  # would fail if it were called
    assert trained(more) == plain


def test_its_ids_are_indexed_as_an_array_is(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = np.asarray(read_text("t.txt", False, False).ids)
    as_large(monkeypatch)
    found: Any = read_text("t.txt", False, False).ids
    assert isinstance(found, CodedIds)
    assert (len(found), found.shape, found.dtype) == (len(expected), expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)
    places = np.array([[5, 0], [7, 900]])
    for index in (3, -1, slice(4, 90), slice(None, None, 7), places, expected == 2):
        np.testing.assert_array_equal(found[index], expected[index])
    np.testing.assert_array_equal(found.take(places, mode="clip"), expected.take(places))
    both = found[:96].reshape(8, 12)[:, 2:7].T.astype(np.intp), expected[:96].reshape(8, 12)
    np.testing.assert_array_equal(both[0], both[1][:, 2:7].T)
    assert both[0].flags.c_contiguous and both[0].dtype == np.intp


def test_what_is_known_of_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    as_large(monkeypatch)
    first = read_text("t.txt", False, False)
    with monkeypatch.context() as no_reading:
        no_reading.setattr(large_text, "_read", None)  # would fail if it were called
        again = read_text("t.txt", False, False)
    assert (again.symbols, again.sha256) == (first.symbols, first.sha256)
    for path in Path("cache/texts").iterdir():
        path.write_text('{"signature": [1], "sha256": 3}')
    assert read_text("t.txt", False, False).sha256 == first.sha256
    Path("t.txt").write_text(TEXT.upper(), "utf-8")  # as many bytes
    assert "B" in read_text("t.txt", False, False).symbols
    assert not list(Path("cache").rglob("*.bin"))


def test_a_file_that_has_just_changed_is_read_again() -> None:
    large_text.LARGE, before = 100, large_text.LARGE
    try:
        os.utime("t.txt")
        read_text("t.txt", False, False)
        assert not list(Path("cache").rglob("*.json"))
    finally:
        large_text.LARGE = before


def test_a_text_that_is_written_while_it_is_trained_on_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_large(monkeypatch)
    session = rnnx.build([*RUN, *REST])
    session.step()
    with Path("t.txt").open("a") as file:
        file.write("more")
    with pytest.raises(DataError, match="has changed since the run began"):
        session.step()


def test_a_text_that_another_file_replaces_is_trained_on_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_large(monkeypatch)
    session = rnnx.build([*RUN, *REST])
    Path("t.txt").chmod(0o600)
    first = session.step()
    Path("new.txt").write_text("another text")
    Path("new.txt").replace("t.txt")
    losses = [session.step() for _ in range(5)]
    Path("t.txt").write_text(TEXT, "utf-8")
    again = rnnx.build([*RUN, *REST])
    assert [again.step() for _ in range(6)] == [first, *losses]


@pytest.mark.parametrize("end", ["é", "\r\n", "\0"])
def test_other_texts_are_read_as_before(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_large(monkeypatch)
    Path("t.txt").write_bytes((TEXT + end).encode())
    if end == "\0":
        with pytest.raises(DataError, match="looks binary"):
            read_text("t.txt", False, False)
        return
    assert not isinstance(read_text("t.txt", False, False).ids, CodedIds)
