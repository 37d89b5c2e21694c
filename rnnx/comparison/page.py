"""A comparison as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rnnx.comparison.bands import draw_bands
from rnnx.comparison.compare import Comparison, compare_sweep
from rnnx.comparison.figures import Figure, draw_figures, suffixes
from rnnx.comparison.page_texts import surprise_bounds, text_sections
from rnnx.comparison.predictions import last_predictions
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.seeds_table import group_columns, group_rows, seeds_caption
from rnnx.comparison.table import run_columns, run_rows, telling_metrics
from rnnx.comparison.templates import template
from rnnx.comparison.tracker_pages import TrackerPages, tracker_pages
from rnnx.contracts.trackers import RunLog
from rnnx.errors import StoreError
from rnnx.registry.sources import source_sha256
from rnnx.runs.metrics_file import read_history
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.files import replacing
from rnnx.system.text import one_line, printable
from rnnx.version import __version__

PAGE = "comparison.html"
TEMPLATE = "page.html.jinja"
LIBRARIES = (
    "matplotlib.figure",
    "matplotlib.collections",
    "matplotlib.layout_engine",
    "matplotlib.backends.backend_agg",
    "jinja2",
)
CAPTIONS = {
    "curves": "{metric} of every run, a colour a configuration",
    "seeds": "Mean {metric} over seeds, with a band of one sample standard deviation on either "
    "side; each seed a thin line",
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
    links: Sequence[Mapping[int, str]] = ()  # of each row: the place of a cell → its address
    hints: Mapping[int, str] = {}  # the place of a column with links → what they lead to


class _Figure(NamedTuple):
    name: str
    caption: str
    base64: str  # of the PNG


class _Linked(NamedTuple):
    """What the page leads to."""

    at: Path | None  # the folder of the page; None: it leads to no folders
    pages: Mapping[str, str]  # a run's id → its page in the tracker


class _Part(NamedTuple):
    """What the page has for the runs on one data."""

    title: str  # "" where all runs are on the same data
    runs: _Table
    groups: _Table
    seeds: str  # what the seeds cannot tell
    figures: Sequence[_Figure]


def load_drawing() -> None:
    """Import what a page is made with, where that is possible: the first one would wait for it.

    It may be called beside other work, as :func:`rnnx.runs.loss_curve.load_drawing`.
    """
    with suppress(Exception):
        for module in LIBRARIES:
            importlib.import_module(module)


def write_page(comparison: Comparison, page: Path, charts: str | None = "") -> list[Path]:
    """Write the page and, beside it, its figures as PNG; the files written, the page first.

    ``charts`` is the address of the tracker's page with the sweep's charts, if there is one; None:
    the tracker does not answer, so the page leads to none of its pages.
    """
    figures, written = draw_figures(comparison), [page]
    for path in _figure_files(page):
        path.unlink()  # an earlier comparison may have had more to draw
    for name, figure in figures.items():
        path = page.with_name(f"{page.stem}_{name}.png")
        path.write_bytes(figure.png)
        written.append(path)
    with replacing(page) as temporary:
        temporary.write_text(render(comparison, figures, page.parent, charts), "utf-8")
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


def write_sweep_page(
    sweep: Sweep, charts: str | None = "", jobs: Sequence[ComparedRun] | None = None
) -> None:
    """Write the page into the sweep's folder, unless the one there shows the same finished runs; an
    error is a warning on stderr.

    ``charts`` is as in :func:`write_page`, ``jobs`` as in :func:`compare_sweep`.
    """
    page, shows = sweep.path / PAGE, _shows(sweep.results(), charts)
    if shows and shows == sweep.read().get("page") and page.is_file():
        return
    try:
        write_page(compare_sweep(sweep, jobs=jobs), page, charts)
        sweep.write({"page": shows})
    except Exception as error:
        print(
            f"rnnx: the comparison could not be made ({printable(one_line(error))}); "
            f"`rnnx compare {sweep.id}` tries again",
            file=sys.stderr,
        )


def _shows(results: Sequence[JobResult], charts: str | None) -> str:
    """A digest of what the page is made of; empty where a run may not be at its end."""
    if not all(result.is_repeated or _is_plain(result) for result in results):
        return ""
    rows = [[one.job, one.overrides, one.run_id, one.entry] for one in results]
    made = [__version__, source_sha256("rnnx"), charts, rows]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


def _is_plain(result: JobResult) -> bool:
    """Whether a job has trained to its end; a reason may say that it was pruned."""
    return result.status == "FINISHED" and not result.reason


def send_sweep_page(sweep: Sweep, log: RunLog) -> None:
    """Send the sweep's run the page and its figures, if there is a page."""
    page = sweep.path / PAGE
    if page.is_file():
        log.file(page)
        for path in _figure_files(page):
            log.file(path, "figures")


