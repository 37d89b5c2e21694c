"""A run from its first step to its last, and every way in which it can end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.errors import Diverged, StoreError
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.metrics_file import read_history
from rnnx.training.session import Session
from rnnx_builtin.trackers.none import NoLog, Nothing


def test_points_are_on_the_disk_before_the_checkpoint_that_counts_them(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at any checkpoint's write, a run has every point up to its step."""
    write, seen = checkpoints.write, []

    def noted(checkpoint: checkpoints.Checkpoint, path: Path) -> None:
        points = read_history(path.parent.parent / "metrics.jsonl")["train/loss"]
        seen.append((path.name, checkpoint.metadata["step"], [p.step for p in points]))
        write(checkpoint, path)

    monkeypatch.setattr(checkpoints, "write", noted)
    rnnx.train(tiny(names, "checkpoint.every=0", "eval_every=4", "log_every=1"))
    assert {name for name, _, _ in seen} >= {"best.safetensors"}
    for name, step, steps in seen:
        assert steps == list(range(1, step + 1)), name


@pytest.mark.usefixtures("curve")
def test_the_metrics_of_a_run(names: Path) -> None:
    run = rnnx.train(tiny(names))
    history = read_history(run.folder.metrics)
    assert [p.step for p in history["train/loss"]] == [1, 2, 4, 6, 8, 10, 12]
    assert [p.step for p in history["val/loss"]] == [4, 8, 12]
    assert [p.step for p in history["samples/distinct"]] == [1, 6, 12]
    best = min(history["val/loss"], key=lambda p: p.value)
    assert run.metrics["best/val_loss"] == best.value
    assert run.metrics["best/step"] == best.step
    assert set(run.metrics) >= {
        "grad/norm",
        "grad/clipped",
        "lr",
        "speed/tokens_per_s",
        "samples/new",
        "val/bits_per_char",
        "final/train_loss",
        "final/val_loss",
        "train/smooth_loss",
    }
    kept = {p.name for p in run.folder.path.iterdir()}
    assert kept >= {"config.yaml", "metrics.jsonl", "run.json", "samples.csv", "loss.png"}
    assert checkpoints.read(run.folder.best).metadata["step"] == best.step


@pytest.mark.usefixtures("curve")
def test_mlflow_holds_the_whole_run(names: Path) -> None:
    from mlflow import MlflowClient

    run = rnnx.train([*tiny(names, "tracker=mlflow"), "probe=gradient_norms"])
    client = MlflowClient(f"sqlite:///{Path.cwd() / 'mlflow.db'}")
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params["cell.hidden_size"] == "8"
    assert stored.data.params["cell.name"] == "lstm"
    assert int(stored.data.params["count.parameters"]) == run.model.params.size
    assert {key for key in stored.data.tags if not key.startswith("mlflow.")} == {
        "rnnx.config_hash",
        "rnnx.seedless_hash",
        "data.split_sha256",
        "rnnx.folder",
        "rnnx.new_folder",
        "rnnx.about",
    }
    about = json.loads(stored.data.tags["rnnx.about"])
    assert about["rnnx"]["version"] == about["plugin"]["rnnx"] == rnnx.__version__
    assert set(about["owner"]) >= {
        *("dataset", "cell", "head", "clipper", "optimizer", "schedule", "sampler", "tracker"),
        *(f"initializer.{of}" for of in ("cell.input", "cell.recurrent", "head.output")),
        "probe.gradient_norms",
    }
    assert about["data"]["sha256"] == run.folder.read()["data_sha256"]
    history = read_history(run.folder.metrics)
    for key, points in history.items():
        found = sorted(client.get_metric_history(run.run_id, key), key=lambda m: m.step)
        is_total = key.startswith(("best/", "final/"))
        sent = [(0 if is_total else p.step, p.value) for p in points]
        assert [(m.step, m.value) for m in found] == sent, key
    listed = {f.path for f in client.list_artifacts(run.run_id)}
    assert {"config.yaml", "samples", "samples.csv", "loss.png", "checkpoints"} <= listed
    names_of = {f.path for f in client.list_artifacts(run.run_id, "checkpoints")}
    assert names_of == {"checkpoints/best.safetensors", "checkpoints/last.safetensors"}
    assert any(key.startswith("gradients/layer0.") for key in run.metrics)


@pytest.mark.usefixtures("default_store")
def test_a_model_is_fetched_from_the_tracker_where_its_folder_is_gone(names: Path) -> None:
    run = rnnx.train(tiny(names, "tracker=mlflow"))
    expected = run.model.sample(3)
    shutil.rmtree("outputs")
    assert rnnx.load(run.run_id).sample(3) == expected
    # Without held-out data there is a last checkpoint alone.
    run = rnnx.train(tiny(names, "tracker=mlflow", "dataset.val_fraction=0"))
    expected = run.model.sample(3)
    shutil.rmtree("outputs")
    assert rnnx.load(run.run_id).sample(3) == expected


