"""A run says where an evaluation reads a part of what is held out."""

from pathlib import Path

import pytest

import rnnx


@pytest.mark.parametrize(("tokens", "notes"), [(50, 1), (0, 0), (200_000, 0)])
def test_a_bounded_evaluation_is_said(tokens: int, notes: int, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("to be or not to be\n" * 60, "utf-8")
    data = ["dataset=text", f"dataset.path={path}", "tracker=none", f"eval_tokens={tokens}"]
    session = rnnx.build(data)
    found = [note for note in session.notes if note.startswith("eval_tokens=")]
    assert len(found) == notes
    if notes:
        assert found == [
            "eval_tokens=50: the held-out loss is that of the first 50 of 113 held-out targets; "
            "eval_tokens=0 measures all"
        ]
