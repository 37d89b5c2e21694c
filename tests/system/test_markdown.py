"""Text for Markdown is shown as it is."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.system import secrets
from rnnx.system.markdown import LINE_LENGTH, code, command, table

TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("` |\\\"'$"))


@given(TEXTS)
def test_code_is_closed_by_as_many_ticks_as_open_it(text: str) -> None:
    found = re.fullmatch(r"(`+)( ?)(.*?)\2\1", code(text), re.DOTALL)
    assert found is not None or not text
    if found is not None:
        assert max(map(len, re.findall("`+", text)), default=0) < len(found[1])


@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_a_command_is_what_a_shell_reads(words: list[str]) -> None:
    first, *lines, last = command(words).split("\n")
    assert first == last and set(first) == {"`"}
    in_one_line = "\n".join(lines).replace(" \\\n", " ")  # as a shell does, and shlex does not
    assert shlex.split(in_one_line) == words
    longest = max(len(shlex.quote(word)) for word in words)
    assert max(map(len, lines)) <= max(LINE_LENGTH, longest) + 10


def test_a_command_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:hunter22@host/db")
    shown = command(["rnnx", "train", "tracker.uri=postgresql://me:hunter22@host/db", "x=hunter22"])
    assert "hunter22" not in shown
    assert secrets.without_password("postgresql://me:hunter22@host/db") not in ("", shown)


def test_a_table_s_cells_are_its_own() -> None:
    assert table(["a", "b"], [["x|y", "2"]]).split("\n") == [
        "| a | b |",
        "| --- | ---: |",
        "| x\\|y | 2 |",
    ]
