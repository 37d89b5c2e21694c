"""Real `rnnx` processes that are stopped, killed and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 900.0  # seconds after which a process counts as hung

# Pictures, samples, evaluations and checkpoints every few steps: any instant is inside something.
DENSE = [
    "steps=150",
    "log_every=2",
    "eval_every=10",
    "sample_every=25",
    "checkpoint.every=4",
    "eval_tokens=300",
    "probe=gradient_by_lag",
    "probes.gradient_by_lag.every=30",
]


def begun(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """`rnnx ARGUMENTS` in a process whose lines are read as they come."""
    return subprocess.Popen(
        [sys.executable, "-m", "rnnx", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | settings,
    )


def until(process: subprocess.Popen[str], beginning: str) -> bool:
    """Read lines until one that begins so; False where the process ended without."""
    assert process.stdout is not None
    return any(line.startswith(beginning) for line in process.stdout)


def ended(process: subprocess.Popen[str], *codes: int) -> str:
    """Wait for the end, whose code has to be one of these; what it said on both its ways."""
    out, err = process.communicate(timeout=PATIENCE)
    out = out or ""
    assert process.returncode in codes, (process.args, process.returncode, out[-2000:], err)
    # Before rnnx's first line Python itself takes Ctrl-C for the signal it is.
    assert "Traceback" not in err or process.returncode == -signal.SIGINT, err
    return out + err


def done(*arguments: str, codes: tuple[int, ...] = (0,), **settings: str) -> str:
    """Run `rnnx ARGUMENTS` to its end; what it said."""
    return ended(begun(*arguments, **settings), *codes)


def killed(process: subprocess.Popen[str], after: float) -> bool:
    """SIGKILL so many seconds from now; False where the process had ended in success before."""
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
    out, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), (process.returncode, out[-2000:], err)
    return process.returncode != 0


def eventually(question: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Ask until the answer is yes."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def store() -> str:
    """The default store of the folder where the test works."""
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}"
