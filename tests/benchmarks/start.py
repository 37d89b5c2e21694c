"""What a command costs before anything is learned: CPU time of the child, all threads.

    python tests/benchmarks/start.py --rounds 5

Beside rnnx's own rows stand those of what it is made of: NumPy, MLflow and a bare application of
Hydra's. The last row is wall time, from the command to the end of the first step.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HYDRA = """
import hydra
@hydra.main(version_base=None, config_path=None)
def main(config): pass
main()
"""
RNNX = [sys.executable, "-m", "rnnx"]
STEP = ["train", "steps=1", "samples=0"]
FIRST = "rnnx train steps=1, wall time until its first step has ended"


def commands(run: str) -> dict[str, list[str]]:
    """Every row but the last; ``run`` is the id of a run that is there."""
    rows = {
        'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
        'python -c "import mlflow"': [sys.executable, "-c", "import mlflow"],
        "a bare Hydra application": [sys.executable, "-c", HYDRA, "hydra.output_subdir=null"],
    }
    own = [
        ["--help"],
        ["train", "--help"],
        ["plugins"],
        ["describe", "cell", "lstm"],
        [*STEP, "tracker=none"],
        STEP,
        ["runs"],
        ["sample", run, "--count", "1"],
        ["evaluate", run],
        ["compare", run],
    ]
    return rows | {" ".join(["rnnx", *one]).replace(run, "RUN"): [*RNNX, *one] for one in own}


def measure(rounds: int) -> dict[str, float]:
    """Median seconds of each row, after a round that fills the caches; the rows take turns."""
    with tempfile.TemporaryDirectory() as folder:
        _run([*RNNX, *STEP], folder)  # makes the store
        [first] = Path(folder).glob("outputs/*/run.json")
        rows = commands(first.parent.name)
        found: dict[str, list[float]] = {name: [] for name in [*rows, FIRST]}
        for _ in range(rounds + 1):
            for name, command in rows.items():
                found[name].append(_run(command, folder))
            began = time.time()
            _run([*RNNX, *STEP], folder)
            found[FIRST].append(_first_point(folder) - began)
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def _run(command: list[str], folder: str) -> float:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    before = os.times()
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    after = os.times()
    children = (after.children_user, after.children_system)
    return sum(children) - before.children_user - before.children_system


def _first_point(folder: str) -> float:
    """When the newest run's first step had ended, in seconds since 1970."""
    files = Path(folder).glob("outputs/*/metrics.jsonl")
    newest = max(files, key=lambda path: path.stat().st_mtime_ns)
    _, _, _, timestamp = json.loads(newest.read_text("utf-8").splitlines()[0])
    return float(timestamp) / 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    print("| command | CPU time, all threads |\n|---|---|")
    for row, seconds in measure(parser.parse_args().rounds).items():
        print(f"| {row} | {seconds:.2f} s |", flush=True)
