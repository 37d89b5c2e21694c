"""The way out: the folder first, then the tracker, and training never waits for either."""

import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from rnnx.contracts.trackers import Kept, Point
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.runs import sender
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.metrics_file import read_history
from rnnx.runs.named import find_folders
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import inside
from rnnx.runs.retention import keep_recent
from rnnx.runs.steering import Steering
from rnnx.runs.tracking import Tracking


class Recorder:
    """A tracker's run that remembers, and fails while ``down``."""

    id = "abc"

    def __init__(self) -> None:
        self.down = False
        self.got: list[Point] = []
        self.files: list[str] = []
        self.status = ""

    def _answer(self) -> None:
        if self.down:
            raise ConnectionError("no route")

    def params(self, params) -> None:
        self._answer()

    def points(self, points) -> None:
        self._answer()
        self.got += points

    def tags(self, tags) -> None:
        self._answer()

    def file(self, path: Path, folder: str = "") -> None:
        self._answer()
        self.files.append(f"{folder}/{path.name}")

    def image(self, name: str, path: Path, step: int) -> None:
        self._answer()

    def finish(self, status: str, ended: float | None = None) -> None:
        self._answer()
        self.status = status


@pytest.fixture
def folder() -> RunFolder:
    return made("abc")


def made(run_id: str) -> RunFolder:
    folder = RunFolder.create("outputs", {"name": "a name"}, {"seed": 0})
    folder.begin(run_id)
    return folder


