"""A sweep: many jobs of one command, one run that stands for all of them, and what came of each.

outputs/sweeps/<id>/
    sweep.json     what was asked, the parent's run, host and process of the driver
    jobs/<n>.json  one job's outcome       jobs/<n>.log  all that it printed

The same command given again finds its sweep by what was asked and goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.cache import replacing
from rnnx.config import component_from
from rnnx.runfolder import RunFolder, runs_in
from rnnx.runlock import is_busy
from rnnx.store import RunLog, Tracker

PARENT_TAG = "rnnx.parent"  # on a job's run: the id of the sweep's
VARIABLE = "RNNX_SWEEP"  # the environment's word for the folder of the sweep that a job is of
# What does not decide which jobs there are.
ASIDE = ("jobs", "sweep.rerun", "hydra")


class Outcome(NamedTuple):
    """What came of one job."""

    job: int
    overrides: list[str]
    status: str  # FINISHED, FAILED, KILLED, or SKIPPED where it had finished before
    reason: str = ""  # one line
    run_id: str = ""
    best_val_loss: float | None = None
    seconds: float = 0.0


class Sweep:
    """The folder of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(
        cls, outputs: str, overrides: Sequence[str], swept: Sequence[str], anew: bool
    ) -> Sweep:
        """The sweep of these overrides: the one that was begun before, or a new one."""
        folder = Path(outputs).expanduser() / "sweeps"
        asked = hashlib.sha256(json.dumps(sorted(_deciding(overrides))).encode()).hexdigest()[:16]
        known = sorted(folder.glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
        for path in reversed([] if anew else known):
            sweep = cls(path.parent)
            if sweep.read().get("asked") == asked:
                sweep.clear()
                return sweep
        sweep = cls(folder / uuid.uuid4().hex[:12])
        (sweep.path / "jobs").mkdir(parents=True)
        sweep.write({"asked": asked, "overrides": list(overrides), "swept": list(swept)})
        return sweep

    @property
    def id(self) -> str:
        """Its name, and the tag ``sweep.id`` of its jobs."""
        return self.path.name

    def read(self) -> dict[str, Any]:
        """The fields of sweep.json; empty where it is damaged."""
        try:
            found = json.loads((self.path / "sweep.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, fields: Mapping[str, Any]) -> None:
        """Change fields of sweep.json, all at once."""
        known = self.read()
        with replacing(self.path / "sweep.json") as temporary:
            temporary.write_text(json.dumps(known | dict(fields), indent=1), "utf-8")

    def clear(self) -> None:
        """Forget the outcomes of the time before; the runs stay."""
        for path in (self.path / "jobs").glob("*.json"):
            path.unlink()

    def log_file(self, job: int) -> Path:
        """Where a job's output goes."""
        return self.path / "jobs" / f"{job}.log"

    def keep(self, outcome: Outcome) -> None:
        """Keep what came of a job."""
        with replacing(self.path / "jobs" / f"{outcome.job}.json") as temporary:
            temporary.write_text(json.dumps(outcome._asdict()), "utf-8")

    def outcome(self, job: int) -> Outcome | None:
        """What came of a job; None where it told nothing."""
        try:
            return Outcome(**json.loads((self.path / "jobs" / f"{job}.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def outcomes(self) -> list[Outcome]:
        """What came of all jobs, in their order."""
        jobs = sorted(int(path.stem) for path in (self.path / "jobs").glob("*.json"))
        return [found for job in jobs if (found := self.outcome(job)) is not None]

    def tags(self, overrides: Sequence[str]) -> dict[str, str]:
        """The tags of a job's run."""
        known = self.read()
        swept = dict(pair.partition("=")[::2] for pair in overrides)
        keys = {f"sweep.{key}": swept[key] for key in known["swept"] if key in swept}
        return {"sweep.id": self.id, PARENT_TAG: known["parent"], **keys}

    def name(self, overrides: Sequence[str]) -> str:
        """A job's name: its own overrides, without those that all jobs have."""
        keys = self.read()["swept"]
        return " ".join(pair for pair in overrides if pair.partition("=")[0] in keys)

    def begin(self, tracker: Tracker) -> RunLog:
        """The parent's run: the one of before, or a new one."""
        known = self.read()
        host, pid = socket.gethostname(), os.getpid()
        tags = {"sweep.id": self.id, "sweep.host": host, "sweep.pid": str(pid)}
        if "parent" in known:
            log = tracker.reopen(known["parent"])
            log.tags(tags)
        else:
            name = "sweep " + ", ".join(known["swept"])
            log = tracker.start(name, {"overrides": " ".join(known["overrides"])}, tags)
        self.write({"parent": log.id, "host": host, "pid": pid, "started": time.time()})
        return log


def current() -> Sweep | None:
    """The sweep that this process is a job of."""
    path = os.environ.get(VARIABLE)
    return Sweep(Path(path)) if path else None


def end_abandoned(sweep: Sweep, outputs: str) -> None:
    """End the runs of jobs whose process is gone without a word, in folder and tracker."""
    for folder in runs_in(Path(outputs)):
        known = folder.read()
        left = known.get("sweep") == sweep.id and known.get("status") == "RUNNING"
        if left and not is_busy(folder):
            _end(folder)


def _end(folder: RunFolder) -> None:
    from rnnx.resuming import stored_config

    tracker = component_from("tracker", stored_config(folder)["tracker"])
    tracker.reopen(folder.id).finish("KILLED")
    folder.write({"status": "KILLED", "reason": "its process was killed"})


def _deciding(overrides: Sequence[str]) -> list[str]:
    return [o for o in overrides if not o.startswith(tuple(f"{a}" for a in ASIDE))]
