"""How much of two processors a sweep of short jobs uses: training time over the time of it all.

    python tests/benchmarks/sweeps.py --jobs 64 --seconds 2

A single run says how many steps take so many seconds; then that many jobs are swept in a fresh
folder. Ideal is the jobs' training time on all processors at once; a job's is the median of
runs alone before the sweep and after it, since a machine that others use changes its speed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rnnx.system.threads import processors

RNNX = [sys.executable, "-m", "rnnx"]


def seconds_of(folder: Path, *overrides: str) -> float:
    """The training time of one run, alone."""
    command = [*RNNX, "train", "tracker=none", "threads=1", *overrides]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    newest = max(folder.glob("outputs/*/run.json"), key=lambda path: path.stat().st_mtime)
    return float(json.loads(newest.read_text())["metrics"]["final/seconds"])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--jobs", type=int, default=64)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("overrides", nargs="*", default=["cell=lstm"])
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seconds_of(folder, "steps=50", *given.overrides)  # compiles
        steps = round(given.seconds / seconds_of(folder, "steps=400", *given.overrides) * 400)
        lone = [f"steps={steps}", *given.overrides]
        alone = [seconds_of(folder, *lone) for _ in range(3)]
        seeds = f"seed=range(1000,{1000 + given.jobs})"  # none that was just trained
        began, cpu = time.perf_counter(), os.times()
        command = [*RNNX, "train", "-m", seeds, f"steps={steps}", *given.overrides]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        wall, after = time.perf_counter() - began, os.times()
        said = next(line for line in done.stdout.splitlines() if line.startswith("sweep "))
        alone += [seconds_of(folder, *lone) for _ in range(3)]
    ideal = statistics.median(alone) * given.jobs / processors()
    used = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    told = f"{statistics.median(alone):.2f} s of training ({min(alone):.2f} … {max(alone):.2f})"
    print(f"{given.jobs} jobs of {told}, {steps} steps; {said}")
    print(f"wall {wall:.1f} s, ideal {ideal:.1f} s, throughput {ideal / wall:.2f} of ideal")
    print(f"driver's own CPU {used:.1f} s")


if __name__ == "__main__":
    main()
