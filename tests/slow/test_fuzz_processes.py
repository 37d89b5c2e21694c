"""Hostile checkpoints and odd overrides through the command itself: one line and an exit code."""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import VALUES, changed, damaged, other_tensors, places, seal
from test_fuzz_configuration import GRAMMAR, random_overrides
from tiny import tiny

import rnnx
from rnnx.runs import checkpoint as checkpoints
from rnnx.training.run import Run

pytestmark = pytest.mark.slow

HANG_TIMEOUT = 120  # seconds after which a command counts as one that hangs
ROOM = 6 * 2**30  # bytes of address space: NumPy, Hydra and a small network need about two


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run rnnx in a process of its own, within a bounded memory."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))

    return subprocess.run(
        [sys.executable, "-m", "rnnx", *arguments],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=HANG_TIMEOUT,
        preexec_fn=bounded,
        check=False,
    )


def judge(done: subprocess.CompletedProcess[str], *codes: int) -> None:
    """No traceback; what failed says so in one line, the last."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in codes, done.stderr
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("rnnx: ")]
        assert said, done.stderr
        assert len(done.stderr.splitlines()) <= 4, done.stderr


@pytest.fixture
def run(names: Path) -> Run:
    return rnnx.train(tiny(names, "steps=6", "checkpoint.every=3"))


@pytest.mark.parametrize("seed", range(30))
def test_hostile_checkpoints(run: Run, seed: int) -> None:
    rng, path = random.Random(seed), run.folder.recent(6)
    stored = checkpoints.read(path)
    tensors, metadata = dict(stored.tensors), dict(stored.metadata)
    content = path.read_bytes()
    run.folder.last.unlink()
    path.unlink()
    if seed % 3 == 0:
        path.write_bytes(damaged(content, rng))
    elif seed % 3 == 1:
        seal(
            path, tensors, changed(metadata, rng.choice(list(places(metadata))), rng.choice(VALUES))
        )
    else:
        seal(path, other_tensors(stored, rng), metadata)
    judge(command("sample", str(path), "--count", "2", "--length", "5"), 0, 1, 2)
    judge(command("evaluate", str(path)), 0, 1, 2)
    # The checkpoint before it is whole.
    done = command("resume", run.run_id, "steps=8")
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2)
    known = json.loads((run.folder.path / "run.json").read_text())
    assert known["status"] in ("FINISHED", "FAILED")
    assert not list(Path.cwd().rglob("owned"))


@pytest.mark.parametrize("seed", range(30))
def test_odd_overrides(seed: int, names: Path) -> None:
    rng = random.Random(seed)
    odd = [rng.choice(GRAMMAR)] if seed % 2 else random_overrides(10_000 + seed)
    odd = [text for text in odd if "\x00" not in text]  # no process can be given one
    encoded = [
        text.encode("utf-8", "surrogateescape" if "\udc80" in text else "replace") for text in odd
    ]
    overrides = [*tiny(names), "batch_size=2", "steps=1", "tracker=mlflow"]
    done = command("train", *overrides, *(os.fsdecode(text) for text in encoded))
    judge(done, 0, 1, 2)
    for path in Path("outputs").glob("*/run.json"):
        assert json.loads(path.read_text())["status"] != "RUNNING"
        assert not path.parent.name.startswith(".new-")
    assert not list(Path("outputs").glob(".new-*"))
    if Path("mlflow.db").exists():
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{Path.cwd() / 'mlflow.db'}")
        ids = [found.experiment_id for found in client.search_experiments()]
        assert all(r.info.status != "RUNNING" for r in client.search_runs(ids))
