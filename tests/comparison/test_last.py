"""What `last` means where sweeps and runs take turns."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnx.comparison.runs import lasting_name, runs_named
from rnnx.errors import RunNotFound
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import JobResult, Sweep

Begin = Callable[..., Sweep]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Begin a sweep whose one job failed before it had a run."""

    def make(seed: int, started: float) -> Sweep:
        outputs = str(tmp_path / "outputs")
        made = Sweep.open(outputs, [f"seed={seed},9"], ["seed"], anew=False)
        made.write({"started": started})
        made.store_result(JobResult(0, [f"seed={seed}"], "FAILED", "no such file"))
        return made

    return make


def train(started: float, **fields: object) -> RunFolder:
    folder = RunFolder.create("outputs", {"name": "a"}, {"seed": 0})
    folder.write({"started": started, "status": "FINISHED", **fields})
    return folder


def test_a_sweep_whose_jobs_never_had_runs_is_the_last_one(begin: Begin) -> None:
    now = time.time()
    first, second = begin(0, now), begin(1, now + 1)
    assert lasting_name("last") == second.id
    (job,) = runs_named("last", Path("outputs"))
    assert (job.run_id, job.status, job.reason) == ("", "FAILED", "no such file")
    run = train(now + 2)
    assert lasting_name("last") == run.id
    train(now + 3, sweep=first.id)
    assert lasting_name("last") == first.id
    third = begin(2, now + 4)
    assert lasting_name("last") == third.id


def test_no_name_names_nothing() -> None:
    train(time.time())
    for name in ("", " "):
        with pytest.raises(RunNotFound, match="names no run or sweep"):
            runs_named(name, Path("outputs"))
