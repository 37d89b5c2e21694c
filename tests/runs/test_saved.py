"""What a tracker with a place for it is told of a run's data and checkpoints."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tiny import tiny

import rnnx
from rnnx.contracts.trackers import DataPart, RunLog, SavedCheckpoint
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.runs.outbox import Outbox
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx_builtin.trackers.none import NoLog, Nothing


class Log(NoLog):
    """A run of a tracker that has a place for everything."""

    told: ClassVar[list[tuple[str, Any]]] = []

    def data(self, parts: Sequence[DataPart]) -> None:
        self.told.append(("data", list(parts)))

    def checkpoints(self, saved: Sequence[SavedCheckpoint]) -> None:
        self.told.append(("checkpoints", list(saved)))

    def describe(self, text: str) -> None:
        self.told.append(("describe", text))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    monkeypatch.setattr(Log, "told", [])
    monkeypatch.setattr(Nothing, "start", lambda self, *about: Log("1" * 32))
    monkeypatch.setattr(Nothing, "reopen", lambda self, run_id: Log(run_id))
    return Log.told


def newest(told: list[tuple[str, Any]], what: str) -> Any:
    return [value for kind, value in told if kind == what][-1]


def test_the_data_and_the_checkpoints_of_a_run(names: Path, told: list[tuple[str, Any]]) -> None:
    run = rnnx.train(tiny(names))
    train, held_out = newest(told, "data")
    assert (train.name, train.use) == ("lines names.txt", "training")
    assert (held_out.name, held_out.use) == ("lines names.txt held-out", "validation")
    assert train.digest == held_out.digest == run.folder.read()["split_sha256"]
    assert train.source == held_out.source == str(names.resolve())
    assert train.examples + held_out.examples == len(names.read_text().splitlines())
    best, last = newest(told, "checkpoints")
    for one, path in ((best, run.folder.best), (last, run.folder.last)):
        known = checkpoints.read(path)
        assert (one.path, one.step) == (path.resolve(), known.metadata["step"])
        assert one.data == held_out
    assert (best.kind, last.kind) == ("best", "last")
    assert best.metrics == {"val_loss": run.metrics["best/val_loss"]}
    assert last.metrics == {
        "val_loss": run.metrics["final/val_loss"],
        "train_loss": run.metrics["final/train_loss"],
    }
    assert last.step == 12


def test_a_run_that_holds_nothing_out(names: Path, told: list[tuple[str, Any]]) -> None:
    run = rnnx.train(tiny(names, "dataset.val_fraction=0"))
    assert [part.use for part in newest(told, "data")] == ["training"]
    [last] = newest(told, "checkpoints")
    assert last.metrics == {"train_loss": run.metrics["final/train_loss"]}
    assert last.data is None


def test_a_description_names_data_network_result_and_command(
    names: Path, told: list[tuple[str, Any]]
) -> None:
    typed = tiny(names, "cell=gru", "tracker=none")
    run = rnnx.train(typed)
    text = newest(told, "describe").replace(" \\\n   ", "")
    best, step = run.metrics["best/val_loss"], int(run.metrics["best/step"])
    for part in (
        "- **Data** `lines names.txt`, 98 examples of ",
        "; 10 examples of ",
        f"- **Network** `gru`, 1 layer of 8 units, {run.model.params.size:,} parameters",
        f"- **Best held-out loss {best:.4f}** nats a character, after step {step} of 12",
        f"rnnx train {' '.join(typed)}",
    ):
        assert part in text
    first = next(value for kind, value in told if kind == "describe")
    assert "Best" not in first and "rnnx train" in first  # while it trains


def test_a_resumed_run_has_no_checkpoints_until_it_ends(
    names: Path, told: list[tuple[str, Any]]
) -> None:
    run = rnnx.train(tiny(names))
    del told[:]
    resume(run.folder, Silent(), ["steps=16"])
    said = [value for kind, value in told if kind == "checkpoints"]
    assert said[0] == []
    assert [(one.kind, one.step) for one in said[-1]][1] == ("last", 16)


def test_of_several_lists_of_checkpoints_the_newest_is_sent(
    names: Path, told: list[tuple[str, Any]]
) -> None:
    run = rnnx.train(tiny(names))
    resume(run.folder, Silent(), ["steps=16"])
    del told[:]
    with Outbox(run.folder.path) as outbox:
        outbox.begin_again({})  # a new entry: everything is sent again
        outbox.deliver(Log("2" * 32))
        assert outbox.count() == outbox.damaged == 0
    [said] = [value for kind, value in told if kind == "checkpoints"]
    assert said[1].step == 16
    assert len([kind for kind, _ in told if kind == "describe"]) == 1


def test_a_tracker_without_a_place_gets_none_of_it(names: Path) -> None:
    run = rnnx.train(tiny(names))
    with Outbox(run.folder.path) as outbox:
        assert outbox.count() == 0
        outbox.begin_again({})
        outbox.deliver(NoLog("3" * 32))
        assert outbox.count() == outbox.damaged == 0
    assert RunFolder(run.folder.path).read()["data"][0]["use"] == "training"


PART = {"name": "a", "digest": "0", "use": "training", "source": "s", "examples": 1, "tokens": 1}
FILE = {
    "kind": "best",
    "step": 1,
    "file": "checkpoints/best.safetensors",
    "sha256": "0",
    "metrics": {"val_loss": 1.0},
    "data": None,
    "timestamp": 1,
}


@pytest.mark.parametrize(
    "entry",
    [
        ["data", "x"],
        ["data", [{**PART, "tokens": -1}]],
        ["data", [{**PART, "use": "theft"}]],
        ["data", [{"name": "a"}]],
        ["checkpoints", {}],
        ["checkpoints", [{**FILE, "file": "../../secret"}]],
        ["checkpoints", [{**FILE, "metrics": {"../x": 1.0}}]],
        ["checkpoints", [{**FILE, "step": "1"}]],
        ["describe", 5],
    ],
)
def test_what_others_wrote_into_an_outbox_is_not_sent(tmp_path: Path, entry: Any) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "outputs/run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints/best.safetensors").write_bytes(b"")

    class Strict(Log):
        told: ClassVar[list[tuple[str, Any]]] = []

    with Outbox(folder) as outbox:
        outbox.add(*json.loads(json.dumps(entry)))
        log: RunLog = Strict("4" * 32)
        outbox.deliver(log)
        assert outbox.count() == 0
    assert Strict.told in ([], [("checkpoints", [])])


def test_a_killed_run_tells_of_the_checkpoints_that_it_has(
    names: Path, told: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx.runs.registration import bring_up_to_date
    from rnnx.runs.stored_config import stored_config

    run = rnnx.train(tiny(names, "checkpoint.every=4"))
    with Outbox(run.folder.path) as outbox:  # as a process that was killed leaves it
        outbox._execute("DELETE FROM outbox WHERE entry LIKE '[\"finish%' OR entry LIKE '[\"ch%'")
    run.folder.write({"status": "RUNNING", "sent": False})
    del told[:]
    bring_up_to_date(run.folder, stored_config(run.folder)["tracker"])
    best, last = newest(told, "checkpoints")
    history = read_history(run.folder.metrics)
    assert best.metrics["val_loss"] == min(point.value for point in history["val/loss"])
    assert last.step == 12
    assert run.folder.read()["status"] == "KILLED"
