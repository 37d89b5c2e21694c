"""Starts real `rnnx` processes, reads what they print, and stops or kills them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HANG_TIMEOUT = 900.0  # seconds after which a process counts as hung

# Images, samples, evaluations and checkpoints every few steps: a kill at any instant hits one.
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


def start_rnnx(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start `rnnx ARGUMENTS` in a process that prints each line at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "rnnx", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | settings,
    )


def read_until(process: subprocess.Popen[str], beginning: str) -> bool:
    """Read lines up to one with this beginning; False if the process ends without one."""
    assert process.stdout is not None
    return any(line.startswith(beginning) for line in process.stdout)


def wait_for(process: subprocess.Popen[str], *codes: int) -> str:
    """Wait until the process ends with one of these codes; its stdout and stderr."""
    out, err = process.communicate(timeout=HANG_TIMEOUT)
    out = out or ""
    assert process.returncode in codes, (process.args, process.returncode, out[-2000:], err)
    # Before rnnx's first line Python itself takes Ctrl-C for the signal it is.
    assert "Traceback" not in err or process.returncode == -signal.SIGINT, err
    return out + err


def run_rnnx(*arguments: str, codes: tuple[int, ...] = (0,), **settings: str) -> str:
    """Run `rnnx ARGUMENTS` to its end; its stdout and stderr."""
    return wait_for(start_rnnx(*arguments, **settings), *codes)


def kill_after(process: subprocess.Popen[str], after: float) -> bool:
    """Send SIGKILL after so many seconds; False if the process had already ended with code 0."""
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
    out, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), (process.returncode, out[-2000:], err)
    return process.returncode != 0


def eventually(question: Callable[[], object], seconds: float = HANG_TIMEOUT) -> None:
    """Ask ``question`` again and again until it is true."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def store() -> str:
    """The URI of the default store in the working folder."""
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}"
