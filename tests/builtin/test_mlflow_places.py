"""What MLflow has a place for: data, logged models, descriptions, source, system metrics."""

import os
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from mlflow_entries import client, place_store

from rnnx.contracts.trackers import DataPart, Point, SavedCheckpoint
from rnnx.errors import StoreError
from rnnx.system.git import git_state
from rnnx_builtin.trackers import mlflow_system
from rnnx_builtin.trackers.mlflow_log import MLflowLog
from rnnx_builtin.trackers.mlflow_store import MLflow

DIGEST = "0123456789abcdef" * 4
HELD_OUT = DataPart("names held-out", DIGEST, "validation", "/data/names.txt", 5, 31)
DATA = [DataPart("names", DIGEST, "training", "/data/names.txt", 49, 300), HELD_OUT]


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return place_store(empty_store, tmp_path)


def saved(kind: str, step: int, loss: float) -> SavedCheckpoint:
    path = Path(f"/runs/1/checkpoints/{kind}.safetensors")
    return SavedCheckpoint(kind, step, path, "f" * 64, {"val_loss": loss}, HELD_OUT, 1_700_000)


def models(store: Any, log: Any) -> dict[str, Any]:
    """The logged models of a run by name; none of them twice."""
    run = store.get_run(log.id)
    found = store.search_logged_models([run.info.experiment_id])
    names = [model.name for model in found if model.source_run_id == log.id]
    assert len(names) == len(set(names))
    return {model.name: model for model in found if model.source_run_id == log.id}


def test_the_data_of_a_run_is_its_input(uri: str) -> None:
    log = MLflow(uri).start("n", {}, {})
    for _ in range(2):
        log.data(DATA)  # type: ignore[attr-defined]
    found = client(uri).get_run(log.id).inputs.dataset_inputs
    told = {(one.dataset.name, one.tags[0].value): one.dataset for one in found}
    assert len(found) == 2
    assert told.keys() == {("names", "training"), ("names held-out", "validation")}
    data = told["names held-out", "validation"]
    assert data.digest == DIGEST[:36]
    assert data.source == '{"uri": "/data/names.txt"}'
    assert data.profile == '{"examples": 5, "tokens": 31}'


def test_checkpoints_are_logged_models_of_the_run(uri: str) -> None:
    log = MLflow(uri).start("n", {"cell.name": "lstm"}, {})
    log.data(DATA)  # type: ignore[attr-defined]
    for _ in range(2):  # what was sent before a kill is sent again
        log.checkpoints([saved("best", 8, 1.5), saved("last", 12, 1.75)])  # type: ignore[attr-defined]
    store = client(uri)
    there = models(store, log)
    assert there.keys() == {"best-step-8", "last-step-12"}
    for name, loss in (("best-step-8", 1.5), ("last-step-12", 1.75)):
        [metric] = there[name].metrics
        assert (metric.key, metric.value) == ("checkpoint/val_loss", loss)
        assert (metric.dataset_name, metric.dataset_digest) == (HELD_OUT.name, DIGEST[:36])
        assert there[name].status == "READY"
        assert there[name].params["cell.name"] == "lstm"
        assert there[name].tags["rnnx.sha256"] == "f" * 64
    best = there["best-step-8"]
    assert best.tags["rnnx.checkpoint"] == "/runs/1/checkpoints/best.safetensors"
    outputs = store.get_run(log.id).outputs.model_outputs
    steps = {(output.model_id, output.step) for output in outputs}
    assert steps == {(best.model_id, 8), (there["last-step-12"].model_id, 12)}
    assert len(outputs) == 2
    # The run shows the best one's, and rnnx counts it among no run's metrics.
    assert store.get_run(log.id).data.metrics["checkpoint/val_loss"] == 1.5
    assert MLflow(uri).find(log.id)[0].metrics == {}


def test_a_run_has_no_checkpoints_but_the_newest(uri: str) -> None:
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    log.checkpoints([saved("best", 8, 1.5), saved("last", 12, 1.75)])  # type: ignore[attr-defined]
    log.checkpoints([])  # type: ignore[attr-defined]
    assert models(store, log) == {}
    log.checkpoints([saved("best", 8, 1.5), saved("last", 24, 1.75)])  # type: ignore[attr-defined]
    assert models(store, log).keys() == {"best-step-8", "last-step-24"}
    moved = saved("best", 8, 1.5)._replace(path=Path("/elsewhere/best.safetensors"))
    log.checkpoints([moved])  # type: ignore[attr-defined]
    [best] = models(store, log).values()
    assert best.tags["rnnx.checkpoint"] == "/elsewhere/best.safetensors"
    assert [metric.value for metric in best.metrics] == [1.5]


