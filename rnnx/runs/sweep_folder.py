"""The folder of a sweep: its jobs, their results, and the run that stands for all of them.

outputs/sweeps/<id>/
    sweep.json     what was asked; the parent run; host and process of the driver
    jobs/<n>.json  the result of a job      jobs/<n>.log  what it printed, and its traceback
    skipped.json   the results of all jobs, where all had finished before
    hydra/         Hydra's own; by the place of this folder a job knows its sweep

The same command given again finds its sweep by what was asked, and continues it. Where a file that
it names has been edited since (a recipe of values, an experiment), it asks for something else and
begins a new sweep.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
import shutil
import signal
import sys
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.config.overrides import shown
from rnnx.config.settings import Train
from rnnx.errors import ConfigError
from rnnx.runs.fields import JOB, SWEEP, checked_fields, read_fields
from rnnx.runs.paths import writing_below
from rnnx.runs.runs_cache import Signature
from rnnx.system.files import expanded, remove_left, replacing, write_json
from rnnx.system.secrets import masked
from rnnx.system.text import storable

PARENT_TAG = "rnnx.parent"  # on a job's run: the id of the sweep's
FINISHED_BEFORE = "had finished before"  # why a job was skipped
# Overrides that do not decide which jobs there are.
NOT_ASKED = (
    "jobs=",
    "sweep.rerun=",
    "hydra/launcher=",
    "hydra.launcher.",
    "+hydra.launcher.",
    "hydra.sweeper.max_batch_size=",
    "hydra.sweeper.n_trials=",
)


class JobResult(NamedTuple):
    """How one job ended."""

    job: int
    overrides: list[str]
    status: str  # FINISHED, FAILED, KILLED, or SKIPPED where it had finished before
    reason: str = ""  # one line
    run_id: str = ""
    best_val_loss: float | None = None
    seconds: float = 0.0
    entry: str = ""  # the id in the tracker's store, where it is not the run's
    monitor: str = ""  # the metric that decides, "val/accuracy"; "": the held-out loss
    monitored: float | None = None  # its value at the best checkpoint
    higher_is_better: bool = False
    hidden_size: int | None = None  # that was solved for, where ``params`` is given

    @property
    def goal(self) -> str:
        """The name of the metric that decides: ``best/val_loss``."""
        return f"best/{(self.monitor or 'val/loss').replace('/', '_')}"

    @property
    def best(self) -> float | None:
        """The best value of what is monitored; None where there is none."""
        return self.monitored if self.monitor else self.best_val_loss

    @property
    def cost(self) -> float:
        """A number that is lower for a better result; infinite for none."""
        best = self.best
        if best is None or math.isnan(best):
            return math.inf
        return -best if self.higher_is_better else best

    def with_metrics(self, fields: Mapping[str, Any], metrics: Mapping[str, Any]) -> JobResult:
        """This result with the best values of a run: its fields in run.json and its metrics."""
        found = self._replace(best_val_loss=metrics.get("best/val_loss"))
        monitor = str(fields.get("monitor", ""))
        if monitor in ("", "val/loss"):
            return found
        found = found._replace(monitor=monitor)
        name = monitor.removeprefix("val/")
        is_higher = name in fields.get("higher_is_better", ())
        return found._replace(monitored=metrics.get(found.goal), higher_is_better=is_higher)

    @property
    def is_repeated(self) -> bool:
        """Whether there was nothing to do, since a run had finished before."""
        return self.status == "SKIPPED" and self.reason == FINISHED_BEFORE

    @property
    def succeeded(self) -> bool:
        """Whether the job finished, now or before."""
        return self.status in ("FINISHED", "SKIPPED")


def _result_of(fields: dict[str, Any]) -> JobResult | None:
    for key in fields.keys() & {"status", "reason", "monitor"}:
        fields[key] = sys.intern(fields[key])  # jobs are many, and share most of their texts
    try:
        own = [*map(sys.intern, fields["overrides"])]
        return JobResult(**{**fields, "overrides": own})
    except (KeyError, TypeError):
        return None


def _result_in(path: str) -> JobResult | None:
    return _result_of(read_fields(path, JOB))


def _results_in(path: str) -> dict[int, JobResult]:
    """The results in a file of several, by the number of the job."""
    listed = read_fields(path, {"results": lambda value: isinstance(value, list)})
    checked = (checked_fields(fields, path, JOB) for fields in listed.get("results", ()))
    return {found.job: found for fields in checked if (found := _result_of(fields))}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _is_same(had: Mapping[str, Any], asked: Mapping[str, str], deciding: Sequence[str]) -> bool:
    """Whether a sweep was asked for the same; an earlier rnnx kept nothing of what it had read."""
    is_earlier = "typed" not in had and not any(text.startswith("sweep=") for text in deciding)
    return bool(had.get("asked") == asked["typed" if is_earlier else "asked"])


def _latest(sweeps: Sequence[Sweep]) -> Sweep:
    return max(sweeps, key=lambda sweep: (sweep.path / "sweep.json").stat().st_mtime)


class Sweep:
    """The folder of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: Sequence[str] | None = None  # once they were read
        self._known: dict[str, tuple[Signature, Any]] = {}  # by the path of the file

    @classmethod
    def open(
        cls,
        outputs: str,
        overrides: Sequence[str],
        swept: Sequence[str],
        anew: bool,
        read: Sequence[str] = (),
        ordered: bool = False,
    ) -> Sweep:
        """The sweep of these overrides: the latest one, or a new one (``anew``: in any case).

        ``read`` is what else decides which jobs there are: what was read from files that the
        overrides name, and that may have been edited. ``ordered``: so does their order.
        """
        folder = expanded(outputs) / "sweeps"
        deciding = [text for text in overrides if not text.startswith(NOT_ASKED)]
        if not ordered:
            deciding.sort()
        typed = _digest(deciding)
        asked = {"asked": _digest([typed, *read]) if read else typed, "typed": typed}
        sweeps = [cls(path.parent) for path in folder.glob("*/sweep.json")]
        known = [(sweep, sweep.read()) for sweep in sweeps]
        command = [sweep for sweep, had in known if had.get("typed", had.get("asked")) == typed]
        same = [sweep for sweep, had in known if _is_same(had, asked, deciding)]
        if same and not anew:
            return _latest(same)
        sweep = cls(folder / uuid.uuid4().hex[:12])
        with writing_below(outputs):
            (sweep.path / "jobs").mkdir(parents=True)
        before = {"before": _latest(command).id} if command and not anew else {}
        sweep.write({**asked, **before, "overrides": list(overrides), "swept": list(swept)})
        return sweep

    @property
    def id(self) -> str:
        """The name of the folder, and the tag ``sweep.id`` of its jobs."""
        return self.path.name

    @property
    def handle(self) -> str:
        """SWEEP in a shell's command for this sweep: its id where that is enough."""
        at_home = self.path.resolve().parent == (expanded(Train.outputs) / "sweeps").resolve()
        return self.id if at_home else shlex.quote(str(self.path))

    def read(self) -> dict[str, Any]:
        """The fields of sweep.json; empty where it is damaged."""
        path = f"{self.path}/sweep.json"
        return dict(self._unless_read(path, lambda: read_fields(path, SWEEP)))

    def _unless_read(self, path: str, read: Callable[[], Any]) -> Any:
        """What ``read`` makes of a file; it reads again where the file has changed.

        Thousands of jobs ask what the sweep is, and each result is asked for again and again.
        """
        try:
            signature = Signature.of(os.stat(path))
        except OSError:
            return read()
        if path not in self._known or self._known[path][0] != signature:
            self._known[path] = signature, read()
        return self._known[path][1]

    def write(self, fields: Mapping[str, Any]) -> None:
        """Change fields of sweep.json, all at once."""
        write_json(self.path / "sweep.json", self.read() | dict(fields))

    def interrupt(self, number: int) -> None:
        """Note, before its jobs are stopped, that this signal has interrupted the whole sweep."""
        self.write({"interrupted": signal.Signals(number).name})

    def interruption(self) -> str:
        """What has interrupted the whole sweep, in words; empty if nothing has."""
        name = self.read().get("interrupted")
        return f"the sweep was interrupted ({name})" if name else ""

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def clear(self, but_repeated: bool = False) -> None:
        """Delete the results of all jobs; their runs stay.

        ``but_repeated``: not those of jobs with nothing to do, of which there may be thousands. A
        job that begins all the same forgets its own.
        """
        for path in (self.path / "jobs").glob("*/begun"):
            path.unlink()
        stay = {result.job for result in self.results() if result.is_repeated and but_repeated}
        for path in (self.path / "jobs").glob("*.json"):
            if not (path.stem.isdecimal() and int(path.stem) in stay):
                path.unlink()
        if not but_repeated:
            self.forget_skipped()

    def forget(self, job: int) -> None:
        """Delete the result of a job, which begins again."""
        (self.path / "jobs" / f"{job}.json").unlink(missing_ok=True)

    @property
    def artifacts(self) -> Path:
        """The folder of files that the parent run gets, too."""
        return self.path / "artifacts"

    def log_file(self, job: int) -> Path:
        """What a job prints."""
        return self.path / "jobs" / f"{job}.log"

    def job_folder(self, job: int) -> Path:
        """The folder of a job's own files; it may not exist."""
        return self.path / "jobs" / str(job)

    def traceback_file(self, job: int) -> Path:
        """The traceback of a job that failed."""
        return self.job_folder(job) / "traceback.txt"

    def refuse_none(self) -> None:
        """ConfigError where Hydra sweeps and no driver has made the sweep: hydra.mode says so."""
        if not (self.path / "sweep.json").is_file():
            raise ConfigError("hydra.mode=MULTIRUN: a sweep is started with rnnx train -m")

    def store_traceback(self, job: int, error: BaseException) -> Path:
        """Append the traceback of ``error`` to the job's log; returns a file of it alone."""
        lines = storable(masked("".join(traceback.format_exception(error))))
        with self.log_file(job).open("a", encoding="utf-8") as log:
            log.write(lines)
        path = self.traceback_file(job)
        path.parent.mkdir(exist_ok=True)
        path.write_text(lines, "utf-8")
        return path

    def store_result(self, result: JobResult) -> None:
        """Write the result of a job."""
        write_json(self.path / "jobs" / f"{result.job}.json", result._asdict(), tidy=False)

    def store_skipped(self, results: Sequence[JobResult]) -> None:
        """Write the results of all jobs, none of which has anything to do, as one file."""
        kept = {"results": [result._asdict() for result in results]}
        with replacing(self._skipped, tidy=False) as temporary:
            temporary.write_text(json.dumps(kept), "utf-8")
        for path in (self.path / "jobs").glob("*.json"):
            path.unlink()

    def forget_skipped(self) -> None:
        """Delete that file: a job has something to do."""
        self._skipped.unlink(missing_ok=True)

    @property
    def _skipped(self) -> Path:
        return self.path / "skipped.json"

    def tidy(self) -> None:
        """Delete what killed processes left of results."""
        remove_left(self.path / "jobs")

    def result(self, job: int, keep: bool = True) -> JobResult | None:
        """The result of a job; None where it has none. ``keep`` False: it is asked for once."""
        path = f"{self.path}/jobs/{job}.json"  # not a Path: thousands are asked for again and again

        def read() -> JobResult | None:
            return _result_of(read_fields(path, JOB))

        return (self._unless_read(path, read) if keep else read()) or self._skips().get(job)

    def _skips(self) -> dict[int, JobResult]:
        """The results of the jobs that were skipped together."""
        path = f"{self.path}/skipped.json"
        found: dict[int, JobResult] = self._unless_read(path, lambda: _results_in(path))
        return found

    def results(self) -> list[JobResult]:
        """The results of all jobs that have one, in the order of the jobs."""
        names = (path.stem for path in (self.path / "jobs").glob("*.json"))
        own = {int(name): self.result(int(name)) for name in names if name.isdecimal()}
        found = {**self._skips(), **own}
        return [result for job in sorted(found) if (result := found[job]) is not None]

    def swept(self, overrides: Sequence[str]) -> dict[str, str]:
        """Key → value of the overrides that differ between jobs."""
        if self._keys is None:  # a sweep has thousands of jobs, and its keys never change
            self._keys = self.read().get("swept")
        keys = self._keys or ()
        own = (override for override in overrides if override.partition("=")[0] in keys)
        return dict(shown(override).partition("=")[::2] for override in own)

    def shown(self, overrides: Sequence[str]) -> list[str]:
        """The overrides that differ between jobs, as they were typed."""
        return [f"{key}={value}" for key, value in self.swept(overrides).items()]

    def name(self, overrides: Sequence[str]) -> str:
        """The name of a job: the overrides that differ between jobs."""
        return " ".join(self.shown(overrides))

    def tags(self, overrides: Sequence[str]) -> dict[str, str]:
        """The tags of a job's run; without a parent where the store takes nothing now."""
        keys = {f"sweep.{key}": value for key, value in self.swept(overrides).items()}
        parent = self.read()["parent"]
        return {"sweep.id": self.id, **({PARENT_TAG: parent} if parent else {}), **keys}
