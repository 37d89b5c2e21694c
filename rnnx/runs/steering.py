"""What a person asks of a run in its tracker's pages, by tags of the run's entry.

    rnnx.stop=true      a checkpoint is written, and the run ends as KILLED; it can be resumed
    rnnx.sample=now     samples are drawn after the step at hand
    rnnx.evaluate=now   the held-out loss is measured after the step at hand

The thread that sends a run's points reads the tags, the training loop obeys. An obeyed tag is
removed. The entry of a sweep is asked in the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from rnnx.contracts.trackers import RunSummary
from rnnx.runs.sweep_folder import PARENT_TAG

STOP, SAMPLE, EVALUATE = REQUESTS = ("rnnx.stop", "rnnx.sample", "rnnx.evaluate")
YES = ("true", "now", "yes", "1")
POLL_INTERVAL = 5.0  # seconds between two looks at the tags


def requests_in(tags: Mapping[str, str]) -> frozenset[str]:
    """The requests among ``tags``."""
    return frozenset(tag for tag in REQUESTS if tags.get(tag, "").strip().lower() in YES)


def removed(requests: Iterable[str]) -> dict[str, str]:
    """The tags that remove these requests: see ``RunLog.tags``."""
    return dict.fromkeys(requests, "")


class Steering:
    """The requests for one run: ``poll`` reads them in one thread, ``take`` in another.

    A tag is one request until it has been removed, however often it is read.
    """

    def __init__(self, entry: Callable[[str], RunSummary | None]) -> None:
        self._entry = entry
        self._turn = threading.Lock()
        self._seen: frozenset[str] = frozenset()
        self.asked: frozenset[str] = frozenset()

    def poll(self, run_id: str) -> None:
        """Read the tags of the run's entry and of its sweep's; raises what the tracker raises."""
        own = self._tags(run_id)
        now = requests_in(own)
        if parent := own.get(PARENT_TAG):
            now |= requests_in(self._tags(parent)) - {STOP}  # which the sweep's driver obeys
        with self._turn:
            self.asked |= now - self._seen
            self._seen = now

    def _tags(self, run_id: str) -> Mapping[str, str]:
        found = self._entry(run_id)
        return found.tags if found else {}

    def take(self) -> frozenset[str]:
        """What was asked since the last call."""
        with self._turn:
            asked, self.asked = self.asked, frozenset()
        return asked