class Killed(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("call", range(8))
def test_models_that_a_killed_process_left_half_made_are_completed(uri: str, call: int) -> None:
    """The process is killed after each of its calls that write."""
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    made = 0

    class Dying:
        """A client whose process is killed after ``call`` calls that write."""

        def __getattr__(self, name: str) -> Any:
            method = getattr(store, name)
            if not callable(method) or not name.startswith(("create", "finalize", "log", "set")):
                return method

            def write(*about: Any, **more: Any) -> Any:
                nonlocal made
                if made == call:
                    raise Killed
                made += 1
                return method(*about, **more)

            return write

    both = [saved("best", 8, 1.5), saved("last", 12, 1.75)]
    try:
        MLflowLog(Dying(), log.id).checkpoints(both)
    except Killed:
        MLflowLog(store, log.id).checkpoints(both)
    there = models(store, log)
    assert there.keys() == {"best-step-8", "last-step-12"}
    assert all(model.status == "READY" for model in there.values())
    assert [len(model.metrics) for model in there.values()] == [1, 1]
    assert len(store.get_run(log.id).outputs.model_outputs) == 2


def test_models_that_the_user_made_stay(uri: str) -> None:
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    experiment = store.get_run(log.id).info.experiment_id
    own = store.create_logged_model(experiment, name="mine", source_run_id=log.id)
    log.checkpoints([])  # type: ignore[attr-defined]
    assert models(store, log).keys() == {own.name}


def test_totals_are_drawn_as_bars(uri: str) -> None:
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    log.points([Point("val/loss", 1.0, 12, 5), Point("best/val_loss", 1.0, 12, 5)])
    log.points([Point("best/val_loss", 0.5, 24, 6)])  # of the run that was resumed
    assert [m.step for m in store.get_metric_history(log.id, "best/val_loss")] == [0, 0]
    assert [m.step for m in store.get_metric_history(log.id, "val/loss")] == [12]
    assert MLflow(uri).find(log.id)[0].metrics == {"val/loss": 1.0, "best/val_loss": 0.5}


def test_an_entry_by_an_earlier_rnnx_keeps_the_steps_of_its_totals(uri: str) -> None:
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    store.log_metric(log.id, "final/val_loss", 1.0, timestamp=5, step=12)
    again = MLflow(uri).reopen(log.id)
    again.points([Point("final/val_loss", 0.5, 24, 6), Point("best/val_loss", 0.5, 24, 6)])
    assert MLflow(uri).find(log.id)[0].metrics["final/val_loss"] == 0.5
    history = MLflow(uri).history(log.id, "final/val_loss")
    assert [(point.step, point.value) for point in history] == [(12, 1.0), (24, 0.5)]


def description(uri: str, log: Any) -> str:
    return str(client(uri).get_run(log.id).data.tags["mlflow.note.content"])


def test_a_description_has_links_and_is_replaced(uri: str) -> None:
    log = MLflow(uri).start("n", {}, {})
    experiment = client(uri).get_run(log.id).info.experiment_id
    log.describe("first")  # type: ignore[attr-defined]
    log.describe("**best** is [it](run:0123abcd)")  # type: ignore[attr-defined]
    shown = description(uri, log)
    assert shown.startswith(f"**best** is [it](#/experiments/{experiment}/runs/0123abcd)\n\n")
    log.describe("x" * 9000)  # type: ignore[attr-defined]
    log.describe("short")  # type: ignore[attr-defined]
    assert description(uri, log).startswith("short\n")


@pytest.mark.parametrize("mine", ["my own words", "Best run: it has a long tail.\nSee there."])
def test_a_description_by_the_user_stays(uri: str, mine: str) -> None:
    tracker, store = MLflow(uri), client(uri)
    log = tracker.reopen(tracker.start("n", {}, {}).id)
    store.set_tag(log.id, "mlflow.note.content", mine)
    log.describe("first")  # type: ignore[attr-defined]
    assert description(uri, log) == mine
    store.delete_tag(log.id, "mlflow.note.content")
    log.describe("first")  # type: ignore[attr-defined]
    edited = description(uri, log).replace("first", "first, and a thought")
    store.set_tag(log.id, "mlflow.note.content", edited)
    log.describe("second")  # type: ignore[attr-defined]
    assert description(uri, log) == edited


def test_the_description_by_an_earlier_rnnx_is_replaced(uri: str) -> None:
    log, store = MLflow(uri).start("n", {}, {}), client(uri)
    store.set_tag(log.id, "mlflow.note.content", "Best run: [0123](#/experiments/1/runs/0123)")
    log.describe("first")  # type: ignore[attr-defined]
    assert description(uri, log).startswith("first\n")


def test_source_and_git_are_where_mlflow_shows_them(uri: str) -> None:
    git = {"git.commit": "a" * 40, "git.branch": "main", "git.dirty": "true"}
    log = MLflow(uri).start("n", {}, {**git, "rnnx.parent": "0" * 32, "mine": "x"})
    tags = client(uri).get_run(log.id).data.tags
    assert {k: v for k, v in tags.items() if k.startswith("mlflow.source.")} == {
        "mlflow.source.name": "rnnx train",
        "mlflow.source.type": "LOCAL",
        **{f"mlflow.source.{key}": value for key, value in git.items()},
    }
    assert {key for key in tags if not key.startswith("mlflow.")} == {"mine"}
    assert tags["mlflow.parentRunId"] == "0" * 32
    assert MLflow(uri).find(log.id)[0].tags["rnnx.parent"] == "0" * 32


def git(*command: str) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *command], env={**os.environ, **own, **who}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_the_state_of_git() -> None:
    assert git_state() == {}
    git("init", "-q", "-b", "größe")
    assert git_state() == {}
    Path("a file").write_text("one")
    git("add", "a file")
    git("commit", "-q", "-m", "one")
    Path("untracked").write_text("x")
    clean = {"git.commit": git("rev-parse", "HEAD"), "git.branch": "größe", "git.dirty": "false"}
    assert git_state() == clean
    Path("a file").write_text("two, longer")
    assert git_state() == {**clean, "git.dirty": "true"}
    git("checkout", "-q", "--detach")
    assert "git.branch" not in git_state()


