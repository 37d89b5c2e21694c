"""What a sweep's own run in the tracker is told: how the jobs ended, the best of them, the page.

All of it is in the sweep's folder, so a tracker that did not answer is told later, by another
command. sweep.json keeps

    ended, ended_at  the status of the sweep and when it ended; none while it runs
    best             value, step and time of the point of the best job that the tracker was told
    sent             whether the tracker has everything
"""

from __future__ import annotations

import math
import time
from collections import Counter

from rnnx.comparison.page import send_sweep_page
from rnnx.contracts.trackers import DescribedLog, Point, RunLog
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.describing import description
from rnnx.sweeps.ranking import RANKING, STATUSES, rank_results
from rnnx.system.text import storable


def tell_results(sweep: Sweep, log: RunLog) -> None:
    """Tell the sweep's run how its jobs ended, and end it."""
    results, known = sweep.results(), sweep.read()
    counts = Counter(result.status for result in results)
    log.tags({f"sweep.{status.lower()}": str(counts[status]) for status in STATUSES})
    for path in (sweep.path / RANKING, *sorted(sweep.artifacts.glob("*"))):
        if path.is_file():
            log.file(path)
    _tell_best(sweep, log)
    describe(sweep, log)
    log.finish(known.get("ended") or "KILLED", known.get("ended_at"))


def describe(sweep: Sweep, log: RunLog) -> None:
    """Describe the sweep where its tracker has a place for that."""
    if isinstance(log, DescribedLog):
        log.describe(storable(description(sweep)))


def tell_everything(sweep: Sweep, log: RunLog) -> None:
    """Tell a run that was reopened what it missed."""
    tell_results(sweep, log)
    send_sweep_page(sweep, log)
    sweep.write({"sent": True})


def _tell_best(sweep: Sweep, log: RunLog) -> None:
    """Tell the lowest held-out loss, and the values of its job; a step has one point."""
    results = sweep.results()
    best = next(iter(rank_results(results)), None)
    if best is None or best.best_val_loss is None or not math.isfinite(best.best_val_loss):
        return
    values = {f"best.{key}": value for key, value in sweep.swept(best.overrides).items()}
    log.tags({"best.run": best.entry or best.run_id, **values})
    told = sweep.read().get("best") or [math.nan, -1, 0]
    if told[0] != best.best_val_loss:
        step = max(len(results), int(told[1]) + 1)
        told = [best.best_val_loss, step, int(time.time() * 1000)]
        sweep.write({"best": told})  # the tracker takes the same point twice as once
    log.points([Point("best/val_loss", *told)])
