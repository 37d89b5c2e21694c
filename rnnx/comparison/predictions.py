"""The last predictions of runs on the same held-out examples, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnx.comparison.compare import Comparison
from rnnx.runs.predictions_file import Shown, rounds
from rnnx.system.text import shortened

MOST_RUNS, MOST_EXAMPLES = 8, 32
LONGEST = 300  # characters of an input


class PredictionTable(NamedTuple):
    """A row an example, a column a run; the best run's examples are shown."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def last_predictions(comparison: Comparison) -> PredictionTable | None:
    """What the best runs predicted last; None where no run has predictions."""
    shown: dict[str, Sequence[Shown]] = {}
    for run in comparison.runs:
        found = rounds(run.folder.predictions) if run.folder else []
        if found and len(shown) < MOST_RUNS:
            label = run.name if run.name not in shown else f"{run.name} ({run.run_id[:8]})"
            shown[label] = found[-1].shown
    if not shown:
        return None
    examples = [one[:3] for one in next(iter(shown.values()))][:MOST_EXAMPLES]
    # A run on other data has other examples: its cells stay empty.
    of_runs = [{one[:3]: one.prediction for one in found} for found in shown.values()]
    columns = ["example", "input", "target", *shown]
    rows = [
        [
            number,
            shortened(text, LONGEST),
            target,
            *(own.get((number, text, target), "") for own in of_runs),
        ]
        for number, text, target in examples
    ]
    return PredictionTable(columns, rows)
