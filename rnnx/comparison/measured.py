"""What makes values of a metric comparable: the held-out data, and of a loss its unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnnx.comparison.groups import data_of
from rnnx.comparison.runs import ComparedRun


class Measured(NamedTuple):
    """What the values of a metric were measured on, and in."""

    data: str  # the digest of the split; "" if unknown
    unit: str  # of a loss; "" for every other metric, whose unit is the data's

    @property
    def short(self) -> str:
        """In a cell of a table: ``data 1a2b3c4d, nats a step``."""
        return f"data {self.data[:8] or 'unknown'}" + f", {self.unit}" * bool(self.unit)


def is_loss(metric: str) -> bool:
    """Whether a metric is a loss, whose unit is the head's."""
    return metric.rpartition("/")[2].endswith("loss")


def measured(run: ComparedRun, metric: str) -> Measured:
    """What the values of a run's metric were measured on, and in."""
    return Measured(data_of(run), run.loss_unit if is_loss(metric) else "")


def by_measured(runs: Sequence[ComparedRun], metric: str) -> dict[Measured, list[ComparedRun]]:
    """The runs whose values are comparable, in the order of the first of each.

    A run without a digest and without a value, which failed early, joins those of unknown data,
    else the first.
    """
    found: dict[Measured, list[ComparedRun]] = {}
    early = []
    for run in runs:
        if data_of(run) or metric in run.metrics:
            found.setdefault(measured(run, metric), []).append(run)
        else:
            early.append(run)
    if early:
        first = next(iter(found), Measured("", ""))
        found.setdefault(next((one for one in found if not one.data), first), []).extend(early)
    return found


def titles(parts: Mapping[Measured, list[ComparedRun]]) -> list[str]:
    """The title of each part: of its data and of its unit, whichever is not that of all."""
    several_data, several_units = (len(set(of)) > 1 for of in _columns(parts))
    return [
        ", ".join(
            [f"data {one.data[:8] or 'unknown'}{_data_name(runs)}"] * several_data
            + [f"loss in {one.unit}"] * several_units
        )
        for one, runs in parts.items()
    ]


def _columns(parts: Iterable[Measured]) -> tuple[list[str], list[str]]:
    of_parts = list(parts)
    return [one.data for one in of_parts], [one.unit for one in of_parts]


def _data_name(runs: Sequence[ComparedRun]) -> str:
    """The overrides that name the data of these runs, as far as they agree."""
    first = runs[0].settings
    names = [
        f"{key}={value}"
        for key, value in first.items()
        if key.partition(".")[0] == "dataset" and all(r.settings.get(key) == value for r in runs)
    ]
    return f" ({' '.join(names)})" * bool(names)


def notes_on_parts(runs: Sequence[ComparedRun], metric: str) -> list[str]:
    """Why the runs are in several parts, a line each; none where they are in one."""
    data, units = (sorted(set(of)) for of in _columns(by_measured(runs, metric)))
    notes = []
    if len(data) > 1:
        notes.append(
            f"measured on {len(data)} different held-out parts of data: values on one part cannot "
            "be compared with those on another, so each part is ranked by itself"
        )
    if len(units) > 1:
        notes.append(
            f"the loss is in {len(units)} units ({', '.join(units)}): losses in different units "
            f"cannot be compared, so each unit is ranked by itself{shared_metric(runs)}"
        )
    return notes


def shared_metric(runs: Sequence[ComparedRun]) -> str:
    """How to rank runs of different losses together: by a metric that all of them have."""
    known = [
        {key for key in run.metrics if key.startswith("final/val_") and not is_loss(key)}
        for run in runs
        if run.metrics
    ]
    shared = sorted(set.intersection(*known)) if known else []
    return f"; rnnx compare --metric {shared[0]} ranks all of them" if shared else ""
