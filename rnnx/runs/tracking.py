"""A run's metrics, samples, images and files: written to its folder, copied to its tracker.

The folder is the truth: everything is written there first, and a thread sends copies to the
tracker. A tracker that fails or hangs costs a warning, never the run; what it missed is sent when
it answers again, by ``rnnx sync`` at the latest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rnnx.contracts.probes import Findings, is_file_name, is_image_name
from rnnx.contracts.trackers import DataPart, Point, RunLog, StoreTracker, Tracker
from rnnx.errors import PluginError
from rnnx.runs import predictions_file, samples_file
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import points, read_curves
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import inside
from rnnx.runs.saved import checkpoint_entries
from rnnx.runs.sender import Ending, Sender
from rnnx.runs.steering import Steering, removed
from rnnx.system.text import reason as reason_of

FLUSH_INTERVAL = 5.0  # seconds between two flushes that nothing else asked for
IDLE_TIMEOUT = 30.0  # seconds without an answer after which the end of a run leaves its tracker
STOPPED_TIMEOUT = 1.0  # seconds that a run stopped twice waits for its tracker
REASON_LENGTH = 5000  # characters of a reason that a tracker is told


class Tracking:
    """Writes what a run measures to its folder and queues copies for its tracker.

    ``steering`` has what persons ask of the run, where its ``tracker`` can be asked.
    ``asked_before``: what they may have asked until now, which is removed before any is read.
    """

    def __init__(
        self,
        open_run: Callable[[], RunLog],
        folder: RunFolder,
        warn: Callable[[str], None],
        tracker: Tracker | None = None,
        asked_before: Iterable[str] = (),
    ) -> None:
        self.folder, self._warn = folder, warn
        self._outbox = Outbox(folder.path)
        # A run that is resumed computes again what it had measured after its checkpoint.
        newest = {point.key: point for point in points(folder.metrics)}
        self._known = {key: point.step for key, point in newest.items()}
        self.last = {key: point.value for key, point in newest.items()}
        self._buffer: list[Point] = []
        self._flushed = time.monotonic()
        self._tags: dict[str, str] = {}
        self._finished = False
        self.steering = Steering(tracker.entry) if isinstance(tracker, StoreTracker) else None
        if asked_before:  # queued before the sender's thread begins, which reads what is asked
            self._outbox.add("tags", removed(asked_before))
        self._sender = Sender(open_run, self._outbox, warn, self.steering)

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the folder to others; a run that an error kept from beginning ends here."""
        if error is not None and not self._finished:
            with suppress(OSError):
                timeout = STOPPED_TIMEOUT
                self.finish(ended_by(error), reason_of(error), total_timeout=timeout)
        self._sender.stop()
        self._outbox.close()

    def rewind(self, step: int) -> None:
        """Drop the samples and predictions after ``step``: they are made again."""
        samples_file.rewind(self.folder.samples, step)
        predictions_file.rewind(self.folder.predictions, step)

    def point(self, key: str, value: float, step: int, when: float | None = None) -> None:
        """Log one value of a metric; one that was logged before the run was resumed stays.

        ``when`` is in seconds since 1970; None: now.
        """
        self.last[key] = value
        if step > self._known.get(key, -1):
            self._known[key] = step
            made = time.time() if when is None else when
            self._buffer.append(Point(key, float(value), step, int(made * 1000)))

    def total(self, key: str, value: float, step: int) -> None:
        """Log a value that a run has once, when it has ended: at step 0, as a tracker's bars are.

        Where the metric has a value already, of steps or of an end from which the run was resumed,
        another one is that of ``step``.
        """
        if key not in self._known:
            self.point(key, value, 0)
        elif self._known[key] > 0 or repr(float(self.last[key])) != repr(float(value)):
            self.point(key, value, step)

    def profile(self, key: str, values: Iterable[tuple[int, float]]) -> None:
        """Log a metric by another number than the step, such as a length, when the run has ended.

        A run that is resumed and ends again logs anew what has changed since.
        """
        known = {p.step: p.value for p in points(self.folder.metrics, [key])}
        now = int(time.time() * 1000)
        for place, value in values:
            self.last[key] = value
            if known.get(place) != value:
                self._buffer.append(Point(key, float(value), place, now))

    def flush_if_due(self) -> None:
        """Flush if the last one is some seconds old."""
        if time.monotonic() - self._flushed >= FLUSH_INTERVAL:
            self.flush()

    def flush(self, to_disk: bool = False) -> None:
        """Write the buffer to the folder and have it sent; ``to_disk`` outlives a power cut."""
        self._flushed = time.monotonic()
        if self._buffer:
            points, self._buffer = self._buffer, []
            self._outbox.add_points(points)
        if to_disk:
            self._outbox.sync()
        self._sender.wake()

    def params(self, params: Mapping[str, str]) -> None:
        """Send the tracker parameters that it may not have yet."""
        self._outbox.add("params", dict(params))

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in the folder and in the tracker."""
        self._tags |= tags
        self._outbox.add("tags", dict(tags))

    def obeyed(self, requests: Iterable[str]) -> None:
        """Remove tags by which a person asked something of the run, in the tracker alone."""
        self._outbox.add("tags", removed(requests))
        self._sender.wake()

    def file(self, path: Path, folder: str = "") -> None:
        """Copy a file of the run's folder to the tracker."""
        self._outbox.add("file", self._inside(path), folder)

    def data(self, parts: Sequence[DataPart]) -> None:
        """Keep which data the run uses."""
        known = [part._asdict() for part in parts]
        self.folder.write({"data": known})
        self._outbox.add("data", known)

    def describe(self, text: str) -> None:
        """Describe the run, in Markdown, where its tracker has a place for that."""
        self._outbox.add("describe", text)

    def withdraw_checkpoints(self) -> None:
        """Let the tracker's run have no checkpoints until it ends: this run overwrites them."""
        self._outbox.add("checkpoints", [])

    def remove(self, path: Path) -> None:
        """Delete a file of the run's folder, here and where the tracker has it."""
        if path.exists():
            self._outbox.add("remove", path.name)
            path.unlink()

    def _inside(self, path: Path) -> str:
        """The path relative to the run's folder: it stays true where the folder is moved."""
        return path.resolve().relative_to(self.folder.path.resolve()).as_posix()

    def image(self, name: str, png: bytes, step: int) -> None:
        """Keep a probe's image of this step."""
        if not is_image_name(name):
            raise PluginError(
                f"image {name!r}: the name of a probe's image has small letters, digits and _"
            )
        path = self._write(f"images/{name}/step_{step:06}.png", png)
        self._outbox.add("image", self._inside(path), name, step)

    def findings(self, probe: str, found: Findings, step: int, is_conclusion: bool = False) -> None:
        """Keep what a probe found after this step, or in the finished run."""
        keep = self.total if is_conclusion else self.point
        for key, value in found.metrics.items():
            keep(key, value, step)
        for name, png in found.images.items():
            self.image(f"{probe}_{name}", png, step)
        for name, data in found.files.items():
            self._probe_file(probe, name, data)

    def _probe_file(self, probe: str, name: str, data: bytes) -> None:
        """Keep a probe's file; the tracker has it in a folder named after the probe."""
        if not is_file_name(name):
            raise PluginError(
                f"file {name!r}: the name of a probe's file has letters, digits, _ . and -"
            )
        self.file(self._write(f"probes/{probe}/{name}", data), probe)

    def _write(self, name: str, data: bytes) -> Path:
        """Write ``kind/owner/file`` in the run's folder."""
        path = inside(self.folder.path, name)
        (self.folder.path / name.partition("/")[0]).mkdir(exist_ok=True)  # not a deleted folder
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def samples(self, step: int, texts: Sequence[str], is_final: bool = False) -> None:
        """Keep samples in samples.csv and in a text file named after the step, or "final"."""
        if not texts:
            return
        name = "final" if is_final else f"step_{step:06}"
        path = inside(self.folder.path, f"samples/{name}.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        samples_file.append(self.folder.samples, step, texts, is_final)
        self.file(path, "samples")

    def predictions(
        self, step: int, shown: Sequence[predictions_file.Shown], is_final: bool = False
    ) -> None:
        """Keep predictions in predictions.csv, which a tracker may show as a table."""
        predictions_file.append(self.folder.predictions, step, shown, is_final)
        self._outbox.add("table", self._inside(self.folder.predictions), "predictions")

    def artifacts(self) -> None:
        """Send what is complete only at the end: the table, the curve, the checkpoints."""
        from rnnx.runs.loss_curve import DRAWN, draw_curve

        for path in (self.folder.samples, self.folder.predictions):
            if path.is_file():
                self.file(path)
        self.flush()
        unit = self.folder.read().get("loss_unit", "nats")
        path, history = self.folder.path / "loss.png", read_curves(self.folder.metrics, DRAWN)
        curve = draw_curve(history, path, unit)
        if curve is not None:
            self.file(curve)
        for path in (self.folder.best, self.folder.last):
            if path.is_file():
                self.file(path, "checkpoints")
        self._outbox.add("checkpoints", checkpoint_entries(self.folder))

    def finish(
        self,
        status: str,
        reason: str = "",
        idle_timeout: float = IDLE_TIMEOUT,
        total_timeout: float = math.inf,
    ) -> None:
        """End the run; leave a tracker that takes nothing for ``idle_timeout`` seconds.

        A folder that cannot be written raises OSError; the tracker is told all the same, unless
        ``status`` is FINISHED.
        """
        self._finished = True
        ending = Ending(status, reason[:REASON_LENGTH], time.time())
        trouble = None
        try:
            self._keep(ending, reason)
        except OSError as error:
            if status == "FINISHED":
                raise
            trouble = error
        is_sent = self._end_tracker(ending, trouble is None, idle_timeout, total_timeout)
        if trouble is None:
            self.folder.write({"status": status, "sent": is_sent})
        self._outbox.close()
        if trouble:
            raise trouble

    def _keep(self, ending: Ending, reason: str) -> None:
        """Write how the run ended to the folder."""
        own = {"reason": reason, "ended": ending.ended, "metrics": self.last, "tags": self._tags}
        if ending.status != "FINISHED":  # which a run is only once its tracker knows
            own["status"] = ending.status
        try:
            if reason:
                self.tags({"reason": ending.reason})
            self.flush()
            self._outbox.add("finish", ending.status, ending.ended)
        finally:  # a disk without room for the outbox may have it for this
            self.folder.write(own)

    def _end_tracker(
        self, ending: Ending, is_kept: bool, idle_timeout: float, total_timeout: float
    ) -> bool:
        """Send the tracker what is left and warn of what could not be sent; whether all was."""
        is_sent = self._sender.close(ending, is_kept, idle_timeout, total_timeout)
        if not self.folder.path.is_dir():
            return is_sent
        left = self._outbox.count()
        if is_sent and not (left and is_kept):  # a full disk keeps no marks of what was sent
            return not left
        self._warn(
            f"the tracker could not be told everything ({self._sender.trouble or 'interrupted'}; "
            f"{left} points and files are left); when it answers again: "
            f"rnnx sync {self.folder.handle}"
        )
        return False


def ended_by(error: BaseException) -> str:
    """The status of a run that this error ended."""
    is_stop = isinstance(error, KeyboardInterrupt | SystemExit | BrokenPipeError)
    return "KILLED" if is_stop else "FAILED"
