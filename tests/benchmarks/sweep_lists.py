"""What commands cost that look at very many runs and jobs, beyond their imports.

    python tests/benchmarks/sweep_lists.py --runs 10000 --jobs 1000
    python tests/benchmarks/sweep_lists.py --runs 10000 --jobs 1000 --only dry-run skip

``first`` is ``rnnx runs`` in a folder that no command has looked at, ``skip`` a new sweep whose
jobs have all finished, ``again`` the same command once more.

A folder gets so many finished runs (:mod:`many_runs`); the jobs of a sweep are among them. Own time
is the CPU time of a command and its children without that of imports (``import_times/``).
``beyond one`` is what is left of it without that of the same command in a folder of one run.
Memory is the most that the command's own process held. ``unit`` is the CPU time of a fixed loop
beside it, as a measure of how busy the machine was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from many_runs import OWN, space, write_runs

from rnnx.runs.runs_cache import _file

HERE = Path(__file__).parent
MEASURED = """
import resource, sys, runpy
sys.argv = ["rnnx", *sys.argv[1:]]
try:
    runpy.run_module("rnnx", run_name="__main__")
finally:
    print("held", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


class Cost(NamedTuple):
    """What one command took."""

    own: float  # seconds of CPU time, without imports
    imports: float
    held: float  # MB
    unit: float  # seconds of CPU time of a fixed loop
    said: str  # the last line


def measured(folder: Path, arguments: Sequence[str]) -> Cost:
    """The cost of ``rnnx`` with these arguments."""
    with tempfile.TemporaryDirectory() as times:
        path = os.pathsep.join([str(HERE / "import_times"), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "IMPORT_TIMES": times}
        unit, before = _unit(), os.times()
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        after = os.times()
        imports = sum(float(file.read_text()) for file in Path(times).iterdir())
    used = after.children_user + after.children_system
    own = used - before.children_user - before.children_system - imports
    held = next(line for line in done.stderr.splitlines() if line.startswith("held "))
    return Cost(own, imports, int(held.split()[1]) / 1024, unit, done.stdout.splitlines()[-1])


def _unit() -> float:
    began = time.process_time()
    sum(number * number for number in range(3_000_000))
    return time.process_time() - began


def commands(jobs: int) -> dict[str, list[str]]:
    """Name → arguments. The first command reads all runs; ``skip`` makes the sweep of others."""
    sweep = ["train", "-m", *OWN, *space(jobs)]
    keys = ["--rows", "dropout", "--columns", "optimizer.learning_rate", "--format", "markdown"]
    return {
        "first": ["runs", "tracker=none"],
        "runs": ["runs", "tracker=none"],
        "dry-run": [*sweep, "--dry-run"],
        "skip": sweep,  # a new sweep, whose page is drawn
        "again": sweep,
        "compare": ["compare", "SWEEP"],
        "results": ["compare", "SWEEP", *(keys if jobs > 1 else [])],
        "page": ["compare", "SWEEP", "--html", "page.html"],
    }


def costs(runs: int, jobs: int, only: Sequence[str]) -> dict[str, Cost]:
    """The cost of each command in a folder of its own."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_runs(folder, runs, jobs)
        for name, arguments in commands(jobs).items():
            if name in only or name in ("first", "skip"):
                sweeps = [path.name for path in folder.glob("outputs/sweeps/*")]
                given = [sweeps[0] if word == "SWEEP" else word for word in arguments]
                found[name] = measured(folder, given)
        _file(folder / "outputs").unlink(missing_ok=True)  # what was kept of a folder that goes
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=10_000)
    options.add_argument("--jobs", type=int, default=1000)
    options.add_argument("--only", nargs="+", default=list(commands(1)))
    given = options.parse_args()
    least = costs(1, 1, given.only)
    print(f"{given.runs:,} runs, {given.jobs:,} jobs; times in seconds of CPU")
    for name, cost in costs(given.runs, given.jobs, given.only).items():
        print(
            f"{name:8}  own {cost.own:5.2f}  beyond one {cost.own - least[name].own:5.2f}  "
            f"imports {cost.imports:5.2f}  held {cost.held:4.0f} MB  unit {cost.unit:.2f}  "
            f"{cost.said[:60]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
