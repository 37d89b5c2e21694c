"""What a run measures, on its way to the folder and to the tracker.

The folder is the truth: everything is written there first, and a thread sends copies to the
tracker. A tracker that fails or hangs costs a warning, never the run; what it missed is sent when
it answers again, by ``rnnx sync`` at the latest.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rnnx.cache import replacing
from rnnx.records import Point
from rnnx.runfolder import RunFolder
from rnnx.sending import Sender
from rnnx.spool import Spool
from rnnx.store import RunLog

EVERY = 5.0  # seconds between two flushes that nothing else asked for
PATIENCE = 30.0  # seconds that the end of a run waits for its tracker


class Tracking:
    """One run's way out."""

    def __init__(self, log: RunLog, folder: RunFolder, warn: Callable[[str], None]) -> None:
        self.folder, self._warn = folder, warn
        self.last: dict[str, float] = {}
        self._spool = Spool(folder.path)
        self._spool.mend()
        # A run that goes on makes points again that it had kept before it was stopped.
        self._known = {k: points[-1].step for k, points in read_history(folder.metrics).items()}
        self._buffer: list[Point] = []
        self._flushed = time.monotonic()
        self._tags: dict[str, str] = {}
        self._sender = Sender(log, self._spool, warn)

    def rewind(self, step: int) -> None:
        """Forget the samples of rounds after ``step``: they are made again."""
        table = self.folder.samples
        if not table.is_file():
            return
        with table.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        kept = [row for row in rows if len(row) == len(head) and _is_at_most(row[0], step)]
        with replacing(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows([head, *kept])

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
        path = self.folder.inside(f"pictures/{name}/step_{step:06}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        self._spool.keep("picture", self._inside(path), name, step)

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
                rows.writerow(("step", "text"))
            rows.writerows((name or step, text) for text in texts)
        self.file(path, "samples")

    def artifacts(self) -> None:
        """Send what is complete only at the end: the table, the curve, the checkpoints."""
        from rnnx.curve import draw_curve

        if self.folder.samples.is_file():
            self.file(self.folder.samples)
        self.flush()
        curve = draw_curve(read_history(self.folder.metrics), self.folder.path / "loss.png")
        if curve is not None:
            self.file(curve)
        for path in (self.folder.best, self.folder.last):
            if path.is_file():
                self.file(path, "checkpoints")

    def finish(self, status: str, reason: str = "", patience: float = PATIENCE) -> None:
        """End the run; waits ``patience`` seconds for the tracker to take what is left."""
        if reason:
            self.tags({"reason": reason[:5000]})
        fields = {"status": status, "reason": reason, "ended": time.time()}
        self.folder.write({**fields, "metrics": self.last, "tags": self._tags})
        self.flush()
        self._spool.keep("finish", status)
        if not self._sender.close(patience):
            self._warn(
                f"the tracker could not be told everything ({self._spool.count()} points and "
                f"files are left); when it answers again: rnnx sync {self.folder.id[:8]}"
            )


def _is_at_most(cell: str, step: int) -> bool:
    return cell.isdecimal() and int(cell) <= step


def read_history(path: Path) -> dict[str, list[Point]]:
    """Metric → its points in order, from metrics.jsonl; a torn last line is passed over."""
    history: dict[str, list[Point]] = {}
    if not path.is_file():
        return history
    for line in path.read_text("utf-8").splitlines():
        try:
            point = Point(*json.loads(line))
        except (ValueError, TypeError):
            continue
        history.setdefault(point.key, []).append(point)
    return history
