"""What does not fit into memory is refused before it is allocated, in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnnx.errors import OutOfMemory
from rnnx.system import memory
from rnnx.system.memory import free_bytes, refuse_more_than_free, reraise_as


@pytest.mark.parametrize(("free", "refused"), [(99, True), (100, False), (101, False)])
def test_more_than_is_free_is_refused(
    free: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: free * 2**30)
    if not refused:
        refuse_more_than_free(100 * 2**30, "they")
        return
    with pytest.raises(MemoryError, match=r"^they take 100\.0 GiB of the 99\.0 free$"):
        refuse_more_than_free(100 * 2**30, "they")


def test_nothing_is_refused_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    refuse_more_than_free(2**90, "they")


def test_some_memory_is_free_here() -> None:
    free = free_bytes()
    assert free is None or 2**20 < free < 2**50


@pytest.mark.parametrize(
    "error",
    [MemoryError("too much"), ValueError("Maximum allowed dimension"), OverflowError("too large")],
    ids=repr,
)
def test_numpys_words_for_too_much_are_one_error(error: Exception) -> None:
    with pytest.raises(OutOfMemory) as found, reraise_as("no room"):
        raise error
    assert str(found.value) == f"no room ({error})"


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"^shapes differ$"), reraise_as("no room"):
        raise ValueError("shapes differ")


def test_a_control_group_bounds_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"memory.max": "1000", "memory.current": "900", "memory.stat": "inactive_file 50\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert free_bytes() in (150, None)  # None: a system without groups
    (tmp_path / "memory.max").write_text("max")
    assert free_bytes() != 150


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and the file are Linux's")
def test_a_limit_of_the_process_bounds_what_is_free() -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
from rnnx.system.memory import free_bytes
print(free_bytes())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 2**29 < int(found.stdout) < 2**31
