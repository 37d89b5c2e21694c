"""From a file to ids: every character, whatever the pieces, and every fault in one line."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rnnx.errors import DataError
from rnnx_builtin.datasets import text_file
from rnnx_builtin.datasets.text_file import read_text


def decoded(text: text_file.TextFile) -> str:
    return "".join(text.symbols[i] for i in text.ids)


def expected(content: str, lower: bool, lines: bool) -> str:
    content = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    content = content.lower() if lower else content
    if lines:
        content = "".join(line + "\n" for line in content.split("\n") if line)
    return content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.text(st.sampled_from(symbols), min_size=3, max_size=60)
        for symbols in ("aB cÄß天Σ\n\r𝄞", "aB c\n~\x7f")  # the second is read byte by byte
    ),
    lower=st.booleans(),
    lines=st.booleans(),
    piece=st.integers(1, 20),
)
def test_ids_stand_for_the_text(
    content: str, lower: bool, lines: bool, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_file, "CHUNK_SIZE", piece)
    Path("t.txt").write_bytes(content.encode())
    want = expected(content, lower, lines)
    told = set(want) - ({"\n"} if lines else set())
    if len(told) < 2:
        with pytest.raises(DataError):
            read_text("t.txt", lower, lines)
        return
    found = read_text("t.txt", lower, lines)
    # A lone Σ may become σ or ς by what stands around it; a cut can fall between two words only.
    assert decoded(found).replace("ς", "σ") == want.replace("ς", "σ")
    assert list(found.symbols) == sorted(found.symbols)
    assert found.ids.dtype == np.uint8


def test_many_symbols_take_a_wider_type() -> None:
    Path("t.txt").write_text("".join(chr(0x4E00 + i) for i in range(300)), "utf-8")
    found = read_text("t.txt", False, False)
    assert found.ids.dtype == np.uint16
    assert len(found.symbols) == 300


def test_a_byte_order_mark_is_no_symbol() -> None:
    Path("t.txt").write_bytes(b"\xef\xbb\xbfabc")
    assert decoded(read_text("t.txt", False, False)) == "abc"


def test_the_second_reading_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("t.txt").write_text("hello\nworld\n", "utf-8")
    first = read_text("t.txt", False, True)
    Path("other.txt").write_text("hello\nworld\n", "utf-8")
    monkeypatch.setattr(text_file, "_symbols", None)  # would fail if it were called
    second = read_text("other.txt", False, True)
    assert decoded(first) == decoded(second)
    assert isinstance(second.ids.base, np.memmap)


def test_a_damaged_cache_is_made_again() -> None:
    Path("t.txt").write_text("hello\nworld\n", "utf-8")
    read_text("t.txt", False, True)
    for path in Path("cache/ids").iterdir():
        path.write_bytes(path.read_bytes()[:3])
    assert decoded(read_text("t.txt", False, True)) == "hello\nworld\n"


def test_other_options_have_their_own_cache() -> None:
    Path("t.txt").write_text("Ab\n\nc", "utf-8")
    texts = [decoded(read_text("t.txt", *options)) for options in OPTIONS]
    assert texts == ["Ab\n\nc", "Ab\nc\n", "ab\n\nc", "ab\nc\n"]


OPTIONS = [(False, False), (False, True), (True, False), (True, True)]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "blank lines alone"),
        (b"\x00\x01\x02ab", "looks binary"),
        (b"caf\xe9 bar", "iconv -f LATIN1 -t UTF-8 t.txt > utf8.txt"),
        (
            "été\nnu\n".encode("utf-16"),
            "is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8",
        ),
        ("abc\nnu\n".encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8 t.txt"),
        ("abc\nnu\n".encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8 t.txt"),
        ("恐龙\n恐\n".encode("utf-16"), "is UTF-16"),
        ("abc\n".encode("utf-32"), "is UTF-32"),
        (b"aaaa\naaa\n", "one character alone ('a')"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(content: bytes, part: str) -> None:
    Path("t.txt").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_text("t.txt", False, True)
    assert part in str(caught.value)
    assert "t.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_file() -> None:
    for path, part in [("", "is not set"), ("no.txt", "no such file"), (".", "is a folder")]:
        with pytest.raises(DataError, match=part):
            read_text(path, False, False)


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("t.txt").write_text("hello", "utf-8")
    monkeypatch.setenv("RNNX_CACHE", "t.txt/cache")  # below a file
    with pytest.raises(DataError, match="RNNX_CACHE"):
        read_text("t.txt", False, False)


def test_blanks_at_the_ends_of_lines_are_told_and_can_be_taken_off() -> None:
    Path("t.txt").write_text("ab \n   \n\tc d\n\n ab\u3000", "utf-8")
    found = read_text("t.txt", False, True)
    assert decoded(found) == "ab \n   \n\tc d\n ab\u3000\n"
    assert [note.partition(";")[0] for note in found.notes] == [
        "1 of the examples is a line of blanks alone",
        "3 lines begin or end with blanks, which are learned",
    ]
    assert read_text("t.txt", False, True).notes == found.notes  # from the cache
    found = read_text("t.txt", False, True, strip=True)
    assert decoded(found) == "ab\nc d\nab\n"
    assert found.notes == ()
    assert read_text("t.txt", False, False).notes == ()  # a stream has no examples


@pytest.mark.parametrize("lines", [False, True])
def test_a_letter_that_is_in_the_file_twice_is_told_and_can_be_one(lines: bool) -> None:
    Path("t.txt").write_text("\u00e9a\ne\u0301a\na\u030a\n", "utf-8")
    found = read_text("t.txt", False, lines)
    assert [note.partition(":")[0] for note in found.notes] == ["\u00e9"]
    found = read_text("t.txt", False, lines, normalize=True)
    assert decoded(found) == "\u00e9a\n\u00e9a\n\u00e5\n"
    assert found.notes == ()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.text(st.sampled_from("ae\u0301\u0323 \t\n"), min_size=3, max_size=40),
    piece=st.integers(1, 9),
)
def test_options_do_not_depend_on_the_pieces(
    content: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("t.txt").write_text(content, "utf-8")
    composed = unicodedata.normalize("NFC", content)
    stripped = "".join(f"{line.strip()}\n" for line in composed.split("\n") if line.strip())
    monkeypatch.setattr(text_file, "CHUNK_SIZE", piece)
    assume(len(set(stripped) - {"\n"}) > 1)
    assert decoded(read_text("t.txt", False, True, strip=True, normalize=True)) == stripped
    assert decoded(read_text("t.txt", False, False, normalize=True)) == composed
