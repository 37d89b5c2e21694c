"""Train a configuration: a session, its folder, its tracker's run, and the training loop."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnx.contracts.trackers import RunLog
from rnnx.data.corpus import Corpus
from rnnx.errors import StorageError, StoreError, StoreUnwritable
from rnnx.registry.attribution import attributing
from rnnx.runs.folder import FOLDER_TAG, RunFolder
from rnnx.runs.leftovers import remove_leftovers
from rnnx.runs.lock import RunLock
from rnnx.runs.registration import open_run
from rnnx.runs.saved import data_parts
from rnnx.runs.tracking import REASON_LENGTH, Tracking, ended_by
from rnnx.system.machine import machine
from rnnx.system.signals import Stop
from rnnx.system.text import reason, storable
from rnnx.training.head_start import FirstStep, beside, drawing_is_loaded
from rnnx.training.loop import PruningRule, TrainingLoop
from rnnx.training.progress import Progress
from rnnx.training.report import Report
from rnnx.training.session import Session
from rnnx.training.tags import run_name, run_params, run_tags, tracker_tags

if TYPE_CHECKING:
    from rnnx.models.trained import Model


@dataclass(repr=False)
class Run:
    """A run that has ended; what ``rnnx.train`` returns."""

    run_id: str
    folder: RunFolder
    status: str  # FINISHED, or KILLED after a signal
    metrics: dict[str, float] = field(default_factory=dict)  # the last value of each
    exit_code: int = 0
    pruned: bool = False  # stopped because other runs were better by then

    def __repr__(self) -> str:
        best = self.metrics.get("best/val_loss")
        loss = "" if best is None else f", best held-out loss {best:.4f}"
        return f"<Run {self.run_id[:8]}: {self.status}{loss}, in {self.folder.path}>"

    @property
    def model(self) -> Model:
        """The trained model: the best by held-out loss, else the last."""
        from rnnx.models.trained import load_file

        return load_file(self.folder.best_or_last())


def train(
    config: Mapping[str, Any],
    report: Report,
    overrides: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
    should_prune: PruningRule | None = None,
    corpus: Corpus | None = None,
) -> Run:
    """Train ``config`` to its end and keep everything in its tracker and its folder.

    ``overrides`` are what the user typed; the run is named after them. ``more`` joins run.json; its
    ``own_tags`` join the run's tags, and ``takes_over`` is the id of a run of the tracker's without
    a folder that becomes this one's. ``should_prune`` is asked after every evaluation, by step and
    held-out loss, and ends the run. ``corpus`` is that of the
    configuration where it has been loaded before.
    """
    with Stop() as stop:
        session = Session(config, corpus)
        about = {
            "name": run_name(list(overrides)),
            **session.identity._asdict(),
            **session.monitor.fields(session.network.metrics.metrics),
            **({} if session.corpus.is_language else {"loss_unit": session.loss_unit}),
            "overrides": list(overrides),
            "cwd": os.getcwd(),
            "machine": machine(),
            **(more or {}),
        }
        if "sweep" not in about:  # whose driver ends what an earlier one left
            remove_leftovers(session.settings.outputs)
        folder = RunFolder.create(session.settings.outputs, about, config)
        with storage_errors(folder), RunLock(folder):
            return _train_new(session, folder, report, stop, should_prune)


def _train_new(
    session: Session,
    folder: RunFolder,
    report: Report,
    stop: Stop,
    should_prune: PruningRule | None,
) -> Run:
    """Train in a new folder; the first step is made while the tracker's store opens."""
    made: list[FirstStep] = []

    def meanwhile() -> None:
        if not stop.signal:
            made.append(FirstStep.of(session))

    open_log = begin(session, folder, meanwhile)
    first = made[0] if made else None
    with tracking_of(open_log, session, folder, report) as tracking:
        tracking.params(run_params(session))
        return run_loop(
            session, tracking, folder, report, stop, should_prune=should_prune, first=first
        )


