"""A table of results as LaTeX, Markdown, HTML, CSV and JSON, with its sources as comments."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rnnx.comparison.groups import BEST, TIED, UNTESTED, Group
from rnnx.comparison.numbers import format_value, or_null
from rnnx.comparison.results import NONE, Results, Values, run_ids
from rnnx.comparison.seeds_table import group_json
from rnnx.comparison.statistics import LEVEL
from rnnx.system.text import csv_text, json_text, printable

LATEX = {c: f"\\{c}" for c in "{}$&#_%"} | {c: f"{{{c}}}" for c in "[]*"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
LATEX |= {"`": r"\textasciigrave{}", '"': r"\textquotedbl{}"}
# What every Markdown unescapes, and as entities what some do not.
MARKDOWN = {c: f"\\{c}" for c in "_*[]`#!"} | {c: f"&#{ord(c)};" for c in "\\|<>&~$:@"}


def latex_text(text: str) -> str:
    """A text as LaTeX prints it to the letter; two hyphens do not become a dash."""
    escaped = "".join(LATEX.get(c, c) for c in printable(text))
    return re.sub(r"([-',])(?=\1)", r"\1{}", escaped)


def markdown_text(text: str) -> str:
    """A text as Markdown shows it to the letter, in a cell of a table, too."""
    return "".join(MARKDOWN.get(c, c) for c in printable(text))


def as_latex(table: Results, command: str) -> str:
    """A tabular of LaTeX with rules of booktabs."""
    lines = [f"% {line}" for line in _comments(table, command)]
    lines += ["% needs \\usepackage{booktabs}"]
    lines += [f"\\begin{{tabular}}{{{'l' * len(table.row_keys)}{'r' * len(table.columns)}}}"]
    lines += ["\\toprule", _latex_row(map(latex_text, _head(table))), "\\midrule"]
    for row in table.rows:
        names = map(latex_text, row)
        lines.append(_latex_row([*names, *(_latex_cell(table, one) for one in _cells(table, row))]))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def _latex_row(cells: Any) -> str:
    return f"{' & '.join(cells)} \\\\"


def _latex_cell(table: Results, group: Group | None) -> str:
    text = _number(table, group).replace("±", r"\pm")
    if text == NONE:
        return "---"
    marked = {BEST: rf"\mathbf{{{text}}}", TIED: rf"\underline{{{text}}}"}
    return f"${marked.get(group.verdict if group else '', text)}$"


def as_markdown(table: Results, command: str) -> str:
    """A table of Markdown as GitHub, pandoc and others read it."""
    lines = [*_html_comments(table, command), ""]
    lines += [_markdown_row(map(markdown_text, _head(table)))]
    lines += [_markdown_row(["---"] * len(table.row_keys) + ["---:"] * len(table.columns))]
    for row in table.rows:
        cells = (_marked(table, one, "**{}**", "<u>{}</u>") for one in _cells(table, row))
        lines.append(_markdown_row([*map(markdown_text, row), *cells]))
    return "\n".join(lines)


def _markdown_row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def as_html(table: Results, command: str) -> str:
    """A table of HTML, to be put into a page."""
    lines = [*_html_comments(table, command), "<table>"]
    heads = "".join(f'<th scope="col">{_html_text(head)}</th>' for head in _head(table))
    lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
    for row in table.rows:
        names = "".join(f'<th scope="row">{_html_text(name)}</th>' for name in row)
        marked = (
            _marked(table, one, "<strong>{}</strong>", "<u>{}</u>") for one in _cells(table, row)
        )
        lines.append(f"<tr>{names}{''.join(f'<td>{cell}</td>' for cell in marked)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def _html_text(text: str) -> str:
    return html.escape(printable(text))


def _html_comments(table: Results, command: str) -> list[str]:
    """A comment that no text can end: it has no angle brackets."""
    return ["<!--", *(html.escape(line, quote=False) for line in _comments(table, command)), "-->"]


def as_csv(table: Results, command: str) -> str:
    """Comments that begin with #, then a row a row, four columns a column."""
    out = io.StringIO()
    legend = _legend(table, "verdict", TIED)
    out.writelines(f"# {line}\n" for line in _comments(table, command, legend))
    parts = ("mean", "spread", "seeds", "verdict")
    # Texts in quotes: none begins a comment.
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    heads = [f"{table.heading(column)}: {part}" for column in table.columns for part in parts]
    writer.writerow([csv_text(printable(head)) for head in (*table.row_keys, *heads)])
    for row in table.rows:
        names: list[object] = [csv_text(printable(name)) for name in row]
        for one in _cells(table, row):
            numbers = (or_null(one.mean), or_null(one.spread)) if one else (None, None)
            names += numbers
            names += [len(one.values), one.verdict] if one else ["", ""]
        writer.writerow(names)
    return out.getvalue().rstrip("\n")


