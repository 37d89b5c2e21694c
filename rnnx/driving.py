"""The driver of a sweep: the run that stands for it, its jobs, and the end of both."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence

from rnnx.compose import compose
from rnnx.config import component_from
from rnnx.overrides import parse
from rnnx.ranking import show, write
from rnnx.report import console
from rnnx.settings import Rerun
from rnnx.store import RunLog
from rnnx.sweep import VARIABLE, Sweep, end_abandoned

CLOSED = ("FINISHED", "FAILED", "KILLED", "SKIPPED")


def drive(overrides: Sequence[str], launch: Callable[[Sequence[str]], int]) -> int:
    """Open the sweep, ``launch`` its jobs with overrides of ours added, close it; the exit code."""
    parsed = parse(overrides)
    swept = [str(o.key_or_group) for o in parsed if o.is_sweep_override()]
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    config = compose([text for text in fixed if not text.startswith("hydra")])
    anew = config["sweep"]["rerun"] == Rerun.all.name
    sweep = Sweep.open(config["outputs"], overrides, swept, anew)
    end_abandoned(sweep, config["outputs"])
    log = sweep.begin(component_from("tracker", config["tracker"]))
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(sweep.path.resolve())
    sweep.write({"signal": 0})
    try:
        launch([f"hydra.sweep.dir='{sweep.path}/hydra'"])
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
        end_abandoned(sweep, config["outputs"])
        code = _close(sweep, log)
    return code


def _close(sweep: Sweep, log: RunLog) -> int:
    """Tell what came of the jobs, here and in the parent's run."""
    counts = Counter(outcome.status for outcome in sweep.outcomes())
    log.tags({f"sweep.{status.lower()}": str(counts[status]) for status in CLOSED})
    log.file(write(sweep))
    number = int(sweep.read().get("signal", 0))
    bad = counts["FAILED"] + counts["KILLED"]
    log.finish("KILLED" if number else "FAILED" if bad else "FINISHED")
    show(sweep, console(soft_wrap=True))
    told = ", ".join(f"{counts[status]} {status.lower()}" for status in CLOSED if counts[status])
    print(f"sweep {sweep.id}: {told or 'no job was started'}; outputs in {sweep.path}")
    return 128 + number if number else int(bool(bad))
