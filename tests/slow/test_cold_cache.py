"""Runs that find no compiled kernels: helpers compile them, and results are as ever."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny import tiny

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)

# argv: the most bytes a file of kernels may have (0: any number), then overrides. It prints how
# many kernels this process compiled itself, and the losses of three steps.
PROGRAM = """
import json, sys
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
session.step()
session.load()
kernels = [one for one in compiled if "Kernel" in type(getattr(sys.modules[one.__module__],
    one.__name__, None)).__name__]
print(json.dumps([len(kernels), [session.step() for _ in range(3)]]))
"""


def run(cache: Path, overrides: list[str], limit: int = 0) -> tuple[int, list[float]]:
    environment = {**os.environ, "RNNX_CACHE": str(cache)}
    arguments = [sys.executable, "-c", PROGRAM, str(limit), *overrides]
    done = subprocess.run(arguments, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    count, losses = json.loads(done.stdout)
    return count, losses


def test_kernels_are_compiled_once_by_several_processes(names: Path, tmp_path: Path) -> None:
    overrides = tiny(names, "cell=vanilla", "backend=auto", "steps=9", "batch_size=8")
    cold, losses = run(tmp_path / "kernels", overrides)
    kept = [path.name for path in (tmp_path / "kernels").rglob("*.code")]
    assert 0 < cold < len(kept)
    # Those of columns of different lengths are there before a batch needs them.
    assert sum(bool(re.match(r"packing\.take_runs", name)) for name in kept) == 2
    assert run(tmp_path / "kernels", overrides) == (0, losses)
    # A full disk: each process compiles all that it calls, and no more is lost.
    if sys.platform != "win32":
        full, same = run(tmp_path / "full", overrides, 3000)
        assert (full > cold, same) == (True, losses)
        assert list((tmp_path / "full").rglob("*.code")) == []
