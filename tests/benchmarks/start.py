"""What a command costs before anything is learned: CPU time of the child, all threads.

    python tests/benchmarks/start.py --rounds 5

Beside rnnx's own rows stand those of what it is made of: NumPy, MLflow and a bare application of
Hydra's. The row of the first step is wall time, from the command to its end.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

HYDRA = """
import hydra
@hydra.main(version_base=None, config_path=None)
def main(config): pass
main()
"""
# Prints how long the plugins take to load in a process that has NumPy, and without what pluggy,
# importlib.metadata and rnnx's own contracts take to be imported.
PLUGINS = """
import gc, time, numpy
gc.set_threshold(10_000)
began = time.process_time()
from rnnx.registry.manager import registry
imported = time.process_time()
registry()
loaded = time.process_time()
print(loaded - began, loaded - imported)
"""
# Prints how long the end of a run takes, from its last step to the end of the process.
END = """
import atexit, sys, time
import rnnx.training.loop as loop
from rnnx.__main__ import main
steps, ended = loop.TrainingLoop._steps, []
def timed(self, stop):
    steps(self, stop)
    ended.append(time.process_time())
loop.TrainingLoop._steps = timed
atexit.register(lambda: print(time.process_time() - ended[0]))
sys.argv[0] = "rnnx"
main()
"""
LONG = ["train", "steps=600", "samples=0", "baseline=never", "eval_every=600", "backend=numpy"]
RNNX = [sys.executable, "-m", "rnnx"]
STEP = ["train", "steps=1", "samples=0"]
FIRST = "rnnx train steps=1, wall time until its first step has ended"


def commands(run: str) -> dict[str, list[str]]:
    """Every command that is a row; ``run`` is the id of a run that is there."""
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
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds + 1):
            for name, command in rows.items():
                found[name].append(_run(command, folder))
            began = time.time()
            _run([*RNNX, *STEP], folder)
            found[FIRST].append(_first_point(folder) - began)
            whole, alone = _printed([sys.executable, "-c", PLUGINS], folder)
            found["loading the plugins of four packages, beside NumPy"].append(whole)
            found["… once pluggy and rnnx's contracts are imported"].append(alone)
            for tracker in ("none", "mlflow"):
                own = [sys.executable, "-c", END, *LONG, f"tracker={tracker}"]
                found[f"the end of a run of 600 steps, tracker={tracker}"] += _printed(own, folder)
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def _run(command: list[str], folder: str) -> float:
    before = os.times()
    _output(command, folder)
    after = os.times()
    children = (after.children_user, after.children_system)
    return sum(children) - before.children_user - before.children_system


def _printed(command: list[str], folder: str) -> list[float]:
    """The numbers of the last line that a command prints."""
    return [float(word) for word in _output(command, folder).splitlines()[-1].split()]


def _output(command: list[str], folder: str) -> str:
    """What a command prints, in a process that keeps its modules compiled, as an installed one."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=True, text=True
    )
    return done.stdout


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
