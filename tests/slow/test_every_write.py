"""`kill -9` at the writes of a short run, one after another, and what is left is resumed.

RNNX_KILL_EVERY=1 (make torture) takes every write, rename, fsync, deletion and commit; by default
it is one of several. ``kill_everywhere.py`` says how they are counted.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny

pytestmark = pytest.mark.slow

SHORT = ["eval_tokens=100", "sample_length=10", "threads=1", "checkpoint.every=5"]
PROBE = ["probe=gradient_by_lag", "probes.gradient_by_lag.every=3"]
STREAM = ["cell=lstm", "dataset=text", "dataset.length=7", "layers=2", "dropout=0.3"]
STREAM += ["state_reset=0.2"]
MLFLOW = "tracker=mlflow"
KINDS = {
    "numpy": (3, ["backend=numpy", "cell=vanilla", "patience=2"]),
    "job": (9, ["--job", MLFLOW, "backend=numpy", "cell=gru"]),
    "stream": (9, [MLFLOW, "backend=fast", *STREAM, *PROBE]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_write(kind: str, names: Path, tmp_path: Path) -> None:
    usual, more = KINDS[kind]
    every = os.environ.get("RNNX_KILL_EVERY", str(usual))
    here = Path(__file__).parent
    places = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    (tmp_path / "killed").mkdir()
    done = subprocess.run(
        [
            *(sys.executable, str(here / "kill_everywhere.py"), "--every", every),
            *(one for one in more if one.startswith("-")),
            *tiny(names, *SHORT, *(one for one in more if not one.startswith("-"))),
        ],
        cwd=tmp_path / "killed",
        env=os.environ | {"PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-3000:], done.stderr[-3000:])
    assert done.returncode == 0
    assert " 0 failed" in done.stdout
