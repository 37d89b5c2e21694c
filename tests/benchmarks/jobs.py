"""The second part of make bench: the notebook's job, sampling, start and memory."""

import argparse
import json
from pathlib import Path
from typing import Any

import course
import memory
import sampling
import start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", required=True, help="the notebook's dinos.txt")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, default=10**9, help="bytes of the large file")
    parser.add_argument("--json", type=Path, default=Path(".bench/jobs.json"))
    given = parser.parse_args()
    found: dict[str, Any] = {}
    found["course"] = course.measure(given.names, given.rounds)
    plain = found["course"]["plain loop"]
    for name, rate in found["course"].items():
        print(f"{name:24} {rate:9.0f} names/s {rate / plain:6.2f} × the plain loop", flush=True)
    found["streams"] = sampling.streams(given.rounds)
    for row in found["streams"]:
        print(sampling.shown(row))
    found["batches"] = sampling.batches(3)
    for row in found["batches"]:
        times = f"{row['batch'] * 1e3:6.1f} and {row['one by one'] * 1e3:7.1f} ms"
        print(f"1,000 names, {row['cell']:8} {row['n_a']:4}  {times} {row['ratio']:6.1f} ×")
    found["start"] = start.measure(given.rounds)
    for name, seconds in found["start"].items():
        print(f"{name:65} {seconds:5.2f} s of CPU time", flush=True)
    found["memory"] = memory.measure(given.large)
    print("a run on a large file: " + ", ".join(f"{k} {v:.0f}" for k, v in found["memory"].items()))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
