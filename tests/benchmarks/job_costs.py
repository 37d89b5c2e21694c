"""What a job of a sweep costs beside its updates: CPU time of all threads of its process.

    python tests/benchmarks/job_costs.py --steps 20 --jobs 8

Jobs are forked one after the other from a process that has warmed up, as the server of a sweep's
jobs forks them, with MLflow's store in a fresh folder. Parts are listed with the CPU time of the
thread that they run in; those of the thread that sends run beside the updates.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

PARTS = {  # the name of a part → the function that it is
    "updates": "rnnx.training.session:Session.update",
    "session": "rnnx.training.run:Session",
    "opening the store's run": "rnnx.training.run:_open_log",
    "sending": "rnnx.runs.sender:Sender._work",
    "reading back": "rnnx.runs.outbox:Outbox.check",
    "last measurements": "rnnx.training.loop:measure",
    "loss curve": "rnnx.runs.loss_curve:draw_curve",
}


def timed(place: str, times: list[float]) -> None:
    """Let a function add the CPU time of its thread to ``times``."""
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    does: Callable[..., Any] = getattr(owner, last)

    def counting(*given: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return does(*given, **named)
        finally:
            times.append(time.thread_time() - began)

    setattr(owner, last, counting)


def job(run: Callable[[], int]) -> dict[str, float]:
    """What one job took, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        times: dict[str, list[float]] = {part: [] for part in PARTS}
        for part, place in PARTS.items():
            timed(place, times[part])
        code = run()
        os.write(writing, json.dumps({part: sum(own) for part, own in times.items()}).encode())
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        parts: dict[str, float] = json.load(pipe)
    used = os.wait4(child, 0)[2]
    return {"all": used.ru_utime + used.ru_stime, **parts}


def jobs(count: int, overrides: list[str]) -> list[dict[str, float]]:
    """What each of so many jobs took; the working folder is a fresh one."""
    import rich.console  # noqa: F401 - as the server of the jobs
    import safetensors.numpy  # noqa: F401

    from rnnx.config.components import component_from
    from rnnx.config.compose import compose
    from rnnx.runs.sweep_folder import Sweep
    from rnnx.sweeps.job import run_job
    from rnnx.sweeps.parent import open_parent
    from rnnx.sweeps.warmup import warm_up, write_configs

    values = compose(overrides)
    sweep = Sweep.open("outputs", overrides, ["seed"], anew=False)
    write_configs([values], sweep.path)
    if (child := os.fork()) == 0:  # which may leave threads behind
        open_parent(sweep, component_from("tracker", values["tracker"]), {})
        os._exit(0)
    os.waitpid(child, 0)
    warm_up(sweep.path)
    gc.set_threshold(10_000)
    gc.freeze()

    def run_with(seed: int) -> Callable[[], int]:
        return lambda: run_job({**values, "seed": seed}, [f"seed={seed}"], seed, sweep, [])

    return [job(run_with(seed)) for seed in range(count)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--jobs", type=int, default=8)
    given = options.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported: as the server has it
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        found = jobs(given.jobs, [f"steps={given.steps}", "cell=lstm"])
        os.chdir(os.path.dirname(place))
    everything = [one["all"] for one in found]
    beside = [one["all"] - one["updates"] for one in found]
    print(f"{given.jobs} jobs of {given.steps} steps, seconds of CPU: median (least)")
    for name, times in {"a job": everything, "beside its updates": beside}.items():
        print(f"{name:24} {statistics.median(times):.3f} ({min(times):.3f})")
    for part in PARTS:
        times = [one[part] for one in found]
        print(f"  {part:22} {statistics.median(times):.3f} ({min(times):.3f})")


if __name__ == "__main__":
    main()