def eventually(done: Callable[[], object]) -> None:
    """Wait for the thread that sends."""
    for _ in range(2000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("it never came")


def test_points_go_to_the_folder_and_to_the_tracker(folder: RunFolder) -> None:
    log, warnings = Recorder(), []
    tracking = Tracking(lambda: log, folder, warnings.append)
    for step in range(5):
        tracking.point("a", step / 2, step)
    tracking.point("odd", math.nan, 5)
    assert log.got == []
    tracking.flush()
    eventually(lambda: len(log.got) == 6)
    assert [p.value for p in log.got[:5]] == [0, 0.5, 1, 1.5, 2]
    history = read_history(folder.metrics)
    assert history["a"] == log.got[:5]
    assert math.isnan(history["odd"][0].value)
    tracking.samples(3, ["one", "two"])
    tracking.finish("FINISHED")
    assert (log.status, warnings) == ("FINISHED", [])
    assert log.files == ["samples/step_000003.txt"]
    assert folder.read()["metrics"]["a"] == 2


class Store(Recorder):
    """Can be read back, counts how often that is done, and is slow to take points."""

    def __init__(self) -> None:
        super().__init__()
        self.read_back, self.sending, self.ended = 0, Event(), Event()

    def points(self, points) -> None:
        self.sending.set()
        assert self.ended.wait(60)
        super().points(points)

    def kept(self) -> Kept:
        self.read_back += 1
        files = {name.lstrip("/"): 4 for name in self.files}
        return Kept(self.status, frozenset(), files, frozenset())

    def count(self, key: str) -> int | None:
        return sum(point.key == key for point in self.got)


def test_a_run_that_ends_while_points_are_sent_is_read_back_once(folder: RunFolder) -> None:
    store, entries = Store(), []
    tracking = Tracking(lambda: store, folder, print)
    tracking._sender._steering = Steering(entries.append)
    tracking.point("a", 1.0, 1)
    tracking.flush()
    assert store.sending.wait(60)
    threading.Timer(0.05, store.ended.set).start()  # by then the run is ending
    tracking.finish("FINISHED")
    assert (store.status, store.read_back) == ("FINISHED", 1)
    assert entries == []  # nobody has had the time to ask anything


def test_points_that_follow_each_other_closely_are_sent_together(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "DELIVERY_INTERVAL", 3600.0)
    calls: list[int] = []
    log = Recorder()
    monkeypatch.setattr(log, "points", lambda points: calls.append(len(points)))
    tracking = Tracking(lambda: log, folder, pytest.fail)
    for step in range(5):
        tracking.point("a", step, step)
        tracking.flush()
        if not step:  # the first are sent at once: a person sees that the run has begun
            eventually(lambda: calls)
    tracking.finish("FINISHED")
    assert (calls, log.status) == ([1, 4], "FINISHED")


def test_a_tracker_that_opens_slowly_is_not_asked_at_once(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, now = Recorder(), time.monotonic

    def opened_late() -> Recorder:
        monkeypatch.setattr(sender.time, "monotonic", lambda: now() + 60)
        return log

    tracking = Tracking(opened_late, folder, print)
    assert (tracking._sender._until_poll() or 0) == 0  # nobody can be asked
    tracking._sender._steering = Steering(lambda run_id: None)
    assert (tracking._sender._until_poll() or 0) > 4
    tracking.finish("FINISHED")


def test_a_tracker_that_fails_costs_a_warning_and_misses_nothing(folder: RunFolder) -> None:
    log, warnings = Recorder(), []
    tracking = Tracking(lambda: log, folder, warnings.append)
    log.down = True
    for step in range(3):
        tracking.point("a", step, step)
        tracking.flush()
        eventually(lambda: warnings)
    assert len(warnings) == 1
    assert "training goes on" in warnings[0]
    log.down = False
    tracking.point("a", 3, 3)
    tracking.finish("FINISHED")
    assert "answers again" in warnings[1]
    assert [p.step for p in log.got] == [0, 1, 2, 3]
    assert log.status == "FINISHED"


def test_what_could_not_be_sent_is_told_and_kept(folder: RunFolder) -> None:
    log, warnings = Recorder(), []
    tracking = Tracking(lambda: log, folder, warnings.append)
    log.down = True
    tracking.point("a", 1, 1)
    tracking.finish("FAILED", "because")
    assert "rnnx sync abc" in warnings[-1]
    with Outbox(folder.path) as outbox:
        assert outbox.count() == 3  # the point, the reason, the end
    assert read_history(folder.metrics)["a"][0].value == 1
    assert folder.read()["reason"] == "because"


def test_a_run_that_is_interrupted_before_it_trains_has_ended(folder: RunFolder) -> None:
    log = Recorder()
    with (
        pytest.raises(KeyboardInterrupt),
        Tracking(lambda: log, folder, lambda _: None),
    ):
        raise KeyboardInterrupt
    assert (log.status, folder.read()["status"]) == ("KILLED", "KILLED")


def test_a_second_signal_at_the_very_end(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, said = Recorder(), []
    tracking = Tracking(lambda: log, folder, said.append)

    def interrupted(self: RunFolder, fields: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "write", interrupted)
        tracking.finish("FINISHED")
    tracking.finish("KILLED", "KeyboardInterrupt")
    known = folder.read()
    assert (log.status, known["status"], known["sent"], said) == ("KILLED", "KILLED", True, [])


def test_a_folder_deleted_in_the_middle_of_sending_is_no_trouble_of_the_tracker(
    folder: RunFolder,
) -> None:
    class Deleter(Recorder):
        def file(self, path: Path, folder: str = "") -> None:
            path.parent.rename("elsewhere")
            raise FileNotFoundError(path)

    log, said = Deleter(), []
    tracking = Tracking(lambda: log, folder, said.append)
    tracking.file(folder.path / "run.json")
    with pytest.raises(OSError):
        tracking.finish("FAILED", "it went")
    assert (said, log.status) == ([], "FAILED")


def test_a_torn_line_is_passed_over(folder: RunFolder) -> None:
    folder.metrics.write_text('["a", 1.0, 1, 5]\n["a", 2.0, 2, 6]\n["a", 3.')
    assert [p.step for p in read_history(folder.metrics)["a"]] == [1, 2]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", "."])
def test_a_name_cannot_leave_the_folder(folder: RunFolder, name: str) -> None:
    with pytest.raises(StoreError):
        inside(folder.path, name)


def test_finding_runs(folder: RunFolder) -> None:
    other = made("abd")
    other.write({"started": 2e9})
    folder.write({"started": 1e9})
    Path("outputs/foreign").mkdir()
    outputs = Path("outputs")
    assert [f.id for f in runs_in(outputs)] == ["abd", "abc"]
    assert [f.id for f in find_folders("last", outputs)] == ["abd"]
    assert [f.id for f in find_folders("abc", outputs)] == ["abc"]
    assert [f.id for f in find_folders("ab", outputs)] == ["abd", "abc"]
    assert [f.id for f in find_folders("outputs/abc", outputs)] == ["abc"]
    with pytest.raises(RunNotFound, match="names no run or sweep"):
        find_folders("", outputs)
    with pytest.raises(RunNotFound, match="rnnx train"):
        find_folders("last", Path("nowhere"))


def test_checkpoints_are_kept_as_many_as_asked(folder: RunFolder) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        folder.best_or_last()
    for step in (100, 200, 300):
        folder.recent(step).write_text(str(step))
        keep_recent(folder, step, 2)
    kept = sorted(p.name for p in folder.checkpoints.iterdir())
    assert kept == ["last.safetensors", "step_00000200.safetensors", "step_00000300.safetensors"]
    assert folder.best_or_last().read_text() == "300"
    folder.best.write_text("best")
    assert folder.best_or_last() == folder.best


def test_an_output_folder_that_cannot_be_made_is_one_line() -> None:
    Path("file").write_text("")
    with pytest.raises(StoreError, match="outputs=file"):
        RunFolder.create("file", {}, {})


def test_a_damaged_run_json_is_an_unknown_run(folder: RunFolder) -> None:
    (folder.path / "run.json").write_text("{ torn")
    assert folder.summary().status == "UNKNOWN"
    folder.write({"status": "FAILED"})
    assert json.loads((folder.path / "run.json").read_text())["status"] == "FAILED"


def test_a_text_that_no_database_takes_ends_a_run_all_the_same(folder: RunFolder) -> None:
    class Database(Recorder):
        def tags(self, tags) -> None:
            text = "".join(tags.values()).encode().decode()  # as a driver does
            if "\0" in text:
                raise ValueError("a string literal cannot contain NUL")
            self.reason = tags.get("reason")

    log, warnings = Database(), []
    tracking = Tracking(lambda: log, folder, warnings.append)
    tracking.finish("FAILED", "half \ud800, nul \0, whole 𝄞\u200d")
    assert (log.status, warnings) == ("FAILED", [])
    assert log.reason == "half \\ud800, nul \\x00, whole 𝄞\u200d"
