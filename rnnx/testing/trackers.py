"""The checks of TrackerSuite: what every tracker must do.

They write runs: give the suite a component whose store is a folder of the test.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rnnx.contracts.trackers import (
    CheckpointLog,
    DataLog,
    DataPart,
    DescribedLog,
    Point,
    SavedCheckpoint,
    StoreTracker,
    TableLog,
    Tracker,
)
from rnnx.errors import InputError
from rnnx.runs.delivery import send_image
from rnnx.testing.isolation import check_process_of
from rnnx.testing.suite import CheckFailed, NotApplicable, expect, make_suite
from rnnx.testing.tracker_pages import check_run_pages, check_ui, check_view
from rnnx.testing.workers import in_other_processes

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


def check_optional(tracker: Tracker) -> None:
    """A run takes data, checkpoints and a description twice, and they are no metrics of its own."""
    log = tracker.start("a name", {"cell.name": "x"}, {})
    kinds = (DataLog, CheckpointLog, DescribedLog)
    if not any(isinstance(log, kind) for kind in kinds):
        raise NotApplicable("the tracker has no place for data, checkpoints or a description")
    held_out = DataPart("held-out", "0" * 64, "validation", "names.txt", 2, 9)
    path = Path("/a/best.safetensors")
    saved = SavedCheckpoint("best", 3, path, "0" * 64, {"val_loss": 1.0}, held_out, 1000)
    for _ in range(2):
        if isinstance(log, DataLog):
            log.data([held_out._replace(name="names", use="training"), held_out])
        if isinstance(log, CheckpointLog):
            log.checkpoints([saved, saved._replace(kind="last", step=4)])
        if isinstance(log, DescribedLog):
            log.describe(f"**bold**, [a run](run:{log.id})")
    if isinstance(log, CheckpointLog):
        log.checkpoints([])
    log.points([Point("c", 2.0, 1, 1000)])
    log.finish("FINISHED")
    _require_kept(tracker, log.id)
    metrics = dict(tracker.find(log.id)[0].metrics)
    expect(metrics == {"c": 2.0}, f"metrics: {metrics}, but the run was told of c alone")


def check_table(tracker: Tracker) -> None:
    """A run takes a table that grows, as a whole each time, and it is no metric."""
    log = tracker.start("a name", {}, {})
    if not isinstance(log, TableLog):
        raise NotApplicable("the tracker shows no tables: its runs have no table method")
    columns, rows = ["step", "final", "input"], [["1", "false", "a"]]
    more = [["2", "false", "b\n, c"], ["2", "true", "=1 é"]]
    log.table("guesses", columns, rows)
    for _ in range(2):
        log.table("guesses", columns, [*rows, *more])
    log.finish("FINISHED")
    _require_kept(tracker, log.id)
    (run,) = tracker.find(log.id)
    expect(run.status == "FINISHED" and not run.metrics, f"a run with a table is {run}")


NUMBERS = (1 / 3, 1e300, -1e-300, 16777217.0, math.inf, -math.inf, math.nan)  # none is a float32


def check_values(tracker: Tracker) -> None:
    """Values come back as 64-bit floats, steps and times whole; points come back by step."""
    log = tracker.start("a name", {}, {})
    now = 1_700_000_000_123
    points = [Point("x/y", v, 10**6 + k, now + k) for k, v in enumerate(NUMBERS)]
    log.points(points[3:])
    log.points(points[:3])
    log.finish("FINISHED")
    _require_kept(tracker, log.id)
    found = tracker.history(log.id, "x/y")
    expect([p.step for p in found] == [p.step for p in points], f"history: {found}")
    expect([p.timestamp for p in found] == [p.timestamp for p in points], f"history: {found}")
    for point, sent in zip(found, points, strict=True):
        expect(_same_value(point.value, sent.value), f"{sent.value!r} came back as {point.value!r}")
    expect(tracker.history(log.id, "no/such") == [], "history of a metric without points is not []")


def _same_value(found: float, sent: float) -> bool:
    if math.isinf(sent):  # a store may keep infinity as its largest number
        return abs(found) >= 1.7e308 and (found > 0) == (sent > 0)
    return found == sent or (math.isnan(found) and math.isnan(sent))


def check_texts(tracker: Tracker) -> None:
    """Names, tags and parameters keep every letter; tags that are not set again stay."""
    name, value = "Größe λ = 名前 🙂", "é \"quoted\" 100 % {a: [b]} \\ 'c'"
    log = tracker.start(name, {"cell.name": value}, {"first": value, "again": "one"})
    log.params({"cell.name": value})
    log.params({"cell.name": value, "later": "1"})
    log.tags({"again": value})
    log.tags({"second": "2"})
    log.finish("FINISHED")
    _require_kept(tracker, log.id)
    (run,) = tracker.find(log.id)
    expect(run.name == name, f"the name {name!r} came back as {run.name!r}")
    for key, sent in (("first", value), ("again", value), ("second", "2")):
        found = run.tags.get(key)
        expect(found == sent, f"tag {key}: {sent!r} came back as {found!r}")


def check_unknown(tracker: Tracker) -> None:
    """What is not there is said: no run is found by another part of its id, or by a wrong one."""
    run_id = _whole_run(tracker)
    _require_kept(tracker, run_id)
    for part in (run_id[1:], run_id[4:12], run_id + "0", "no_such_run"):
        found = [run.id for run in tracker.find(part)]
        right = run_id not in found and all(other.startswith(part) for other in found)
        expect(right, f"find({part!r}) returned {found}: it finds runs by the beginning of the id")
    with TemporaryDirectory() as folder:
        into = Path(folder)
        _expect_refused(
            "fetch of a file that is not there", tracker.fetch, run_id, "no/a.txt", into
        )
        _expect_refused("fetch of an unknown run", tracker.fetch, "f" * 32, "notes/note.txt", into)
    _expect_refused("reopen of an unknown run", tracker.reopen, "f" * 32)
    expect([run.id for run in tracker.find(run_id)] == [run_id], "reopen of another run made it so")


def _expect_refused(what: str, call: Callable[..., object], *args: object) -> None:
    try:
        found = call(*args)
    except InputError as error:
        expect("\n" not in str(error), f"{what}: an error must have one line, this has: {error!r}")
    else:
        raise CheckFailed(f"{what} returned {found!r:.80}; raise RunNotFound or StoreError")


def check_two_runs(tracker: Tracker) -> None:
    """Two runs that are open at once keep their points, tags and files apart."""
    logs = [tracker.start(f"run {k}", {"k": str(k)}, {"k": str(k)}) for k in range(2)]
    expect(logs[0].id != logs[1].id, "two runs have the same id")
    with TemporaryDirectory() as folder:
        for round_ in range(2):
            for k, log in enumerate(logs):
                log.points([Point("m", 10.0 * k + round_, round_, 1000 + round_)])
                log.tags({f"round{round_}": str(k)})
                path = Path(folder) / "state.bin"
                path.write_bytes(bytes([k, round_, 0, 255]))
                log.file(path, "checkpoints")
        _require_kept(tracker, logs[0].id)
        for k, log in enumerate(logs):
            (run,) = tracker.find(log.id)
            expect(run.status == "RUNNING", f"an open run is {run.status}, not RUNNING")
            expect(run.name == f"run {k}" and run.tags.get("round1") == str(k), f"run {k}: {run}")
            values = [point.value for point in tracker.history(log.id, "m")]
            expect(values == [10.0 * k, 10.0 * k + 1], f"run {k} has the points {values}")
            into = Path(folder) / str(k)
            into.mkdir()
            kept = tracker.fetch(log.id, "checkpoints/state.bin", into).read_bytes()
            expect(kept == bytes([k, 1, 0, 255]), f"run {k}: the last file is {kept!r}")
            log.finish(("FINISHED", "KILLED")[k], 1_700_000_000.5)
            status = tracker.find(log.id)[0].status
            expect(status == ("FINISHED", "KILLED")[k], f"run {k} is {status}")


def check_process(tracker: Tracker) -> None:
    """A run leaves the process as it was: its folder, environment, generators and the like."""
    check_process_of(tracker, lambda: _whole_run(tracker))


def check_other_process(tracker: Tracker) -> None:
    """Another process finds a run with its points."""
    run_id = _whole_run(tracker)
    _require_kept(tracker, run_id)
    for found in in_other_processes(_look_up, tracker, run_id):
        expect(found == ("FINISHED", [1, 2]), f"another process finds {found}")


def _look_up(tracker: Tracker, run_id: str) -> tuple[str, list[int]]:
    """The status of a run and the steps of one of its metrics."""
    status = [run.status for run in tracker.find(run_id)]
    return "".join(status), [p.step for p in tracker.history(run_id, "a/b")] if status else []


CHECKS = (
    check_run,
    check_order,
    check_history,
    check_fetch,
    check_reopen,
    check_entry,
    check_images,
    check_optional,
    check_table,
    check_values,
    check_texts,
    check_unknown,
    check_two_runs,
    check_ui,
    check_view,
    check_run_pages,
    check_process,
    check_other_process,
)

TrackerSuite = make_suite("tracker", CHECKS)
