"""The driver of a sweep: the run that stands for it, its jobs, and the end of both."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnnx.comparison.page import store_sweep_page
from rnnx.config.components import component_from
from rnnx.config.overrides import Overrides
from rnnx.config.settings import Rerun
from rnnx.contracts.trackers import Point, RunLog
from rnnx.errors import ConfigError, RnnxError
from rnnx.runs.lock import RunLock
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.grid import asked, check_sweeper, checked
from rnnx.sweeps.launcher import start_server
from rnnx.sweeps.orphans import end_abandoned, wait_for_orphans
from rnnx.sweeps.ranking import print_ranking, rank_results, ranking_rows, write_ranking
from rnnx.sweeps.warmup import write_configs
from rnnx.system.signals import Stop
from rnnx.system.text import cause
from rnnx.training.report import console

CLOSED = ("FINISHED", "FAILED", "KILLED", "SKIPPED")


def drive(overrides: Overrides, launch: Callable[[Sequence[str]], int]) -> int:
    """Open the sweep, ``launch`` its jobs with overrides of ours added, close it; the exit code."""
    parsed, told, sweeper = asked(overrides)
    swept = [str(o.key_or_group) for o in parsed.swept]
    if not swept:
        raise ConfigError(
            "rnnx train -m: no key has several values, so there is nothing to sweep; say "
            "key=a,b or sweep=NAME, or leave -m out"
        )
    check_sweeper(parsed, sweeper)
    configs = checked(parsed)
    config = configs[0]
    anew = config["sweep"]["rerun"] == Rerun.all.name
    with Stop() as stop:
        sweep = Sweep.open(config["outputs"], overrides.texts, swept, anew)
        with RunLock(sweep, "sweep"):
            if not any(o.key_or_group == "hydra/launcher" for o in parsed):
                write_configs(configs, sweep.path)
                start_server(sweep.path)
            wait_for_orphans(sweep, config["outputs"])
            end_abandoned(sweep, config["outputs"])
            if not any(o.key_or_group == "hydra/sweeper" for o in parsed):
                sweep.clear()  # a search remembers its jobs
            log = _begun(sweep, config)
            failed = True
            try:
                if not stop.signal:
                    # By this folder a job finds its sweep, whoever starts it and wherever.
                    launch([*told.texts, f"hydra.sweep.dir='{sweep.path.resolve()}/hydra'"])
                failed = False
            finally:
                end_abandoned(sweep, config["outputs"])
                code = _close(sweep, log, stop.signal, failed)
            return code


def _begun(sweep: Sweep, config: Mapping[str, Any]) -> RunLog:
    try:
        return sweep.begin(component_from("tracker", config["tracker"]))
    except BaseException:
        if "parent" not in sweep.read():
            sweep.remove()
        raise


def _tell_best(sweep: Sweep, log: RunLog) -> None:
    """The best job's loss and values, on the parent's run."""
    outcomes = sweep.results()
    best = next(iter(rank_results(outcomes)), None)
    if best is None or best.best_val_loss is None or not math.isfinite(best.best_val_loss):
        return
    values = {f"best.{key}": value for key, value in sweep.swept(best.overrides).items()}
    log.tags({"best.run": best.run_id, **values})
    now = int(time.time() * 1000)
    log.points([Point("best/val_loss", best.best_val_loss, len(outcomes), now)])


def _close(sweep: Sweep, log: RunLog, number: int, failed: bool) -> int:
    """Tell what came of the jobs, here and in the parent's run."""
    counts = Counter(outcome.status for outcome in sweep.results())
    bad = failed or counts["FAILED"] + counts["KILLED"] > 0
    table, csv = ranking_rows(sweep), sweep.path / "ranking.csv"
    write_ranking(table, csv)
    try:
        log.tags({f"sweep.{status.lower()}": str(counts[status]) for status in CLOSED})
        for path in (csv, *sorted(sweep.artifacts.glob("*"))):
            log.file(path)
        _tell_best(sweep, log)
        log.finish("KILLED" if number else "FAILED" if bad else "FINISHED")
    except RnnxError:
        raise
    except Exception as error:  # whatever a tracker raises
        told = f"the tracker does not answer ({cause(error, 200)})"
        print(f"rnnx: {told}; the same command again closes the sweep", file=sys.stderr)
    print_ranking(table, console(soft_wrap=True))
    store_sweep_page(sweep, log)  # last: its figures take a moment, in which a signal may come
    told = ", ".join(f"{counts[status]} {status.lower()}" for status in CLOSED if counts[status])
    print(f"sweep {sweep.id}: {told or 'no job was started'}; outputs in {sweep.path}")
    return 128 + number if number else int(bad)
