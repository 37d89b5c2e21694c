"""What a run measures, on its way to the folder and to the tracker.

The folder is the truth: every point goes to metrics.jsonl first, and a tracker gets copies in
batches. A tracker that fails in mid-run costs a warning, never the run; what it missed is sent
when it answers again, and stays in the folder in any case.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rnnx.records import Point
from rnnx.runfolder import RunFolder
from rnnx.store import RunLog

EVERY = 5.0  # seconds between two flushes that nothing else asked for
PAUSE = 30.0  # seconds before a tracker that failed is asked again


class Tracking:
    """One run's way out."""

    def __init__(self, log: RunLog, folder: RunFolder, warn: Callable[[str], None]) -> None:
        self.log, self.folder, self._warn = log, folder, warn
        self.last: dict[str, float] = {}
        self._buffer: list[Point] = []
        self._unsent: list[Point] = []
        self._files: list[tuple[Path, str]] = []  # not yet sent
        self._flushed = time.monotonic()
        self._ask_again = 0.0
        self._failed = False
        self._rounds: list[tuple[int, str]] = []
        self._tags: dict[str, str] = {}

    def point(self, key: str, value: float, step: int) -> None:
        """Keep one value; its timestamp is made here."""
        self.last[key] = value
        self._buffer.append(Point(key, float(value), step, int(time.time() * 1000)))

    def flush_if_due(self) -> None:
        """Flush if the last one is some seconds old."""
        if time.monotonic() - self._flushed >= EVERY:
            self.flush()

    def flush(self) -> None:
        """Write the buffer to the folder, then send it."""
        self._flushed = time.monotonic()
        if self._buffer:
            with self.folder.metrics.open("a", encoding="utf-8") as file:
                # NaN and Infinity are written as such: Python's json reads them back.
                file.writelines(json.dumps(point) + "\n" for point in self._buffer)
            self._unsent += self._buffer
            self._buffer = []
        if time.monotonic() >= self._ask_again:
            self._send()

    def _send(self) -> None:
        points, self._unsent = self._unsent, []
        if points and not self._try(lambda: self.log.points(points)):
            self._unsent = points
            return
        files, self._files = self._files, []
        for path, folder in files:
            if not self._try(lambda path=path, folder=folder: self.log.file(path, folder)):  # type: ignore[misc]
                self._files.append((path, folder))

    def _try(self, send: Callable[[], None]) -> bool:
        try:
            send()
        except Exception as error:  # whatever a tracker raises, training goes on
            self._ask_again = time.monotonic() + PAUSE
            if not self._failed:
                self._failed = True
                cause = " ".join(str(error).split())[:300]
                self._warn(
                    f"the tracker does not answer ({cause}); training goes on, and all figures "
                    f"are kept in {self.folder.path}"
                )
            return False
        return True

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in the folder and in the tracker."""
        self._tags |= tags
        self._try(lambda: self.log.tags(tags))

    def file(self, path: Path, folder: str = "") -> None:
        """Copy a file of the folder to the tracker."""
        self._files.append((path, folder))

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Keep a probe's picture of this step."""
        path = self.folder.inside(f"pictures/{name}/step_{step:06}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        self._try(lambda: self.log.picture(name, path, step))

    def samples(self, step: int, texts: Sequence[str], name: str = "") -> None:
        """Keep one round of samples: a text file of its own, called by its step or ``name``."""
        if not texts:
            return
        path = self.folder.inside(f"samples/{name or f'step_{step:06}'}.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        self._rounds += [(step, text) for text in texts]
        self.file(path, "samples")

    def artifacts(self) -> None:
        """Send what is complete only at the end: the table, the curve, the checkpoints."""
        from rnnx.curve import draw_curve

        if self._rounds:
            table = self.folder.path / "samples.csv"
            with table.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("step", "text"), *self._rounds])
            self.file(table)
        self.flush()
        curve = draw_curve(read_history(self.folder.metrics), self.folder.path / "loss.png")
        if curve is not None:
            self.file(curve)
        for path in (self.folder.best, self.folder.last):
            if path.is_file():
                self.file(path, "checkpoints")

    def finish(self, status: str, reason: str = "") -> None:
        """Send what is left and end the run; a reason is kept as the tag ``reason``."""
        self._ask_again = 0.0
        tags = {"reason": reason[:5000]} if reason else {}
        self.folder.write(
            {
                "status": status,
                "reason": reason,
                "ended": time.time(),
                "metrics": self.last,
                "tags": self._tags | tags,
            }
        )
        self.flush()
        if tags:
            self._try(lambda: self.log.tags(tags))
        self._try(lambda: self.log.finish(status))
        if self._unsent or self._files:
            self._warn(
                f"{len(self._unsent)} points and {len(self._files)} files could not be sent to "
                f"the tracker; they are kept in {self.folder.path}"
            )


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
