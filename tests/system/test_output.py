"""Output whose reader goes away, and files that killed processes left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnx.system.files import replacing
from rnnx.system.output import UNREAD, lasting_output
from rnnx.system.owner import is_dead, owner


def dead() -> str:
    """The name of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return f"{owner().partition('-')[0]}-{process.pid}"


def test_output_that_nobody_reads_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", buffering=1)
    monkeypatch.setattr(sys, "stdout", stream)
    with lasting_output():
        print("read")
        os.close(reader)
        for _ in range(3):
            print("unread", flush=True)
    assert sys.stdout is stream
    assert capsys.readouterr().err == f"{UNREAD}\n"


def test_a_process_that_ended_is_dead() -> None:
    assert is_dead(dead())
    assert not is_dead(owner())
    assert not is_dead(f"00000000-{dead().partition('-')[2]}")  # another machine's
    assert not any(is_dead(name) for name in ("", "x", "12", "deadbeef-"))


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    left = [tmp_path / f".a.json.{name}.tmp" for name in (dead(), owner().replace("-", "-0"))]
    other = tmp_path / f".b.json.{dead()}.tmp"
    for one in (*left, other):
        one.write_text("half")
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    names = {one.name for one in tmp_path.glob("*.json*")} | {
        one.name for one in tmp_path.glob(".*")
    }
    assert names == {path.name, left[1].name, other.name}
