"""Pipes, folders and wrong fields in the files of runs and sweeps: each is passed over or named."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny

import rnnx
from rnnx.cli.runs import resume, sync
from rnnx.comparison.compare import compare
from rnnx.comparison.figures import draw_figures
from rnnx.contracts.trackers import Point
from rnnx.errors import RnnxError
from rnnx.runs.find import list_runs
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import append
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.training.run import Run


@pytest.fixture
def run(names: Path) -> Run:
    return rnnx.train(tiny(names))


PLACES = ["run.json", "config.yaml", "metrics.jsonl", "sent.json", "outbox.db", "outbox.jsonl"]
PLACES += ["samples.csv", "checkpoints/last.safetensors"]


@pytest.mark.parametrize("name", PLACES)
def test_a_pipe_or_a_folder_in_the_place_of_a_file_holds_nobody_up(name: str, run: Run) -> None:
    place = run.folder.path / name
    for put in (os.mkfifo, os.mkdir):
        place.unlink(missing_ok=True)
        put(place)
        assert len(list_runs(["tracker=none"], 9)) == 1
        with pytest.raises(RnnxError):
            resume(str(run.folder.path), ["steps=99"])
        with pytest.raises(RnnxError):
            sync(str(run.folder.path))
        RunFolder(run.folder.path).read()
        if name != "run.json":
            assert [one.run_id for one in compare([run.run_id]).runs] == [run.run_id]


HUGE = int("9" * 400)
BAD_RUNS: dict[str, Any] = {
    "metrics of 400 digits": {"metrics": {"val/loss": HUGE}},
    "an id that is a mapping": {"id": {}},
    "a status that is none": {"status": -5},
    "a name that is a list": {"name": ["x"]},
    "tags that are a list": {"tags": [1]},
    "a time that is none": {"started": 1e300},
    "a job that is none": {"job": [0]},
}
BAD_JOBS: dict[str, Any] = {
    "overrides": {"overrides": 3},
    "status": {"status": -5},
    "run_id": {"run_id": {}},
    "best_val_loss": {"best_val_loss": HUGE},
    "another field": {"nobodys": 1},
}


@pytest.mark.parametrize("fields", BAD_RUNS.values(), ids=BAD_RUNS.keys())
def test_a_bad_run_json_is_passed_over_and_named(
    fields: dict[str, Any], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.folder.path / "run.json"
    path.write_text(json.dumps(run.folder.read() | fields))
    assert run.folder.read() == {}
    assert f"{path}: {next(iter(fields))} is" in capsys.readouterr().err
    assert [found.status for found in list_runs(["tracker=none"], 9)] == ["UNKNOWN"]
    assert len(compare([run.run_id]).runs) == 1


def test_bad_files_of_a_sweep_are_passed_over(run: Run) -> None:
    path = Path("outputs/sweeps/abcdef")
    (path / "jobs").mkdir(parents=True)
    sweep = Sweep(path)
    sweep.write({"swept": ["seed"], "overrides": ["seed=0,1"], "parent": "x"})
    good = JobResult(0, ["seed=0"], "FINISHED", run_id=run.run_id)
    for job, fields in enumerate(({}, *BAD_JOBS.values())):
        (path / "jobs" / f"{job}.json").write_text(json.dumps(good._asdict() | fields))
    (path / "jobs" / "x.json").write_text("[]")
    assert [found.run_id for found in compare(["abcdef"]).runs] == [run.run_id]
    sweep.write({"overrides": 3})
    assert sweep.read() == {}
    assert [found.run_id for found in compare(["abcdef"]).runs] == [run.run_id]


@pytest.mark.parametrize("name", ["final/[/x]", r"final/$\frac{$", "final/$x^$", "\ud800"])
def test_a_metric_s_name_is_text(name: str, run: Run) -> None:
    append(run.folder.metrics, [Point(name, 1.0, step, 0) for step in (1, 2)])
    run.folder.write({"metrics": run.folder.read()["metrics"] | {name.replace("\ud800", "x"): 1.0}})
    found = compare([run.run_id], name if name != "\ud800" else "best/val_loss")
    assert set(draw_figures(found)) <= {"curves", "seeds", "finals", "parallel"}