def render(
    comparison: Comparison,
    figures: Mapping[str, Figure],
    at: Path | None = None,
    charts: str | None = "",
    name: str = TEMPLATE,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The page with these figures, by name; the template escapes every value.

    ``at`` is the folder of the page, from which it links the runs' folders; None: it does not.
    ``charts`` is as in :func:`write_page`.
    Another template, ``name``, extends that of the page and may show ``more``.
    """
    parts = comparison.by_data()
    pages = TrackerPages({}) if charts is None else tracker_pages(comparison.runs)
    page = template(name).render(
        **(more or {}),
        title=comparison.title,
        metric=comparison.metric,
        statuses=_count_statuses(comparison),
        notes=comparison.notes,
        pages=[*([("charts", charts)] if charts else []), *pages.sweeps],
        are_pages_local=pages.is_local,
        parts=[
            _part(
                part._replace(title=part.title * (len(parts) > 1)),
                _figures(figures, suffix),
                _Linked(at, pages.runs),
            )
            for part, suffix in zip(parts, suffixes(len(parts)), strict=True)
        ],
        bands=_bands(comparison),
        predictions=last_predictions(comparison),
        texts=text_sections(comparison),
        bounds=surprise_bounds(),
    )
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", page)


def _part(comparison: Comparison, figures: Sequence[_Figure], linked: _Linked) -> _Part:
    rows, columns = group_rows(comparison), group_columns(comparison)
    numbers = [place for place, column in enumerate(columns) if column.is_number]
    return _Part(
        comparison.title,
        _runs(comparison, linked),
        _Table([column.name for column in columns], rows, numbers),
        seeds_caption(comparison),
        figures,
    )


def _count_statuses(comparison: Comparison) -> str:
    statuses = [run.status for run in comparison.runs]
    counts = (f"{statuses.count(status)} {status.lower()}" for status in dict.fromkeys(statuses))
    return ", ".join(counts) or "no runs"


def _runs(comparison: Comparison, linked: _Linked) -> _Table:
    metrics = telling_metrics(comparison)
    columns, rows = run_columns(metrics), run_rows(comparison, metrics)
    hints = {columns.index("run"): "the run's folder"}
    links = [{place: _folder(run, linked.at) for place in hints} for run in comparison.runs]
    first = len(run_columns([]))  # the place of the first metric
    more: list[tuple[str, list[str]]] = []
    if linked.pages:
        there = [linked.pages.get(run.run_id, "") for run in comparison.runs]
        hints[first] = "the run's page in the tracker"
        for row, page in zip(links, there, strict=True):
            row[first] = page
        more.append(("tracker", ["page" if page else "" for page in there]))
    if any(run.reason for run in comparison.runs):  # before the metrics, to be seen at once
        more.append(("cause", [run.reason for run in comparison.runs]))
    for place, (name, cells) in enumerate(more, first):
        columns.insert(place, name)
        for row_of_cells, cell in zip(rows, cells, strict=True):
            row_of_cells.insert(place, cell)
    bad = [i for i, run in enumerate(comparison.runs) if run.status in ("FAILED", "KILLED")]
    return _Table(columns, rows, range(first + len(more), len(columns)), bad, links, hints)


def _folder(run: ComparedRun, at: Path | None) -> str:
    """The address of a run's folder, relative to the page; no character of it is special."""
    if run.folder is None or at is None or not run.folder.path.is_dir():
        return ""
    return quote(os.path.relpath(run.folder.path.resolve(), at.resolve())) + "/"


def _figures(figures: Mapping[str, Figure], suffix: str) -> list[_Figure]:
    """The figures of the runs on one data."""
    return [
        _Figure(
            name + suffix.replace("_", "-"),
            caption.format(metric=figures[name + suffix].metric),
            base64.b64encode(figures[name + suffix].png).decode(),
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
