"""What a sweep's own run in the tracker is told: how the jobs ended, the best of them, the page.

All of it is in the sweep's folder, so a tracker that did not answer is told later, by another
command. sweep.json keeps

    ended, ended_at  the status of the sweep and when it ended; none while it runs
    parent           the id of the run; empty where the store was full or read-only
    best             value, step and time of the point of the best job that the tracker was told
    sent             whether the tracker has everything
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.comparison.page import send_sweep_page
from rnnx.comparison.runs import ComparedRun, jobs_of
from rnnx.config.components import component_from
from rnnx.config.overrides import shown
from rnnx.contracts.trackers import DescribedLog, Point, RunLog, StoreTracker, Tracker
from rnnx.errors import StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.registration import PLACE_TAG
from rnnx.runs.steering import REQUESTS, removed
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.children import show_below
from rnnx.sweeps.describing import description
from rnnx.sweeps.ranking import RANKING, STATUSES, ranked_parts
from rnnx.system.text import storable


def open_parent(sweep: Sweep, tracker: Tracker, tags: Mapping[str, str]) -> RunLog:
    """The sweep's run in the tracker: that of an earlier command, or a new one.

    sweep.json has its id as soon as there is one, so that whoever is killed here leaves no run that
    is called RUNNING for ever.
    """
    known, tags, log = sweep.read(), {"sweep.id": sweep.id, **tags}, None
    tags[PLACE_TAG] = str(sweep.path.resolve())
    if known.get("parent") and _is_own(sweep, tracker, known["parent"]):
        with suppress(StoreError):  # it was deleted; a store that does not answer fails below
            log = tracker.reopen(known["parent"])
    params = {"overrides": " ".join(shown(text) for text in known.get("overrides", []))}
    if log is None:
        log = tracker.start("sweep " + ", ".join(known.get("swept", [])), {}, tags)
        sweep.write({"parent": log.id})
        log.params(params)
    else:
        log.tags({**tags, **removed((*REQUESTS, "reason"))})  # what was asked of it before
        with suppress(StoreError):  # an earlier rnnx spelled them in another way
            log.params(params)
    return log


def _is_own(sweep: Sweep, tracker: Tracker, parent: str) -> bool:
    """Whether the store has the run of this very folder, not that of one which it is a copy of."""
    if not isinstance(tracker, StoreTracker):
        return True
    found = tracker.entry(parent)
    elsewhere = Path(found.folder) if found and found.folder else sweep.path
    return found is not None and not (
        (elsewhere / "sweep.json").is_file() and not elsewhere.samefile(sweep.path)
    )


def tell_results(sweep: Sweep, log: RunLog, jobs: Sequence[ComparedRun] | None = None) -> None:
    """Tell the sweep's run how its jobs ended, and end it.

    ``jobs`` are those of the sweep where they were read.
    """
    jobs = jobs_of(sweep) if jobs is None else jobs
    results, known = sweep.results(), sweep.read()
    counts = Counter(result.status for result in results)
    log.tags({f"sweep.{status.lower()}": str(counts[status]) for status in STATUSES})
    for path in (sweep.path / RANKING, *sorted(sweep.artifacts.glob("*"))):
        if path.is_file():
            log.file(path)
    _tell_best(sweep, log, jobs)
    describe(sweep, log, jobs)
    log.finish(known.get("ended") or "KILLED", known.get("ended_at"))


def describe(sweep: Sweep, log: RunLog, jobs: Sequence[ComparedRun] | None = None) -> None:
    """Describe the sweep where its tracker has a place for that; ``jobs`` as in tell_results."""
    if isinstance(log, DescribedLog):
        log.describe(storable(description(sweep, jobs)))


def tell_everything(sweep: Sweep, config: Mapping[str, Any]) -> None:
    """Tell the sweep's run what it missed; one that could not be made is made now.

    Jobs whose runs could not be made get their entries below it.
    """
    tracker = component_from("tracker", config)
    log = open_parent(sweep, tracker, {})
    for result in sweep.results():
        folder = RunFolder(sweep.path.parent.parent / result.run_id)
        if result.run_id and folder.config.is_file():
            entry = show_below(folder, config, sweep.tags(result.overrides))
            sweep.store_result(result._replace(entry=entry))
    tell_results(sweep, log)
    send_sweep_page(sweep, log)
    sweep.write({"sent": True})


def _tell_best(sweep: Sweep, log: RunLog, jobs: Sequence[ComparedRun] | None = None) -> None:
    """Tell the best of what is monitored, and the values of its job; a step has one point.

    Of jobs whose results cannot be compared none is the best.
    """
    parts, results = ranked_parts(sweep, jobs), sweep.results()
    best = parts[0].results[0] if len(parts) == 1 else None
    if best is None or best.best is None or not math.isfinite(best.best):
        return
    values = {f"best.{key}": value for key, value in sweep.swept(best.overrides).items()}
    log.tags({"best.run": best.entry or best.run_id, **values})
    told = sweep.read().get("best") or [math.nan, -1, 0]
    if told[0] != best.best:
        step = max(len(results), int(told[1]) + 1)
        told = [best.best, step, int(time.time() * 1000)]
        sweep.write({"best": told})  # the tracker takes the same point twice as once
    log.points([Point(best.goal, *told)])
