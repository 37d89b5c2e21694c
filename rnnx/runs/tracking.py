"""What a run measures, on its way to the folder and to the tracker.

The folder is the truth: everything is written there first, and a thread sends copies to the
tracker. A tracker that fails or hangs costs a warning, never the run; what it missed is sent when
it answers again, by ``rnnx sync`` at the latest.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rnnx.contracts.probes import Findings, is_file_name, is_image_name
from rnnx.contracts.trackers import Point, RunLog, point_of
from rnnx.errors import PluginError
from rnnx.runs.folder import RunFolder
from rnnx.runs.outbox import Spool
from rnnx.runs.sender import LastWord, Sender
from rnnx.system.files import replacing

EVERY = 5.0  # seconds between two flushes that nothing else asked for
PATIENCE = 30.0  # seconds without an answer after which the end of a run leaves its tracker
HEAD = ("step", "text")  # of samples.csv


class Tracking:
    """One run's way out."""

    def __init__(
        self, opened: Callable[[], RunLog], folder: RunFolder, warn: Callable[[str], None]
    ) -> None:
        self.folder, self._warn = folder, warn
        self._spool = Spool(folder.path)
        self._spool.mend()
        # A run that goes on makes points again that it had kept before it was stopped.
        history = read_history(folder.metrics)
        self._known = {key: points[-1].step for key, points in history.items()}
        self.last = {key: points[-1].value for key, points in history.items()}
        self._buffer: list[Point] = []
        self._flushed = time.monotonic()
        self._tags: dict[str, str] = {}
        self._sender = Sender(opened, self._spool, warn)

    def rewind(self, step: int) -> None:
        """Forget the samples of rounds after ``step``: they are made again."""
        table = self.folder.samples
        if not table.is_file():
            return
        with long_fields(), table.open(encoding="utf-8", errors="replace", newline="") as file:
            kept = [row for row in csv.reader(file) if _is_whole(row, step)]
        with replacing(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows([HEAD, *kept] if kept else [])

    def point(self, key: str, value: float, step: int) -> None:
        """Keep one value; its timestamp is made here."""
        self.last[key] = value
        if step > self._known.get(key, -1):
            self._known[key] = step
            self._buffer.append(Point(key, float(value), step, int(time.time() * 1000)))

    def flush_if_due(self) -> None:
        """Flush if the last one is some seconds old."""
        if time.monotonic() - self._flushed >= EVERY:
            self.flush()

    def flush(self, to_disk: bool = False) -> None:
        """Write the buffer to the folder and have it sent; ``to_disk`` outlives a power cut."""
        self._flushed = time.monotonic()
        if self._buffer:
            points, self._buffer = self._buffer, []
            self._spool.keep_points(points)
        if to_disk:
            self._spool.sync()
        self._sender.wake()

    def params(self, params: Mapping[str, str]) -> None:
        """Tell the tracker parameters that it may not have yet."""
        self._spool.keep("params", dict(params))

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in the folder and in the tracker."""
        self._tags |= tags
        self._spool.keep("tags", dict(tags))

    def file(self, path: Path, folder: str = "") -> None:
        """Copy a file of the run's folder to the tracker."""
        self._spool.keep("file", self._inside(path), folder)

    def _inside(self, path: Path) -> str:
        """The path from the folder on: it stays true where the folder is moved."""
        return path.resolve().relative_to(self.folder.path.resolve()).as_posix()

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Keep a probe's picture of this step."""
        if not is_image_name(name):
            raise PluginError(
                f"picture {name!r}: a probe's picture is called by small letters, digits and _"
            )
        path = self.folder.inside(f"pictures/{name}/step_{step:06}.png")
        (self.folder.path / "pictures").mkdir(exist_ok=True)  # a deleted folder stays away
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        self._spool.keep("picture", self._inside(path), name, step)

    def findings(self, probe: str, found: Findings, step: int) -> None:
        """Keep what a probe found after this step."""
        for key, value in found.figures.items():
            self.point(key, value, step)
        for name, png in found.pictures.items():
            self.picture(f"{probe}_{name}", png, step)
        for name, data in found.files.items():
            self._probe_file(probe, name, data)

    def _probe_file(self, probe: str, name: str, data: bytes) -> None:
        """Keep a probe's file; in the tracker it is in a folder called by the probe."""
        if not is_file_name(name):
            raise PluginError(f"file {name!r}: a probe's file is called by letters, digits, _ . -")
        path = self.folder.inside(f"probes/{probe}/{name}")
        (self.folder.path / "probes").mkdir(exist_ok=True)  # a deleted folder stays away
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.file(path, probe)

    def samples(self, step: int, texts: Sequence[str], name: str = "") -> None:
        """Keep one round of samples: a text file of its own, called by its step or ``name``."""
        if not texts:
            return
        path = self.folder.inside(f"samples/{name or f'step_{step:06}'}.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        with self.folder.samples.open("a", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            if file.tell() == 0:
                rows.writerow(HEAD)
            rows.writerows((name or step, text) for text in texts)
        self.file(path, "samples")

    def artifacts(self) -> None:
        """Send what is complete only at the end: the table, the curve, the checkpoints."""
        from rnnx.runs.loss_curve import draw_curve

        if self.folder.samples.is_file():
            self.file(self.folder.samples)
        self.flush()
        curve = draw_curve(read_history(self.folder.metrics), self.folder.path / "loss.png")
        if curve is not None:
            self.file(curve)
        for path in (self.folder.best, self.folder.last):
            if path.is_file():
                self.file(path, "checkpoints")

    def finish(
        self, status: str, reason: str = "", idle: float = PATIENCE, total: float = math.inf
    ) -> None:
        """End the run, and leave a tracker that takes nothing for ``idle`` seconds.

        A folder that cannot be written raises OSError; the tracker is told all the same, unless
        ``status`` is FINISHED.
        """
        ended = time.time()
        own = {"reason": reason, "ended": ended, "metrics": self.last, "tags": self._tags}
        trouble, last_word = None, LastWord(status, reason[:5000], ended)
        try:
            if reason:
                self.tags({"reason": reason[:5000]})
            self.flush()
            self._spool.keep("finish", status, ended)
            # A run is not FINISHED, and so can be gone on with, until its tracker knows it.
            self.folder.write(own if status == "FINISHED" else own | {"status": status})
        except OSError as error:
            if status == "FINISHED":
                raise
            trouble = error
        told = self._sender.close(idle, total, last_word, unkept=trouble is not None)
        if not told and self.folder.path.is_dir():
            self._warn(
                f"the tracker could not be told everything ({self._sender.trouble}; "
                f"{self._spool.count()} points and files are left); when it answers again: "
                f"rnnx sync {self.folder.handle}"
            )
        if trouble:
            raise trouble
        self.folder.write({"status": status})


@contextmanager
def long_fields() -> Iterator[None]:
    """CSV with fields of any length: a long sample is no mistake."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _is_whole(row: list[str], step: int) -> bool:
    """Whether it is a row that a kill did not tear, of a round up to ``step``."""
    return len(row) == len(HEAD) and row[0].isdecimal() and len(row[0]) < 20 and int(row[0]) <= step


def read_history(path: Path) -> dict[str, list[Point]]:
    """Metric → its points in order, from metrics.jsonl; a damaged line is passed over."""
    history: dict[str, list[Point]] = {}
    if not path.is_file():
        return history
    for line in path.read_text("utf-8", "replace").split("\n"):
        point = point_of(line)
        if point is None:
            continue
        history.setdefault(point.key, []).append(point)
    return history
