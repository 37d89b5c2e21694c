"""Kernels that are compiled side by side, with kernels that write who compiled them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnx.system import kernels
from rnnx.system.kernels import Call, compile_together, is_listed, looking

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
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "compiled"
    folder.mkdir()
    (tmp_path / "fakekernels.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COMPILED_IN", str(folder))
    monkeypatch.setenv("PARENT", str(os.getpid()))
    monkeypatch.setattr(kernels, "processors", lambda: 2)
    yield folder
    sys.modules.pop("fakekernels", None)


def call(types: str, size: int = 1) -> Call:
    return Call("fakekernels", "fake", types, size)


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
