"""Jobs that have all finished before: the driver says so itself, and Hydra is not even started.

One job that has anything to do is enough to have the launcher look at each: see
:func:`rnnx.sweeps.job.skip_finished`.
"""

from __future__ import annotations

from rnnx.config.compose import composer
from rnnx.runs.compared_fields import ComparedFields
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.grid import CheckedSweep
from rnnx.sweeps.job import repeated
from rnnx.sweeps.job_lines import JobLines
from rnnx.sweeps.records import Records
from rnnx.training.report import console


def skip_all(sweep: Sweep, checked: CheckedSweep, records: Records) -> bool:
    """Store and print the results of jobs that have all finished before; False where one has not,
    or where the jobs are not listed.
    """
    plan = checked.plan
    if plan is None or checked.composed is None:
        return False
    fields, results = ComparedFields(sweep.path), []
    with composer():
        for job, overrides in enumerate(plan.jobs):
            values = checked.composed.values(overrides)
            result = repeated(values, overrides, job, sweep, records, fields.of)
            if result is None:
                return False
            results.append(result)
    fields.keep()
    if _untimed(results) != _untimed(sweep.results()):
        sweep.store_skipped(results)
    with JobLines(sweep, len(results), console(soft_wrap=True)) as lines:
        for result in sweep.results():
            lines.ended(result)
    return True


def _untimed(results: list[JobResult]) -> list[JobResult]:
    return [result._replace(seconds=0.0) for result in results]
