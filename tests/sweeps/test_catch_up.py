"""A tracker that goes away in the middle of a sweep gets everything later, by itself."""

import os
from pathlib import Path
from typing import ClassVar

import pytest
from single_sweep import only_sweep, statuses
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.contracts.trackers import RunLog
from rnnx.errors import StoreError
from rnnx.runs.folder import FOLDER_TAG, RunFolder, runs_in
from rnnx.runs.lock import RunLock
from rnnx.sweeps.catch_up import catch_up
from rnnx_builtin.trackers.none import NoLog, Nothing


class Log(NoLog):
    """A run that remembers how it ended."""

    ends: ClassVar[dict[str, str]] = {}

    def finish(self, status: str, ended: float | None = None) -> None:
        self.ends[self.id] = status


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The tags of each run of the tracker."""
    tags: list[dict[str, str]] = []

    def start(self: Nothing, name: str, params: object, given: dict[str, str]) -> RunLog:
        tags.append(dict(given))
        return Log(f"{len(tags):032}")

    monkeypatch.setattr(Log, "ends", {})
    monkeypatch.setattr(Nothing, "start", start)
    monkeypatch.setattr(Nothing, "reopen", lambda self, run_id: Log(run_id))
    return tags


def test_jobs_train_without_their_tracker(
    names: Path,
    started: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = Nothing.start

    def away(self: Nothing, *about: object) -> RunLog:
        raise StoreError("no route")

    def once(self: Nothing, *about: object) -> RunLog:
        monkeypatch.setattr(Nothing, "start", away)
        monkeypatch.setattr(Nothing, "reopen", away)
        monkeypatch.setattr(Log, "finish", away)
        return start(self, *about)  # type: ignore[arg-type]

    finish = Log.finish
    monkeypatch.setattr(Nothing, "start", once)
    command = [*tiny(names), "hydra/launcher=basic", "seed=0,1"]
    assert main(command, multirun=True) == 0
    assert statuses() == ["FINISHED"] * 2
    out, err = capsys.readouterr()
    assert f"sweep {only_sweep().id}: 2 finished" in out and "no route" in err
    assert (only_sweep().path / "comparison.html").is_file()
    assert catch_up("outputs") == 0  # it is still away
    monkeypatch.setattr(Nothing, "start", start)
    monkeypatch.setattr(Nothing, "reopen", lambda self, run_id: Log(run_id))
    monkeypatch.setattr(Log, "finish", finish)
    assert catch_up("outputs") == 3
    assert catch_up("outputs") == 0
    folders = runs_in(Path("outputs"))
    entries = {folder.entry for folder in folders}
    assert len(started) == 3 and entries.isdisjoint({folder.id for folder in folders})
    assert Log.ends == dict.fromkeys([only_sweep().read()["parent"], *entries], "FINISHED")
    assert {tags["rnnx.parent"] for tags in started[1:]} == {only_sweep().read()["parent"]}
    assert all(tags[FOLDER_TAG] for tags in started[1:])
    assert main(command, multirun=True) == 0
    assert statuses() == ["SKIPPED"] * 2 and len(started) == 3


def killed(run_id: str, **fields: object) -> RunFolder:
    from rnnx.config.compose import compose

    config = compose(["tracker=none"])
    folder = RunFolder.create("outputs", {"cwd": os.getcwd(), **fields}, config)
    folder.begin(run_id)
    return folder


def test_a_run_whose_process_was_killed_has_ended(started: list[dict[str, str]]) -> None:
    folder, elsewhere, busy = killed("a"), killed("b", cwd="/elsewhere"), killed("c")
    with RunLock(busy):
        assert catch_up("outputs") == 1
    assert (folder.read()["status"], Log.ends) == ("KILLED", {"a": "KILLED"})
    assert {one.read()["status"] for one in (elsewhere, busy)} == {"RUNNING"}


def test_a_run_that_was_killed_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    from rnnx.system.owner import owner

    here = f".new-{'a' * 32}.{owner()}"
    dead = f".new-{'b' * 32}.{owner().partition('-')[0]}-999999999"
    for name in (here, dead):
        (tmp_path / "outputs" / name / "checkpoints").mkdir(parents=True)
    catch_up("outputs")
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == [here]
