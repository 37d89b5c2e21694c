"""The checks of TrackerSuite: what every tracker must do.

They write runs: give the suite a component whose store is a folder of the test.
"""

from __future__ import annotations

import base64
import math
from pathlib import Path
from tempfile import TemporaryDirectory

from rnnx.contracts.trackers import Point, StoreTracker, Tracker
from rnnx.runs.delivery import send_image
from rnnx.testing.suite import NotApplicable, expect, make_suite

PNG = base64.b64decode(  # one grey point
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
POINTS = [Point("a/b", 1.5, 1, 1000), Point("a/b", math.nan, 2, 2000), Point("c", -2.0, 2, 2000)]


def _keeps(tracker: Tracker, run_id: str) -> bool:
    """Whether the tracker finds its own run again; a tracker may keep no runs at all."""
    return bool(tracker.find(run_id))


def _require_kept(tracker: Tracker, run_id: str) -> None:
    if not _keeps(tracker, run_id):
        raise NotApplicable("the tracker keeps no runs: find returns none of its own")


def _whole_run(tracker: Tracker, status: str = "FINISHED") -> str:
    log = tracker.start("a name", {"cell.name": "x", "long": "y" * 7000}, {"tag": "one"})
    expect(isinstance(log.id, str) and bool(log.id), f"start: the run's id is {log.id!r}")
    log.points(POINTS)
    log.tags({"tag": "two"})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "note.txt"
        path.write_text("a note\n", "utf-8")
        log.file(path, "notes")
    log.finish(status)
    return log.id


def check_run(tracker: Tracker) -> None:
    """A run can be started, logged to, finished, and found by its id or the id's beginning."""
    first, second = _whole_run(tracker), _whole_run(tracker, "FAILED")
    expect(first != second, "two runs have the same id")
    if not _keeps(tracker, first):
        expect(not tracker.runs(5), "runs returns runs that find does not")
        return
    for run_id, status in ((first, "FINISHED"), (second, "FAILED")):
        found = tracker.find(run_id)
        expect([run.id for run in found] == [run_id], f"find({run_id!r}) returned {found}")
        expect(found[0].status == status, f"the status is {found[0].status}, not {status}")
        expect(found[0].name == "a name", f"the name is {found[0].name!r}, not 'a name'")
        expect(found[0].tags.get("tag") == "two", "a tag that was set twice has its first value")
        expect(found[0].metrics.get("c") == -2.0, f"metrics: {dict(found[0].metrics)}")
        by_beginning = [run.id for run in tracker.find(run_id[:8])]
        expect(run_id in by_beginning, f"find({run_id[:8]!r}) does not return run {run_id}")


def check_order(tracker: Tracker) -> None:
    """``runs(n)`` returns the newest n runs, the newest first."""
    ids = [_whole_run(tracker) for _ in range(3)]
    _require_kept(tracker, ids[0])
    listed = [run.id for run in tracker.runs(2)]
    expect(len(listed) == 2, f"runs(2) returned {len(listed)} runs")
    started = [run.started for run in tracker.runs(3)]
    expect(started == sorted(started, reverse=True), f"not the newest first: {started}")


def check_history(tracker: Tracker) -> None:
    """``history`` returns every point of a metric by step, NaN among them."""
    run_id = _whole_run(tracker)
    _require_kept(tracker, run_id)
    found = tracker.history(run_id, "a/b")
    expect([point.step for point in found] == [1, 2], f"history: {found}")
    expect(found[0].value == 1.5 and math.isnan(found[1].value), f"history: {found}")
    expect([point.timestamp for point in found] == [1000, 2000], f"timestamps: {found}")


def check_fetch(tracker: Tracker) -> None:
    """``fetch`` returns a file as it was sent."""
    run_id = _whole_run(tracker)
    _require_kept(tracker, run_id)
    with TemporaryDirectory() as folder:
        path = tracker.fetch(run_id, "notes/note.txt", Path(folder))
        expect(
            path.read_text("utf-8") == "a note\n", f"{path}: differs from the file that was sent"
        )


def check_reopen(tracker: Tracker) -> None:
    """A finished run can be reopened, and new points are added to its old ones."""
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
        expect(
            steps == [1, 2, 3], f"after reopen the history has steps {steps}, expected [1, 2, 3]"
        )


def check_entry(tracker: Tracker) -> None:
    """A tracker with ``entry`` has its own run, in the state in which it is, and no other."""
    if not isinstance(tracker, StoreTracker):
        raise NotApplicable("the tracker does not say which runs it has: it has no entry(run_id)")
    run_id = _whole_run(tracker)
    found = tracker.entry(run_id)
    expect(found is not None, "entry returns None for a run that the tracker has made")
    assert found is not None
    expect(found.id == run_id, f"entry({run_id!r}) returned the run {found.id!r}")
    expect(found.status == "FINISHED", f"the status is {found.status}, not FINISHED")
    expect(found.tags.get("tag") == "two", "a tag that was set twice has its first value")
    other = tracker.entry("0" * 32)
    expect(other is None, f"entry returned {other} for a run that was never there, not None")


def check_images(tracker: Tracker) -> None:
    """A run takes an image of a step, and takes it again if it is sent twice."""
    log = tracker.start("a name", {}, {})
    has_images = any(callable(getattr(log, name, None)) for name in ("image", "picture"))
    expect(has_images, f"{type(log).__name__} has no image(name, path, step)")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "step_000001.png"
        path.write_bytes(PNG)
        for _ in range(2):
            send_image(log, "a_probe_norm", path, 1)
    log.finish("FINISHED")


CHECKS = (
    check_run,
    check_order,
    check_history,
    check_fetch,
    check_reopen,
    check_entry,
    check_images,
)

TrackerSuite = make_suite("tracker", CHECKS)
