"""A comparison as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import csv
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from rnnx.comparison.compare import Comparison, Entry, of_sweep
from rnnx.comparison.figures import draw
from rnnx.comparison.table import columns, group_head, group_rows, head, rows, short
from rnnx.contracts.trackers import RunLog
from rnnx.errors import StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import Sweep
from rnnx.runs.tracking import long_fields
from rnnx.system.files import replacing
from rnnx.system.text import one_line

PAGE = "comparison.html"
TEXTS, LONGEST = 20, 2_000  # samples of a run, characters of a sample
# Nothing on the page can load or run anything, whatever a name or a sample says.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
CAPTIONS = {
    "curves": "Loss of every run, a colour a configuration",
    "seeds": "Mean over seeds, with a band of one sample standard deviation on either side",
    "parallel": "From the swept keys to {metric}; a line a run, the darkest the best",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem;
       padding: 0 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.35rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #d8dde3; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.failed td { color: #a4262c; } figure { margin: 1rem 0; } img { max-width: 100%; }
figcaption { color: #57606a; } .pair { display: flex; flex-wrap: wrap; gap: 2rem; }
.pair section { flex: 1 1 22rem; min-width: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f6f8; padding: .6rem;
      margin: .3rem 0; }
"""


def write_pages(found: Comparison, page: Path) -> list[Path]:
    """Write the page and, beside it, its figures; the files that were written, the page first."""
    figures, written = draw(found), [page]
    for name in CAPTIONS:
        path = page.with_name(f"{page.stem}_{name}.png")
        path.unlink(missing_ok=True)  # what was drawn before may have nothing to show now
        if name in figures:
            path.write_bytes(figures[name])
            written.append(path)
    with replacing(page) as temporary:
        temporary.write_text(html(found, figures), "utf-8")
    return written


def save(found: Comparison, page: Path) -> None:
    """Write them where the user said; StoreError if that cannot be."""
    try:
        write_pages(found, page)
    except OSError as error:
        raise StoreError(f"--html {page}: cannot be written ({error.strerror})") from None


def keep(sweep: Sweep, log: RunLog) -> None:
    """The page in the sweep's folder and in its run; what fails costs a warning, not the sweep."""
    try:
        page, *figures = write_pages(of_sweep(sweep), sweep.path / PAGE)
        log.file(page)
        for path in figures:
            log.file(path, "figures")
    except Exception as error:
        print(
            f"rnnx: the comparison could not be made ({one_line(error)}); "
            f"`rnnx compare {sweep.id}` tries again",
            file=sys.stderr,
        )


def html(found: Comparison, figures: dict[str, bytes]) -> str:
    """The page; all that comes from data is escaped."""
    parts = [f"<h1>{escape(found.title)}</h1>", _counts(found), *_table(found), *_seeds(found)]
    for name, png in figures.items():
        caption = escape(CAPTIONS[name].format(metric=found.metric))
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        parts.append(
            f'<figure id="{name}"><img src="{source}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    parts += _samples(found)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(found.title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _counts(found: Comparison) -> str:
    several = [entry.status for entry in found.entries]
    told = ", ".join(f"{several.count(one)} {one.lower()}" for one in dict.fromkeys(several))
    return f"<p>{escape(told or 'no runs')}</p>"


def _table(found: Comparison) -> list[str]:
    metrics = columns(found)
    own = len(head([]))  # before the figures, where the cause of a failure is seen at once
    cause = ["cause"] * any(entry.reason for entry in found.entries)
    names = short(head(metrics))
    names[own:own] = cause
    numbers = range(own + len(cause), len(names))
    lines = [f"<h2>Runs by {escape(found.metric)}</h2>", '<div class="wide"><table>']
    lines.append(_row(names, "th", "", numbers))
    for entry, row in zip(found.entries, rows(found, metrics), strict=True):
        row[own:own] = [entry.reason] * len(cause)
        bad = "failed" if entry.status in ("FAILED", "KILLED") else ""
        lines.append(_row(row, "td", bad, numbers))
    return [*lines, "</table></div>"]


def _seeds(found: Comparison) -> list[str]:
    cells = group_rows(found)
    if not cells:
        return []
    lines = ["<h2>Over seeds</h2>", '<div class="wide"><table>', _row(group_head(found), "th")]
    return [*lines, *(_row(row, "td") for row in cells), "</table></div>"]


def _row(cells: Sequence[str], tag: str, kind: str = "", numbers: Sequence[int] = ()) -> str:
    inside = "".join(
        f"<{tag}{' class=n' if place in numbers else ''}>{escape(text)}</{tag}>"
        for place, text in enumerate(cells)
    )
    return f'<tr class="{kind}">{inside}</tr>' if kind else f"<tr>{inside}</tr>"


def _samples(found: Comparison) -> list[str]:
    """The last samples of the best run beside those of the worst."""
    ranked = [entry for entry in found.with_value() if entry.folder and texts_of(entry.folder)]
    if not ranked:
        return []
    pair = {"best": ranked[0], "worst": ranked[-1]} if len(ranked) > 1 else {"only": ranked[0]}
    lines = ["<h2>Samples</h2>", '<div class="pair">']
    for which, entry in pair.items():
        lines.append(f'<section id="{which}"><h3>{_called(found, which, entry)}</h3>')
        assert entry.folder is not None
        for text in texts_of(entry.folder)[:TEXTS]:
            shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
            lines.append(f"<pre>{escape(shown) or '∅'}</pre>")
        lines.append("</section>")
    return [*lines, "</div>"]


def _called(found: Comparison, which: str, entry: Entry) -> str:
    value = f"{found.metric} {found.value(entry):.4f}"
    return escape(f"The {which} run: {entry.name} ({value})")


def texts_of(folder: RunFolder) -> list[str]:
    """The last round of a run's samples."""
    if not folder.samples.is_file():
        return []
    try:
        with long_fields(), folder.samples.open(encoding="utf-8", newline="") as file:
            found = [row for row in csv.reader(file) if len(row) == 2][1:]
    except (OSError, ValueError, csv.Error):
        return []
    return [text for step, text in found if step == found[-1][0]]