def test_patience_stops_early(names: Path) -> None:
    more = ["steps=400", "eval_every=2", "patience=3", "optimizer.learning_rate=0.5"]
    run = rnnx.train(tiny(names, *more))
    last = read_history(run.folder.metrics)["val/loss"][-1].step
    assert last < 400
    assert last == run.metrics["best/step"] + 3 * 2


def test_nothing_held_out(names: Path) -> None:
    run = rnnx.train(tiny(names, "dataset.val_fraction=0"))
    assert not any(key.startswith(("val/", "best/")) for key in run.metrics)
    assert "final/val_loss" not in run.metrics
    assert run.model.step == 12


DIVERGING = [
    "clipper=none",
    "optimizer=sgd",
    "optimizer.learning_rate=1e12",
    "cell=vanilla",
    "cell.activation=relu",
    "steps=50",
    "checkpoint.every=1",
]


def test_a_diverged_run_keeps_its_last_good_checkpoint(names: Path) -> None:
    with pytest.raises(Diverged, match=r"step \d+"):
        rnnx.train(tiny(names, *DIVERGING))
    (folder,) = runs_in(Path("outputs"))
    found = folder.read()
    assert found["status"] == "FAILED"
    diverged = re.match(r"step (\d+): ", found["reason"])
    assert diverged is not None
    good = int(diverged[1]) - 1
    session = rnnx.build(tiny(names, *DIVERGING))
    for _ in range(good):
        session.step()
    assert good >= 1 and np.isfinite(session.params.flat).all()
    kept = checkpoints.read(folder.last)
    assert kept.metadata["step"] == good
    for name, array in session.params.leaves():
        assert kept.tensors[f"params/{name}"].tobytes() == array.tobytes(), name


def test_a_failed_run_sends_what_it_has(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(NoLog, "file", lambda self, path, folder="": sent.append(path.name))
    with pytest.raises(Diverged):
        rnnx.train(tiny(names, *DIVERGING))
    assert {"last.safetensors", "samples.csv", "config.yaml"} <= set(sent)


def test_a_folder_that_cannot_be_written_begins_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(Nothing, "start", lambda self, name, params, tags: started.append(name))
    Path("file").write_text("")
    with pytest.raises(StoreError, match="outputs=file"):
        rnnx.train(["tracker=none", "outputs=file"])
    assert started == []


def test_a_run_whose_folder_cannot_be_named_is_failed(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(NoLog, "finish", lambda self, status: ended.append(status))
    monkeypatch.setattr(RunFolder, "begin", lambda self, run_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rnnx.train(tiny(names))
    assert ended == ["FAILED"]


@pytest.mark.parametrize("moment", [(Nothing, "start"), (Session, "evaluate_train")])
def test_a_signal_at_any_time_kills_the_run(
    moment: tuple[type, str], names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is opened, and in the last measurements."""
    cls, method = moment
    real = getattr(cls, method)

    def interrupted(self: Any, *arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *arguments)

    monkeypatch.setattr(cls, method, interrupted)
    run = rnnx.train(tiny(names))
    assert (run.status, run.exit_code) == ("KILLED", 143)
    step = 0 if method == "start" else 12
    assert checkpoints.read(run.folder.last).metadata["step"] == step
    assert run.folder.read()["reason"] == f"SIGTERM after step {step}"


def test_two_runs_in_one_folder_live_side_by_side(names: Path) -> None:
    first, second = rnnx.train(tiny(names)), rnnx.train(tiny(names))
    assert first.run_id != second.run_id
    one, two = (checkpoints.read(run.folder.best_or_last()) for run in (first, second))
    for name, tensor in one.tensors.items():
        assert tensor.tobytes() == two.tensors[name].tobytes(), name


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_killed_with_a_checkpoint(
    number: signal.Signals, code: int, names: Path
) -> None:
    command = [sys.executable, "-m", "rnnx", "train", *tiny(names, "steps=10000000")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:  # it has begun once it tells its first step
        if line.startswith("step 1/"):
            break
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    assert "Traceback" not in err
    path = next(Path("outputs").glob("*/run.json"))
    found = json.loads(path.read_text())
    assert found["status"] == "KILLED"
    assert number.name in found["reason"]
    step = checkpoints.read(path.parent / "checkpoints" / "last.safetensors").metadata["step"]
    assert f"after step {step}" in found["reason"]


def test_signals_mean_what_they_meant_afterwards(names: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    rnnx.train(tiny(names))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_started_is_now(names: Path) -> None:
    run = rnnx.train(tiny(names))
    assert abs(run.folder.summary().started - time.time()) < 60
