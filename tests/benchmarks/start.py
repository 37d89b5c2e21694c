"""What a command costs before anything is learned: CPU time of the child, all threads."""

import os
import statistics
import subprocess
import sys
import tempfile

COMMANDS = (["--help"], ["train", "--help"], ["train", "steps=1", "tracker=none"])


def measure(rounds: int) -> dict[str, float]:
    """Median seconds of each command, after one that fills the caches."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            " ".join(arguments): statistics.median(
                [_cpu(arguments, folder) for _ in range(rounds + 1)][1:]
            )
            for arguments in COMMANDS
        }


def _cpu(arguments: list[str], folder: str) -> float:
    command = [sys.executable, "-m", "rnnx", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    before = os.times()
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    after = os.times()
    children = (after.children_user, after.children_system)
    return sum(children) - before.children_user - before.children_system
