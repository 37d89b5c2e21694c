"""Published beside measured: what the runs of a table gave, printed or written into a page."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnnx.comparison.groups import one_a_seed, seed_of
from rnnx.comparison.published import CANNOT, Figure, Row, Table
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.statistics import mean_and_spread
from rnnx.contracts.trackers import is_time
from rnnx.errors import ConfigError, StoreError
from rnnx.runs.metrics_file import read_history
from rnnx.system import markdown
from rnnx.system.files import read_regular, replacing
from rnnx.system.table import Column, print_table

if TYPE_CHECKING:
    from rich.console import Console

MAX_BYTES = 2**24  # of the page
DASH = "—"
SIGNS = {"as predicted": "✓", "not learned": "○", "contradicts": "✗"}


class Entry(NamedTuple):
    """What was measured of a row and a figure."""

    row: Row
    figure: Figure
    by_seed: Mapping[str, float]  # seed → value of the figure, of finished runs
    updates: int  # of the longest run
    minutes: float  # of training, the mean of its runs; nan without one
    ended: float  # when the last run ended, in seconds since 1970; 0 without one
    machines: frozenset[str]
    failed: int  # runs that did not end well, and so have no value
    lacking: int  # runs that did, and have none: a criterion was never met

    @property
    def mean(self) -> float:
        """The mean over seeds; nan without one."""
        return mean_and_spread([*self.by_seed.values()])[0]

    @property
    def spread(self) -> float:
        """The sample standard deviation over seeds; nan below two."""
        return mean_and_spread([*self.by_seed.values()])[1]

    @property
    def published(self) -> float:
        """The published value; nan where there is none."""
        return self.row.published.get(self.figure.name, math.nan)

    @property
    def predicted(self) -> str:
        """What theory says: can, cannot or nothing."""
        return self.row.predicted.get(self.figure.name, "")

    @property
    def verdict(self) -> str:
        """The mean beside what theory says; "" where one of the two is unknown.

        What a network can solve it need not learn in a given budget: that contradicts nothing.
        """
        if not (self.predicted and self.by_seed):
            return ""
        if self.figure.is_solved(self.mean):
            return "contradicts" if self.predicted == CANNOT else "as predicted"
        return "as predicted" if self.predicted == CANNOT else "not learned"


def measured(row: Row, figure: Figure, runs: Sequence[ComparedRun]) -> Entry:
    """What these runs, one a seed, measured of a figure."""
    runs = one_a_seed(runs)
    ended = [run for run in runs if run.status in ("FINISHED", "SKIPPED")]
    found = {seed_of(run): _value(run, figure) for run in ended}
    by_seed = {seed: figure.of(value) for seed, value in found.items() if math.isfinite(value)}
    fields = [run.folder.read() for run in ended if run.folder is not None]
    times = [one["ended"] for one in fields if is_time(one.get("ended"))]
    steps = [one["steps"] for one in fields if type(one.get("steps")) is int]
    seconds = [run.metrics["final/seconds"] for run in ended if "final/seconds" in run.metrics]
    machines = frozenset(_machine(one.get("machine")) for one in fields)
    minutes = mean_and_spread(seconds)[0] / 60
    lacking = sum(figure.at is None and figure.metric not in run.metrics for run in ended)
    failed = len(runs) - len(by_seed) - lacking
    about = max(steps, default=0), minutes, max(times, default=0.0), machines
    return Entry(row, figure, by_seed, *about, failed, lacking)


def _value(run: ComparedRun, figure: Figure) -> float:
    """The metric's last value, or the one nearest to the figure's step; nan where there is none."""
    if figure.at is None:
        return run.metrics.get(figure.metric, math.nan)
    if run.folder is None:
        return math.nan
    points = read_history(run.folder.metrics).get(figure.metric, [])
    at = figure.at
    nearest = min(points, key=lambda point: abs(point.step - at), default=None)
    return math.nan if nearest is None else nearest.value


def _machine(about: object) -> str:
    if not isinstance(about, Mapping):
        return ""
    names = ("system", "processors", "python", "numpy", "numba")
    return ", ".join(f"{key} {about[key]}" for key in names if key in about)


COLUMNS = [
    Column("row"),
    Column("figure"),
    Column("published", is_number=True),
    Column("mark"),
    Column("measured", is_number=True),
    Column("spread", is_number=True),
    Column("seeds", is_number=True),
    Column("updates", is_number=True),
    Column("minutes", is_number=True),
    Column("theory"),
    Column("verdict"),
]


def print_entries(table: Table, found: Sequence[Entry], output: Console) -> None:
    """Print a line a row and figure: on a terminal drawn, in a pipe tab-separated."""
    rows = [
        [
            entry.row.name,
            entry.figure.name,
            entry.figure.text(entry.published),
            (entry.row.mark or table.mark) if entry.figure.name in entry.row.published else "",
            entry.figure.text(entry.mean),
            entry.figure.text(entry.spread),
            str(len(entry.by_seed)),
            str(entry.updates),
            _minutes(entry),
            entry.predicted,
            entry.verdict,
        ]
        for entry in found
    ]
    optional = ["minutes", "updates", "mark", "spread"]
    print_table(output, COLUMNS, rows, optional, head_in_pipe=True, expendable=optional)


def _minutes(entry: Entry) -> str:
    return DASH if math.isnan(entry.minutes) else f"{entry.minutes:.1f}"


def section(table: Table, found: Sequence[Entry], command: Sequence[str]) -> str:
    """The table in Markdown, with what a reader needs to judge it; rows without a run left out."""
    names = {entry.row.name for entry in found if entry.by_seed or entry.lacking}
    shown = [entry for entry in found if entry.row.name in names]
    parts = [
        f"## {table.title}",
        f"Source: {table.source}.",
        f"What differs: {table.differs}",
        _meanings(table),
        markdown.command(command),
        _made(shown),
        markdown.table(*_cells(table, shown)),
        *_notes(table, found, shown),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _meanings(table: Table) -> str:
    """The metric of each figure; figures of one metric share a line."""
    names: dict[str, list[str]] = {}
    for one in table.figures:
        names.setdefault(one.meaning, []).append(one.name)
    return "; ".join(f"{', '.join(of)}: {meaning}" for meaning, of in names.items()) + "."


def _made(shown: Sequence[Entry]) -> str:
    """When and where it was measured."""
    if not shown:
        return "No run of this table has finished."
    day = time.strftime("%Y-%m-%d", time.gmtime(max(entry.ended for entry in shown)))
    machines = sorted({name for entry in shown for name in entry.machines if name})
    seeds = sorted({seed for entry in shown for seed in entry.by_seed}, key=lambda s: (len(s), s))
    where = f" on {'; '.join(machines)}" if machines else ""
    told = f" Seeds: {', '.join(seeds)}." if seeds else ""
    return f"Measured {day}{where}.{told}"


def _cells(table: Table, shown: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    heads, rows = [""], []
    is_published = {
        one.name: any(one.name in e.row.published for e in shown) for one in table.figures
    }
    for one in table.figures:
        unit = f" ({one.unit})" if one.unit else ""
        heads += [f"{one.name}{unit}, published"] * is_published[one.name] + [f"{one.name}{unit}"]
    heads += ["seeds", "updates", "minutes a run"]
    for name in dict.fromkeys(entry.row.name for entry in shown):
        own = [entry for entry in shown if entry.row.name == name]
        cells = [name]
        for entry in own:
            cells += [_published(entry, table)] * is_published[entry.figure.name] + [
                _measured(entry)
            ]
        lengths = [entry.minutes for entry in own if not math.isnan(entry.minutes)]
        rows.append(
            [
                *cells,
                str(max(len(entry.by_seed) for entry in own)),
                str(max(entry.updates for entry in own)),
                f"{sum(lengths) / len(lengths):.1f}" if lengths else DASH,
            ]
        )
    return heads, rows


def _published(entry: Entry, table: Table) -> str:
    if entry.figure.name not in entry.row.published:
        return DASH
    is_told = (entry.row.mark or table.mark) != "confirmed"
    return entry.figure.text(entry.published) + " †" * is_told


def _measured(entry: Entry) -> str:
    if not entry.by_seed:
        return DASH
    text = entry.figure.text(entry.mean)
    text += f" ± {entry.figure.text(entry.spread)}" if len(entry.by_seed) > 1 else ""
    if not entry.predicted:
        return text
    return f"{text} ({entry.predicted} {SIGNS[entry.verdict]})"


def _notes(table: Table, found: Sequence[Entry], shown: Sequence[Entry]) -> Iterator[str]:
    if any("†" in _published(entry, table) for entry in shown):
        yield "†: told by others, not read in the source itself."
    if any(len(entry.by_seed) > 1 for entry in shown):
        yield "±: the standard deviation over seeds."
    if any(entry.predicted for entry in shown):
        yield (
            "In brackets stands what theory says: whether a row can solve the task at all lengths "
            "or cannot. ✓: so it came out; ○: it can, but did not in this budget; ✗: it "
            "contradicts theory. Solved: "
            + ", ".join(
                f"{one.name} {'≥' if one.better == 'higher' else '≤'} {one.solved:g}"
                for one in table.figures
                if not math.isnan(one.solved)
            )
            + "."
        )
    reasons: dict[str, list[str]] = {}
    for entry in shown:
        if entry.row.because and entry.row.name not in reasons.setdefault(entry.row.because, []):
            reasons[entry.row.because].append(entry.row.name)
    yield "\n".join(f"- {', '.join(names)}: {reason}" for reason, names in reasons.items())
    names = {entry.row.name for entry in shown}
    left: dict[str, int] = {}  # row → runs without a value
    for entry in found:
        if entry.row.name not in names:
            left[entry.row.name] = left.get(entry.row.name, 0) + entry.failed
    if lost := [f"{name} ({count})" for name, count in left.items() if count]:
        yield f"Every run failed or diverged, and so the row is left out: {', '.join(lost)}."
    if missing := [name for name, count in left.items() if not count]:
        yield f"Not run, and so left out: {', '.join(missing)}."
    failed = {entry.row.name: entry.failed for entry in shown if entry.failed}
    if failed:
        counted = ", ".join(f"{name} ({count})" for name, count in failed.items())
        yield f"Runs that failed or diverged, and count in no mean: {counted}."
    for figure in table.figures:
        lacking = [one for one in shown if one.lacking and one.figure.name == figure.name]
        if counted := ", ".join(f"{one.row.name} ({one.lacking})" for one in lacking):
            yield f"Runs that ended without {figure.name}, and count in no mean: {counted}."


def refuse_nowhere(page: Path) -> None:
    """ConfigError where a page cannot be, before hours of training for it."""
    if not page.parent.is_dir():
        raise ConfigError(f"--write {page}: there is no folder {page.parent}; make it first")


def write_section(page: Path, table: Table, text: str) -> None:
    """Put a table's section into a page, in place of its earlier one; StoreError if it cannot."""
    begins, ends = f"<!-- rnnx reproduce {table.name} -->", f"<!-- end of {table.name} -->"
    block = f"{begins}\n{text}\n{ends}"
    try:
        before = read_regular(page, MAX_BYTES).decode() if page.exists() else "# Results\n"
        known = re.compile(f"{re.escape(begins)}.*?{re.escape(ends)}", re.DOTALL)
        after, count = known.subn(lambda _: block, before, count=1)
        after = after if count else f"{before.rstrip()}\n\n{block}\n"
        with replacing(page) as temporary:
            temporary.write_text(after, "utf-8")
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{page}: cannot be written ({getattr(error, 'strerror', None) or error}); name "
            "another file with --write"
        ) from None