def test_git_runs_no_program_that_a_repository_names() -> None:
    git("init", "-q", "-b", "main")
    Path("a").write_text("one")
    git("add", "a")
    git("commit", "-q", "-m", "one")
    ran = Path.cwd() / "ran"
    Path("a").write_text("two")
    Path(".git/info/attributes").write_text("* filter=evil\n")
    program = Path.cwd() / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o755)
    for key in ("filter.evil.clean", "filter.evil.process", "core.fsmonitor"):
        git("config", key, str(program))
    hook = Path(".git/hooks/post-index-change")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    state = git_state()
    assert (state["git.branch"], "git.dirty" in state) == ("main", False)
    assert not ran.exists()


def test_system_metrics_without_psutil_are_one_line(
    uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mlflow_system, "find_spec", lambda name: None)
    with pytest.raises(
        StoreError, match=r"^tracker\.system_metrics=true: psutil is not installed; "
    ):
        MLflow(uri, system_metrics=True).start("n", {}, {})
    run = MLflow(uri).start("n", {}, {}).id
    MLflow(uri, system_metrics=True).reopen(run).points([Point("a", 1.0, 1, 5)])
    assert "pip install psutil; the run goes on without" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("psutil") is None, reason="it measures with psutil")
def test_system_metrics_go_along_with_points(uri: str) -> None:
    log, store = MLflow(uri, system_metrics=True).start("n", {}, {}), client(uri)
    log.points([Point("train/loss", 1.0, 3, int(time.time() * 1000))])
    found = store.get_run(log.id).data.metrics
    assert found["system/system_memory_usage_percentage"] > 0
    assert {"system/cpu_utilization_percentage", "system/disk_usage_percentage"} <= found.keys()
    [metric] = store.get_metric_history(log.id, "system/cpu_utilization_percentage")
    assert metric.step == 3
    log.points([Point("train/loss", 1.0, 4, 1000)])  # of long ago: it is sent again
    assert len(store.get_metric_history(log.id, "system/cpu_utilization_percentage")) == 1
    assert MLflow(uri).find(log.id)[0].metrics == {"train/loss": 1.0}
