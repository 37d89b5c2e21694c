"""Kernels that are compiled in the background, with kernels that write who compiled them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_kernels import call, fake_kernels

from rnnx.system import background_kernels, kernels
from rnnx.system.background_kernels import Background, compile_later
from rnnx.system.files import owner

PATIENCE = 60  # seconds: more than any of it takes

MODULE = """
import os, time
from pathlib import Path
from rnnx.system.files import replacing
from rnnx.system.kernels import kernels_folder

FOLDER = Path(os.environ["COMPILED_IN"])

class Fake:
    coming = None

    def is_kept(self, types):
        return (FOLDER / types).exists()

    def compile(self, types):
        if types == "endless":
            with replacing(kernels_folder() / "sources" / "endless.code", tidy=False) as file:
                file.write_text("half")
                (FOLDER / "pid").write_text(str(os.getpid()))
                while True:
                    time.sleep(0.01)
        (FOLDER / types).write_text(str(os.getpid()))

fake = Fake()
"""
# Compile an endless kernel in the background, and wait for a line.
PROGRAM = """
import sys
from rnnx.system import background_kernels
from rnnx.system.kernels import Call
background_kernels.DELAY = 0
background = background_kernels.Background([Call("fakekernels", "fake", "endless", 1)])
background.has_ended()
print("begun", flush=True)
try:
    sys.stdin.readline()
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RNNX_CACHE", str(tmp_path / "own cache"))
    monkeypatch.setattr(background_kernels, "DELAY", 0)
    (kernels.kernels_folder() / "sources").mkdir(parents=True)
    with fake_kernels(MODULE, tmp_path, monkeypatch) as folder:
        yield folder


def until(came: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not came():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_another_process_compiles_what_is_missing(compiled: Path) -> None:
    (compiled / "a").write_text("kept")
    compile_later([call("a"), call("b"), call("c")])
    background = call("a").kernel().coming
    assert background is not None
    until(background.has_ended)
    who = {path.name: path.read_text() for path in compiled.iterdir()}
    assert set(who) == set("abc")
    assert (who["a"], who["b"]) == ("kept", who["c"])
    assert who["b"] != str(os.getpid())
    assert background.has_ended()


def test_nothing_is_coming_where_all_is_kept(compiled: Path) -> None:
    (compiled / "a").write_text("kept")
    compile_later([call("a")])
    assert call("a").kernel().coming is None


def test_it_begins_after_some_time(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_kernels, "start", lambda work: pytest.fail("it began"))
    monkeypatch.setattr(background_kernels, "DELAY", PATIENCE)
    assert not Background([call("a")]).has_ended()


def test_a_process_that_cannot_be_started_leaves_all_to_the_caller(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(background_kernels, "start", fail)
    background = Background([call("a")])
    background.has_ended()
    assert background.has_ended()
    monkeypatch.setattr(sys, "executable", "")
    assert Background([call("a")]).has_ended()


def pid_of_the_process(compiled: Path) -> int:
    until(lambda: (compiled / "pid").exists() and (compiled / "pid").read_text())
    return int((compiled / "pid").read_text())


def is_alive(pid: int) -> bool:
    """Also where it is a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def half_files() -> list[Path]:
    return list((kernels.kernels_folder() / "sources").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_killed_process_leaves_all_to_the_caller(compiled: Path) -> None:
    background = Background([call("endless")])
    assert not background.has_ended()
    pid = pid_of_the_process(compiled)
    os.kill(pid, signal.SIGKILL)
    until(background.has_ended)
    assert (is_alive(pid), half_files()) == (False, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_it_ends_with_whom_it_computes_for(compiled: Path) -> None:
    background = Background([call("endless")])
    background.has_ended()
    pid = pid_of_the_process(compiled)
    assert [owner() in path.name for path in half_files()] == [False]
    del background
    assert (is_alive(pid), half_files()) == (False, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("how", ["end", "interrupt", "kill"])
def test_it_ends_with_the_process_however_that_ends(how: str, compiled: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    pid = pid_of_the_process(compiled)
    if how == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    elif how == "kill":
        process.kill()
    process.communicate(b"\n")
    assert process.returncode == {"end": 0, "interrupt": 130, "kill": -signal.SIGKILL}[how]
    until(lambda: not is_alive(pid))
    assert half_files() == []
