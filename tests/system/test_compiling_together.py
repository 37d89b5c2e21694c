"""Kernels that are compiled side by side, with kernels that write who compiled them."""

import importlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_kernels import call, fake_kernels

from rnnx.system import kernels
from rnnx.system.kernels import compile_together, helpers_ready, is_listed, looking

MODULE = """
import os, time
from pathlib import Path

FOLDER = Path(os.environ["COMPILED_IN"])

class Fake:
    def is_kept(self, types):
        return (FOLDER / types).exists()

    def compile(self, types):
        if types.startswith("deadly") and os.getpid() != int(os.environ["PARENT"]):
            (FOLDER / f"{types} was here").touch()
            os._exit(3)
        with open(FOLDER / types, "a") as file:
            file.write(f"{os.getpid()} ")
        limit = time.monotonic() + 30  # until another process has begun, too
        while types == "waits" and len(list(FOLDER.iterdir())) < 2 and time.monotonic() < limit:
            time.sleep(0.01)

fake = Fake()

def prepare():
    with open(FOLDER.parent / "prepared", "a") as file:
        file.write(f"{os.getpid()} ")
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PARENT", str(os.getpid()))
    monkeypatch.setenv("RNNX_CACHE", str(tmp_path / "without kernels"))
    monkeypatch.setattr(kernels, "processors", lambda: 2)
    with fake_kernels(MODULE, tmp_path, monkeypatch) as folder:
        yield folder


def test_each_kernel_is_compiled_once_and_by_several_processes(compiled: Path) -> None:
    names = ["waits", *"abcdef"]
    compile_together([call(name, len(name)) for name in names])
    who = {path.name: path.read_text().split() for path in compiled.iterdir()}
    assert set(who) == set(names)
    assert all(len(pids) == 1 for pids in who.values())
    assert len({pids[0] for pids in who.values()}) > 1


def test_what_is_kept_is_not_compiled_again(compiled: Path) -> None:
    for name in "ab":
        (compiled / name).write_text("kept")
    compile_together([call("a"), call("b"), call("c")])
    assert {path.name: path.read_text() for path in compiled.iterdir()} == {
        "a": "kept",
        "b": "kept",
        "c": (compiled / "c").read_text(),
    }
    compile_together([call("a"), call("b"), call("c")])
    assert len((compiled / "c").read_text().split()) == 1


def test_a_process_that_dies_leaves_its_part_to_the_caller(compiled: Path) -> None:
    compile_together([call("waits", 9), call("deadly"), call("deadly too")])
    names = {path.name for path in compiled.iterdir()}
    assert "waits" in names and names & {"deadly was here", "deadly too was here"}


def test_kernels_are_listed_once_and_in_this_thread(compiled: Path) -> None:
    assert not is_listed(call("a"))
    with looking() as calls:
        assert is_listed(call("a")) and is_listed(call("b")) and is_listed(call("a"))
    assert calls == [call("a"), call("b")]
    assert not is_listed(call("a"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The helpers that were started."""
    start, found = kernels.start, list[subprocess.Popen[bytes]]()

    def keep(*given: Any) -> subprocess.Popen[bytes]:
        found.append(start(*given))
        return found[-1]

    monkeypatch.setattr(kernels, "start", keep)
    return found


def prepare() -> Callable[[], object]:
    prepare: Callable[[], object] = importlib.import_module("fakekernels").prepare
    return prepare


def test_a_helper_that_was_ready_before_compiles(
    compiled: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with helpers_ready(prepare()):
        [helper] = started
        compile_together([call("waits", 9), call("b"), call("c")])
        assert helper.poll() is not None
    assert started == [helper]
    assert (compiled.parent / "prepared").read_text().split() == [str(helper.pid)]
    pids = {path.read_text().strip() for path in compiled.iterdir()}
    assert pids == {str(helper.pid), str(os.getpid())}


def test_helpers_that_nobody_needs_end_with_the_block(
    compiled: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with pytest.raises(KeyError), helpers_ready(prepare()):
        assert started[0].poll() is None
        raise KeyError
    assert started[0].poll() is not None
    compile_together([call("waits", 9), call("b")])
    assert len(started) == 2  # the one that has ended is not asked


def test_helpers_wait_only_where_no_kernel_is_kept(
    compiled: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (kernels.kernels_folder() / "of a version").mkdir(parents=True)
    (kernels.kernels_folder() / "of a version" / "kernel.code").touch()
    with helpers_ready(prepare()):
        assert started == []
    (kernels.kernels_folder() / "of a version" / "kernel.code").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)  # kernels could not be kept
        with helpers_ready(prepare()):
            assert started == []
    with helpers_ready(prepare()):
        assert len(started) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_no_more_processes_compile_than_there_are_processors(
    count: int,
    compiled: Path,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "processors", lambda: count)
    compile_together([call(name) for name in "abcd"])
    assert len(started) == min(count - 1, 2)
