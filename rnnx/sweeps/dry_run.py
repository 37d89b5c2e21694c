"""``rnnx train -m … --dry-run``: the jobs that a sweep would run, and how long they would take."""

from __future__ import annotations

from collections.abc import Sequence

from rnnx.config.compose import composer
from rnnx.config.overrides import shown
from rnnx.errors import ConfigError
from rnnx.sweeps.grid import CheckedSweep
from rnnx.sweeps.plan import Plan
from rnnx.sweeps.ranking import with_size
from rnnx.sweeps.records import Estimate, Records
from rnnx.system.table import Column, print_table
from rnnx.system.text import printable
from rnnx.system.threads import processors
from rnnx.training.report import console
from rnnx.training.sizing import solved_size

COLUMNS = (
    Column("job", is_number=True),
    Column("values"),
    Column("earlier run"),
    Column("time", is_number=True),
)


def show_plan(checked: CheckedSweep) -> None:
    """Print the jobs of a sweep as a table, and below it how many they are and how long they take.

    ConfigError where the sweeper proposes its jobs as it goes. Nothing is written.
    """
    if checked.plan is None or checked.composed is None:
        raise ConfigError(
            "--dry-run: this sweeper proposes its jobs from the results of others, so there are "
            "none to list; leave it out"
        )
    settings = checked.configs[0].settings
    records, rows = Records(settings.outputs), []
    left: list[Estimate | None] = []  # the times of the jobs that have not finished
    with composer():
        for number, job in enumerate(checked.plan.jobs, 1):
            values = checked.composed.values(job)
            earlier = records.alike(values)
            before, time = "goes on" if earlier else "", ""
            if any(run.is_whole for run in earlier):
                before = "finished"
            else:
                left.append(records.estimate(values))
                time = _duration(left[-1].seconds) if left[-1] else "—"
            size = with_size(solved_size(values), checked.composed.parameters(values))
            tried = f"{_values(job, checked.plan)}{size}"
            rows.append([str(number), tried, before, time])
    print_table(console(soft_wrap=True), COLUMNS, rows)
    for note in checked.plan.notes:
        print(printable(note))
    at_once = min(settings.jobs or processors(), len(left) or 1)
    print(_closing(len(rows), left, at_once, len(records.used)))


def _values(job: Sequence[str], plan: Plan) -> str:
    """The overrides of a job that differ between jobs, as they were typed."""
    return " ".join(shown(text) for text in job if text.partition("=")[0] in plan.keys)


def _closing(jobs: int, estimates: Sequence[Estimate | None], at_once: int, runs: int) -> str:
    """The last line: how many jobs, how many of them are left, and for how long."""
    done, known = jobs - len(estimates), [estimate for estimate in estimates if estimate]
    text = f"{jobs:,} {'job' if jobs == 1 else 'jobs'}"
    if done:
        text += f", {done:,} finished before"
    if not estimates:
        return f"{text}; nothing is left to train"
    if not known:
        return f"{text}; no finished run is of the same shape, so how long they take is unknown"
    total = sum(estimate.seconds for estimate in known) / at_once
    text += f"; about {_duration(total)} with {at_once} at once (estimated from {runs:,} finished "
    text += f"{'run' if runs == 1 else 'runs'} of the same shape"
    left = len(estimates) - len(known)
    return text + (f"; there is none for {left:,} more)" if left else ")")


def _duration(seconds: float) -> str:
    """A time as hours, minutes or seconds."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
