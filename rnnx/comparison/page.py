"""A comparison as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rnnx.comparison.bands import draw_bands
from rnnx.comparison.compare import Comparison, compare_sweep
from rnnx.comparison.figures import draw_figures, suffixes
from rnnx.comparison.page_texts import surprise_bounds, text_sections
from rnnx.comparison.predictions import last_predictions
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.seeds_table import group_columns, group_rows, seeds_caption
from rnnx.comparison.table import run_columns, run_rows, telling_metrics
from rnnx.contracts.trackers import RunLog
from rnnx.errors import StoreError
from rnnx.runs.metrics_file import read_history
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.files import replacing
from rnnx.system.text import one_line, printable

PAGE = "comparison.html"
TEMPLATE = Path(__file__).with_name("page.html.jinja")
CAPTIONS = {
    "curves": "Loss of every run, a colour a configuration",
    "seeds": "Mean over seeds, with a band of one sample standard deviation on either side; each "
    "seed a thin line",
    "finals": "{metric} of each seed, a dot each; the mean of each configuration and its 95 % "
    "interval, the best at the top",
    "parallel": "From the swept keys to {metric}; a line a run, the darkest the best",
}
# Control characters that HTML forbids, and halves of pairs, which UTF-8 does not have: a browser
# drops a NUL and joins what it parted.
FORBIDDEN = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class _Table(NamedTuple):
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()  # the places of the columns that are aligned to the right
    failed: Sequence[int] = ()  # the places of the rows of runs that failed
    links: Sequence[str] = ()  # of each row, the relative address of the run's folder, or ""
    linked: int | None = None  # the place of the column with the links


class _Figure(NamedTuple):
    name: str
    caption: str
    base64: str  # of the PNG


class _Part(NamedTuple):
    """What the page has for the runs on one data."""

    title: str  # "" where all runs are on the same data
    runs: _Table
    groups: _Table
    seeds: str  # what the seeds cannot tell
    figures: Sequence[_Figure]


def write_page(comparison: Comparison, page: Path) -> list[Path]:
    """Write the page and, beside it, its figures as PNG; the files written, the page first."""
    figures, written = draw_figures(comparison), [page]
    for path in _figure_files(page):
        path.unlink()  # an earlier comparison may have had more to draw
    for name, png in figures.items():
        path = page.with_name(f"{page.stem}_{name}.png")
        path.write_bytes(png)
        written.append(path)
    with replacing(page) as temporary:
        temporary.write_text(render(comparison, figures, page.parent), "utf-8")
    return written


def _figure_files(page: Path) -> list[Path]:
    """The figures beside a page."""
    ours = re.compile(rf"{re.escape(page.stem)}_({'|'.join(CAPTIONS)})(_\d+)?\.png")
    return sorted(path for path in page.parent.glob("*.png") if ours.fullmatch(path.name))


def save_page(comparison: Comparison, page: Path) -> None:
    """Write the page where the user said; StoreError if it cannot be written."""
    try:
        write_page(comparison, page)
    except OSError as error:
        raise StoreError(
            f"--html {page}: cannot be written ({error.strerror}); name another file"
        ) from None


def write_sweep_page(sweep: Sweep) -> None:
    """Write the page into the sweep's folder; an error is a warning on stderr."""
    try:
        write_page(compare_sweep(sweep), sweep.path / PAGE)
    except Exception as error:
        print(
            f"rnnx: the comparison could not be made ({printable(one_line(error))}); "
            f"`rnnx compare {sweep.id}` tries again",
            file=sys.stderr,
        )


def send_sweep_page(sweep: Sweep, log: RunLog) -> None:
    """Send the sweep's run the page and its figures, if there is a page."""
    page = sweep.path / PAGE
    if page.is_file():
        log.file(page)
        for path in _figure_files(page):
            log.file(path, "figures")


def render(
    comparison: Comparison,
    figures: Mapping[str, bytes],
    at: Path | None = None,
    template: str = TEMPLATE.name,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The page with these figures, name → PNG; the template escapes every value.

    ``at`` is the folder of the page, from which it links the runs' folders; None: it does not.
    Another ``template`` extends that of the page and may show ``more``.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    parts = comparison.by_data()
    page = environment.get_template(template).render(
        **(more or {}),
        title=comparison.title,
        metric=comparison.metric,
        statuses=_count_statuses(comparison),
        notes=comparison.notes,
        parts=[
            _part(part, part.title * (len(parts) > 1), _figures(part, figures, suffix), at)
            for part, suffix in zip(parts, suffixes(len(parts)), strict=True)
        ],
        bands=_bands(comparison),
        predictions=last_predictions(comparison),
        texts=text_sections(comparison),
        bounds=surprise_bounds(),
    )
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", page)


def _part(comparison: Comparison, title: str, figures: Sequence[_Figure], at: Path | None) -> _Part:
    rows, columns = group_rows(comparison), group_columns(comparison)
    numbers = [place for place, column in enumerate(columns) if column.is_number]
    return _Part(
        title,
        _runs(comparison, at),
        _Table([column.name for column in columns], rows, numbers),
        seeds_caption(comparison),
        figures,
    )


def _count_statuses(comparison: Comparison) -> str:
    statuses = [run.status for run in comparison.runs]
    counts = (f"{statuses.count(status)} {status.lower()}" for status in dict.fromkeys(statuses))
    return ", ".join(counts) or "no runs"


def _runs(comparison: Comparison, at: Path | None) -> _Table:
    metrics = telling_metrics(comparison)
    columns = run_columns(metrics)
    rows, linked = run_rows(comparison, metrics), columns.index("run")
    first = len(run_columns([]))  # the place of the first metric
    if any(run.reason for run in comparison.runs):  # before the metrics, to be seen at once
        columns.insert(first, "cause")
        for run, row in zip(comparison.runs, rows, strict=True):
            row.insert(first, run.reason)
        first += 1
    bad = [i for i, run in enumerate(comparison.runs) if run.status in ("FAILED", "KILLED")]
    links = [_link(run, at) for run in comparison.runs]
    return _Table(columns, rows, range(first, len(columns)), bad, links, linked)


def _link(run: ComparedRun, at: Path | None) -> str:
    """The address of a run's folder, relative to the page; no character of it is special."""
    if run.folder is None or at is None or not run.folder.path.is_dir():
        return ""
    return quote(os.path.relpath(run.folder.path.resolve(), at.resolve())) + "/"


def _figures(comparison: Comparison, figures: Mapping[str, bytes], suffix: str) -> list[_Figure]:
    """The figures of the runs on one data."""
    return [
        _Figure(
            name + suffix.replace("_", "-"),
            caption.format(metric=comparison.metric),
            base64.b64encode(figures[name + suffix]).decode(),
        )
        for name, caption in CAPTIONS.items()
        if name + suffix in figures
    ]


def _bands(comparison: Comparison) -> _Figure | None:
    """The quantiles by step of the best run, if it has any."""
    folder = next((run.folder for run in comparison.runs if run.folder is not None), None)
    png = None if folder is None else draw_bands(read_history(folder.metrics))
    if folder is None or png is None:
        return None
    name = next(run.name for run in comparison.runs if run.folder is folder)
    caption = f"{name}: quantiles by step, in bands around the median"
    return _Figure("bands", caption, base64.b64encode(png).decode())