def as_json(table: Results, command: str) -> str:
    """The table as JSON, an object a cell; its sources are fields."""
    cells = [
        {
            "row": dict(zip(table.row_keys, row, strict=True)),
            "column": dict(zip(table.column_keys, column, strict=True)),
            **{key: value for key, value in group_json(group).items() if key != "name"},
            "data": table.data(column) or None,
            "runs": {seed: run.run_id for seed, run in run_ids(group)},
        }
        for row in table.rows
        for column in table.columns
        if (group := table.cells.get((row, column)))
    ]
    whole = {
        "metric": table.metric,
        "better": "higher" if table.higher_is_better else "lower",
        "rows": list(table.row_keys),
        "columns": list(table.column_keys),
        "command": command,
        "code": table.code(),
        "notes": list(table.notes),
        "cells": cells,
    }
    return json_text(whole)


def text_rows(table: Results) -> tuple[list[str], list[list[str]], list[str]]:
    """The head, the cells and the legend of the table on a terminal or in a pipe."""
    rows = [
        [*row, *(_marked(table, one, "* {}", "~ {}") for one in _cells(table, row))]
        for row in table.rows
    ]
    return _head(table), rows, _legend(table, "*", "~")


def _head(table: Results) -> list[str]:
    return [*table.row_keys, *(table.heading(column) for column in table.columns)]


def _cells(table: Results, row: Values) -> list[Group | None]:
    return [table.cells.get((row, column)) for column in table.columns]


def _number(table: Results, group: Group | None) -> str:
    if group is None or not group.values:
        return NONE
    mean = format_value(table.metric, group.mean)
    several = len(group.values) > 1
    return f"{mean} ± {format_value(table.metric, group.spread)}" if several else mean


def _marked(table: Results, group: Group | None, best: str, tied: str) -> str:
    text = _number(table, group)
    return {BEST: best, TIED: tied}.get(group.verdict if group else "", "{}").format(text)


def _comments(table: Results, command: str, legend: Sequence[str] = ()) -> list[str]:
    """What a table was made of and how to make it again, a line each."""
    lines = (command, *(legend or _legend(table, "bold", "underlined")), *_sources(table))
    return [printable(line) for line in lines]


def _legend(table: Results, best: str, tied: str) -> list[str]:
    per = "in a column" if len(table.columns) > 1 else "in the table"
    lines = [
        f"{table.metric} ({'higher' if table.higher_is_better else 'lower'} is better): "
        "mean ± sample standard deviation over seeds",
        f"{best}: the best {per}; {tied}: not told apart from it (p > {LEVEL})",
    ]
    if any(group.verdict == UNTESTED for group in table.cells.values()):
        lines.append("cells of one seed, and all beside a best one of one seed, are not tested")
    return lines


def _sources(table: Results) -> Iterator[str]:
    yield from (f"note: {note}" for note in table.notes)
    if code := table.code():
        yield f"code: {', '.join(code)}"
    for column in table.columns:
        where = f"of {table.heading(column)}" if column else "of the table"
        yield f"data {where}: {table.data(column) or 'unknown'}"
    for row in table.rows:
        for column in table.columns:
            if group := table.cells.get((row, column)):
                runs = ", ".join(f"seed {seed} {run.run_id}" for seed, run in run_ids(group))
                where = ", ".join((*row, *column)) or "the table"
                yield f"runs of {where}: {runs or 'none'}{_p(group)}"


def _p(group: Group) -> str:
    apart = group.from_best
    return f"; p = {apart.p:.4g}" if apart and apart.is_tested else ""


WRITERS: dict[str, Callable[[Results, str], str]] = {
    "latex": as_latex,
    "markdown": as_markdown,
    "html": as_html,
    "csv": as_csv,
    "json": as_json,
}


def keys_of(text: str | None) -> Sequence[str]:
    """The keys of a list with commas."""
    return [key.strip() for key in (text or "").split(",") if key.strip()]
