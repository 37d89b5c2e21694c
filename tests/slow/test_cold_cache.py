"""Runs that find no compiled kernels: helpers compile them, and results are as ever."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny import tiny

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)

# argv: the most bytes a file of kernels may have (0: any number), then overrides. It prints how
# many kernels this process compiled itself, whether others were compiled in the background, and the
# losses of steps before and after these were there.
PROGRAM = """
import json, sys, time
if int(sys.argv[1]):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
import rnnx, rnnx.system.kernels as together
from numba.core import event
together.processors = lambda: 2
compiled, log = [], open("log", "a")

class Compiled(event.Listener):
    def on_start(self, e):
        compiled.append(e.data["dispatcher"].py_func)
    def on_end(self, e): pass

event.register("numba:compile", Compiled())
session = rnnx.build(sys.argv[2:])
if session.backend.value == "numpy":
    session.step()
session.load()
from rnnx_builtin.kernels.rnn import joined_passes
coming = joined_passes.forward.coming
losses = [session.step() for _ in range(4)]
while coming is not None and not coming.has_ended():
    time.sleep(0.05)
losses += [session.step() for _ in range(3)]
kernels = [one for one in compiled if "Kernel" in type(getattr(sys.modules[one.__module__],
    one.__name__, None)).__name__]
print(json.dumps([len(kernels), coming is not None, losses]))
"""


def run(cache: Path, overrides: list[str], limit: int = 0) -> tuple[int, bool, list[float]]:
    environment = {**os.environ, "RNNX_CACHE": str(cache)}
    arguments = [sys.executable, "-c", PROGRAM, str(limit), *overrides]
    done = subprocess.run(arguments, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    count, in_background, losses = json.loads(done.stdout)
    return count, in_background, losses


def kept_in(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*.code")]


@pytest.mark.parametrize("backend", ["auto", "fast"])
def test_kernels_are_compiled_once_by_several_processes(
    backend: str, names: Path, tmp_path: Path
) -> None:
    sizes = "steps=99", "batch_size=8", "threads=1"
    overrides = tiny(names, "cell=vanilla", f"backend={backend}", *sizes)
    cold, in_background, losses = run(tmp_path / "kernels", overrides)
    kept = kept_in(tmp_path / "kernels")
    # The time loops and the softmax are shared with a helper; the others are for the background.
    assert 0 < cold < 4 < len(kept)
    assert in_background
    # Those of columns of different lengths are there before a batch needs them.
    assert sum(bool(re.match(r"packing\.take_runs", name)) for name in kept) == 2
    assert run(tmp_path / "kernels", overrides) == (0, False, losses)
    # A full disk: each process compiles all that it calls, and no more is lost.
    if sys.platform != "win32":
        full, _, same = run(tmp_path / "full", overrides, 3000)
        assert (full > cold, same) == (True, losses)
        assert kept_in(tmp_path / "full") == []


def test_two_runs_at_once_find_the_kernels_of_both(names: Path, tmp_path: Path) -> None:
    overrides = tiny(names, "cell=vanilla", "steps=99", "batch_size=8", "threads=1")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(run, [tmp_path / "kernels"] * 2, [overrides] * 2))
    assert both[0][2] == both[1][2]
    assert run(tmp_path / "kernels", overrides) == (0, False, both[0][2])


def test_a_cache_that_cannot_be_written_is_no_error(names: Path, tmp_path: Path) -> None:
    overrides = tiny(names, "cell=vanilla", "steps=99", "batch_size=8", "threads=1")
    (tmp_path / "kernels").write_text("a file in the place of the folder")  # root writes anywhere
    alone, in_background, _ = run(tmp_path, overrides)
    assert (alone > 4, in_background) == (True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_run_is_interrupted_while_kernels_are_compiled(names: Path, tmp_path: Path) -> None:
    """It leaves whole files and no process, and the next run goes on from there."""
    cache, overrides = tmp_path / "kernels", tiny(names, "cell=vanilla", "steps=1000000")
    run_ = subprocess.Popen(
        [sys.executable, "-m", "rnnx", "train", *overrides, "batch_size=8", "threads=1"],
        env={**os.environ, "RNNX_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while len(kept_in(cache)) < 6:  # some of those in the background
        assert run_.poll() is None and time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(run_.pid, signal.SIGINT)
    assert run_.wait() == 130
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        while True:
            os.killpg(run_.pid, 0)
            assert time.monotonic() < limit
            time.sleep(0.02)
    assert {path.suffix for path in (cache / "kernels").rglob("*.*")} == {".code"}
    assert run(cache, [*overrides, "batch_size=8", "threads=1"])[0] == 0
