"""Text that anybody may have written, on its way to a terminal, a spreadsheet or a JSON reader."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx.system.text import cause, csv_text, from_csv, json_text, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("恐龙 é שלום 🦕", "恐龙 é שלום 🦕"),
        ("[red]x[/] :bomb: $x$", "[red]x[/] :bomb: $x$"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x9b31mb\x7f\0", "a\\x9b31mb\\x7f\\x00"),
        ("a\r\nb\t", "a\\r\\nb\\t"),
        ("a\u202eb\u2066\u2028\ufeff", "a\\u202eb\\u2066\\u2028\\ufeff"),
        ("\ud800", "\\ud800"),
        ("نمی\u200cخواهم 👩\u200d🔬", "نمی\u200cخواهم 👩\u200d🔬"),  # joiners are part of a word
    ],
)
def test_what_is_invisible_is_printed_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_allowed_stays() -> None:
    assert printable("a\n\tb\x1b", "\n\t") == "a\n\tb\\x1b"


@settings(max_examples=50)
@given(st.text(st.characters()))
def test_no_control_character_is_printed(text: str) -> None:
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in printable(text))
    shown = json_text({"a": [text]})
    assert json.loads(shown) == {"a": [text]}
    assert not any(unicodedata.category(c) in ("Cc", "Cf") and c != "\n" for c in shown)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "'=1", "''-1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert csv_text(text) == f"'{text}"


@settings(max_examples=50)
@given(st.text() | st.text("'=+-@\t\ra"))
def test_a_cell_is_read_back(text: str) -> None:
    assert from_csv(csv_text(text)) == text
    assert not csv_text(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_long_text_ends_after_a_word() -> None:
    assert shortened("one two three", 13) == "one two three"
    assert shortened("one two three", 12) == "one two …"
    assert shortened("x" * 20, 10) == "x" * 8 + " …"
    assert cause(ValueError("one\n two three"), 12) == "one two …"
