"""The outbox as rnnx kept it at first, read once and then kept in ``outbox.db``.

outbox.jsonl   the entries, a JSON array a line
sent.json      how many bytes of it ("others") and of metrics.jsonl ("points") were sent
"""

from __future__ import annotations

from pathlib import Path

from rnnx.contracts.trackers import LARGEST
from rnnx.runs.metrics_file import lines
from rnnx.system.files import read_json

ENTRIES, SENT = "outbox.jsonl", "sent.json"


def read(folder: Path) -> tuple[int, list[tuple[str, bool]]]:
    """The bytes of metrics.jsonl that were sent, and each entry with whether it was."""
    try:
        known = read_json(folder / SENT)
        points, others = known["points"], known["others"]
    except KeyError:
        points = others = 0
    if not all(type(n) is int and 0 <= n < LARGEST for n in (points, others)):
        points = others = 0  # sending twice does no harm
    return points, [(entry, end <= others) for end, entry in lines(folder / ENTRIES)]


def exists(folder: Path) -> bool:
    """Whether the folder has the files of an earlier outbox."""
    return any((folder / name).exists() for name in (ENTRIES, SENT))


def remove(folder: Path) -> None:
    """Delete the files: ``outbox.db`` has what was in them."""
    for name in (ENTRIES, SENT):
        (folder / name).unlink(missing_ok=True)