@contextmanager
def storage_errors(folder: RunFolder) -> Iterator[None]:
    """A file of the run that cannot be written is one line: StorageError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError.of(error, folder.path, folder.handle) from error


OpenLog = Callable[[], RunLog]


def begin(
    session: Session, folder: RunFolder, meanwhile: Callable[[], None] = lambda: None
) -> OpenLog:
    """Open the tracker's run for a new folder and name the folder after it.

    The store opens in a thread of its own; ``meanwhile`` is called beside it.

    A run begins also where its tracker's store is full or read-only, and a sweep's job where the
    tracker does not answer any more, which it did when the sweep began. The run has an id of its
    own then, and the tracker is told later.
    """
    known = folder.read()
    tags = tracker_tags(run_tags(session)) | {FOLDER_TAG: folder.id} | known.get("own_tags", {})
    tags = {key: storable(str(value)) for key, value in tags.items()}
    name = storable(str(known.get("name", "")))
    folder.write({"told": {"params": run_params(session), "tags": tags}})
    try:
        opening = beside(lambda: _open_log(session, str(known.get("takes_over", "")), name, tags))
        meanwhile()
        log = opening.result()
    except Exception as error:
        if isinstance(error, StoreError if "sweep" in known else StoreUnwritable):
            return _begin_without_tracker(session, folder)
        folder.remove()
        raise
    except BaseException:  # a second signal; the tracker may have created the run
        folder.write({"status": "KILLED"})
        raise
    try:
        folder.begin(log.id)  # the lock is on the open file and goes along
    except BaseException as error:
        _end(lambda: log, folder, error)
        raise
    return lambda: log


def _begin_without_tracker(session: Session, folder: RunFolder) -> OpenLog:
    folder.write({"registering": folder.id})
    folder.begin(uuid.uuid4().hex)
    return lambda: open_run(folder, session.components.tracker)


def tracking_of(open_log: OpenLog, session: Session, folder: RunFolder, report: Report) -> Tracking:
    """The tracking of a run that has begun; where there can be none, the run ends."""
    try:
        return Tracking(open_log, folder, report.warning, session.components.tracker)
    except BaseException as error:
        _end(open_log, folder, error)
        raise


def _end(open_log: OpenLog, folder: RunFolder, error: BaseException) -> None:
    """End a run that has only begun, in its folder and its tracker."""
    status = ended_by(error)
    with suppress(OSError):
        folder.write({"status": status, "reason": reason(error)})
    with suppress(Exception):  # the first error counts
        log = open_log()
        log.tags({"reason": reason(error)[:REASON_LENGTH]})
        log.finish(status)


def _open_log(session: Session, before: str, name: str, tags: Mapping[str, str]) -> RunLog:
    """A new run of the tracker's, or the run ``before`` of the same job, which failed early."""
    tracker = session.components.tracker
    with attributing():
        if before:
            with suppress(StoreError):  # it may have been deleted
                log: RunLog = tracker.reopen(before)
                log.tags({**tags, "reason": ""})
                return log
        # Parameters follow through the outbox: where they cannot be written, the run is not lost.
        started: RunLog = tracker.start(name, {}, tags)
        return started


def run_loop(
    session: Session,
    tracking: Tracking,
    folder: RunFolder,
    report: Report,
    stop: Stop,
    progress: Progress | None = None,
    should_prune: PruningRule | None = None,
    first: FirstStep | None = None,
) -> Run:
    """Train from the session's step to the end; a ``first`` step that was made is logged, too."""
    for note in session.notes:
        report.note(note)
    if first is None and not stop.signal:
        session.load()
    tracking.rewind(session.steps)
    tracking.tags({"rnnx.folder": str(folder.path.resolve())})
    tracking.file(folder.config)
    loop = TrainingLoop(session, tracking, folder, report, progress, should_prune, first)
    config, corpus = session.config, session.corpus
    tracking.data(data_parts(config["dataset"]["name"], corpus, session.identity.split_sha256))
    loop.describe()
    tracking.flush()
    with drawing_is_loaded():
        code = loop.run(stop)
    status = "KILLED" if code else "FINISHED"
    return Run(folder.id, folder, status, tracking.last, code, loop.pruned)
