"""What a sweep costs where nothing is left to train: --dry-run, and the same command again.

    python tests/benchmarks/sweep_lists.py --jobs 1000

A folder gets that many finished runs, copies of one that was trained, with their own seeds and
hashes. Own time is the CPU time of the command beyond that of the same command with one job.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from rnnx.config.compose import compose
from rnnx.config.identity import config_hash

RNNX = [sys.executable, "-m", "rnnx"]
OWN = ["tracker=none", "steps=1", "baseline=never", "samples=0", "threads=1"]


def finished_runs(folder: Path, jobs: int) -> None:
    """Train one run, and copy it under other seeds."""
    subprocess.run([*RNNX, "train", *OWN], cwd=folder, check=True, capture_output=True)
    (first,) = folder.glob("outputs/*/run.json")
    fields, values = json.loads(first.read_text()), compose(OWN)
    for seed in range(1, jobs):
        name = uuid.uuid4().hex
        (folder / "outputs" / name).mkdir()
        hashed = config_hash({**values, "seed": seed})
        fields["told"]["params"]["seed"] = str(seed)
        own = {**fields, "id": name, "seed": seed, "config_hash": hashed}
        (folder / "outputs" / name / "run.json").write_text(json.dumps(own, indent=1))


def measured(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Seconds of CPU and of the clock, and the last line that the command printed."""
    before, began = os.times(), time.perf_counter()
    command = [*RNNX, "train", "-m", *OWN, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system, wall, done.stdout.splitlines()[-1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, nargs="+", default=[1000])
    given = options.parse_args()
    for jobs in given.jobs:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            finished_runs(folder, jobs)
            for name, more in (("--dry-run", ["--dry-run"]), ("skip-finished", [])):
                cpu, wall, said = measured(folder, f"seed=range(0,{jobs})", *more)
                with tempfile.TemporaryDirectory() as other:
                    finished_runs(Path(other), 1)
                    least, _, _ = measured(Path(other), "seed=range(0,1)", *more)
                print(f"{jobs} jobs, {name}: {said}")
                print(f"  own CPU time {cpu - least:.2f} s ({cpu:.2f} in all), wall {wall:.1f} s")


if __name__ == "__main__":
    main()
