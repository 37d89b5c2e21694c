"""What every tracker has to do: the checks of TrackerSuite.

They write: give a component whose store is a folder of the test's own.
"""

from __future__ import annotations

import base64
import math
from pathlib import Path
from tempfile import TemporaryDirectory

from rnnx.contracts.trackers import Point, Tracker
from rnnx.runs.delivery import send_image
from rnnx.testing.suite import expect, make_suite

PNG = base64.b64decode(  # one grey point
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
POINTS = [Point("a/b", 1.5, 1, 1000), Point("a/b", math.nan, 2, 2000), Point("c", -2.0, 2, 2000)]


def _keeps(tracker: Tracker, run_id: str) -> bool:
    """Whether the tracker finds its own run again; one that keeps nothing has less to prove."""
    return bool(tracker.find(run_id))


def _whole_run(tracker: Tracker, status: str = "FINISHED") -> str:
    log = tracker.start("a name", {"cell.name": "x", "long": "y" * 7000}, {"tag": "one"})
    expect(isinstance(log.id, str) and bool(log.id), f"start: the run's id is {log.id!r}")
    log.points(POINTS)
    log.tags({"tag": "two"})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "note.txt"
        path.write_text("what was written\n", "utf-8")
        log.file(path, "notes")
    log.finish(status)
    return log.id


def check_run(tracker: Tracker) -> None:
    """A run can be started, filled and ended, and found again by its id and its beginning."""
    first, second = _whole_run(tracker), _whole_run(tracker, "FAILED")
    expect(first != second, "two runs have one id")
    if not _keeps(tracker, first):
        expect(not tracker.runs(5), "runs lists runs that find does not find")
        return
    for run_id, status in ((first, "FINISHED"), (second, "FAILED")):
        found = tracker.find(run_id)
        expect([run.id for run in found] == [run_id], f"find({run_id!r}) found {found}")
        expect(found[0].status == status, f"the run is {found[0].status}, not {status}")
        expect(found[0].name == "a name", f"the run is called {found[0].name!r}")
        expect(found[0].tags.get("tag") == "two", "a tag that was set again has its old value")
        expect(found[0].metrics.get("c") == -2.0, f"metrics: {dict(found[0].metrics)}")
        expect(
            run_id in [run.id for run in tracker.find(run_id[:8])], "the id's beginning finds none"
        )


def check_order(tracker: Tracker) -> None:
    """runs lists the newest first, no more than asked."""
    ids = [_whole_run(tracker) for _ in range(3)]
    if not _keeps(tracker, ids[0]):
        return
    listed = [run.id for run in tracker.runs(2)]
    expect(len(listed) == 2, f"runs(2) listed {len(listed)}")
    started = [run.started for run in tracker.runs(3)]
    expect(started == sorted(started, reverse=True), f"not the newest first: {started}")


def check_history(tracker: Tracker) -> None:
    """History gives back every point, NaN too, by step."""
    run_id = _whole_run(tracker)
    if not _keeps(tracker, run_id):
        return
    found = tracker.history(run_id, "a/b")
    expect([point.step for point in found] == [1, 2], f"history: {found}")
    expect(found[0].value == 1.5 and math.isnan(found[1].value), f"history: {found}")
    expect([point.timestamp for point in found] == [1000, 2000], f"timestamps: {found}")


def check_fetch(tracker: Tracker) -> None:
    """A file comes back as it went."""
    run_id = _whole_run(tracker)
    if not _keeps(tracker, run_id):
        return
    with TemporaryDirectory() as folder:
        path = tracker.fetch(run_id, "notes/note.txt", Path(folder))
        expect(path.read_text("utf-8") == "what was written\n", f"{path}: has another content")


def check_reopen(tracker: Tracker) -> None:
    """A run that was ended goes on: new points join the old ones."""
    run_id = _whole_run(tracker, "KILLED")
    log = tracker.reopen(run_id)
    expect(log.id == run_id, f"reopen({run_id!r}) opened {log.id!r}")
    if _keeps(tracker, run_id):
        status = tracker.find(run_id)[0].status
        expect(status == "RUNNING", f"a reopened run is {status}, not RUNNING")
    log.points([Point("a/b", 3.0, 3, 3000)])
    log.finish("FINISHED")
    if _keeps(tracker, run_id):
        steps = [point.step for point in tracker.history(run_id, "a/b")]
        expect(steps == [1, 2, 3], f"after reopen the history has steps {steps}")


def check_images(tracker: Tracker) -> None:
    """A run takes an image of a step, and takes it again when it is sent twice."""
    log = tracker.start("a name", {}, {})
    has_images = any(callable(getattr(log, name, None)) for name in ("image", "picture"))
    expect(has_images, f"{type(log).__name__} has no image(name, path, step)")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "step_000001.png"
        path.write_bytes(PNG)
        for _ in range(2):
            send_image(log, "a_probe_norm", path, 1)
    log.finish("FINISHED")


CHECKS = (check_run, check_order, check_history, check_fetch, check_reopen, check_images)

TrackerSuite = make_suite("tracker", CHECKS)
