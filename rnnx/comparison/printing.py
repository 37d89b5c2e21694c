"""``rnnx compare``: prints runs and sweeps side by side, or a table of results for a paper."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rnnx.comparison.compare import compare
from rnnx.comparison.formats import WRITERS, keys_of, text_rows
from rnnx.comparison.page import save_page
from rnnx.comparison.results import Results, results
from rnnx.comparison.runs import lasting_name
from rnnx.comparison.table import as_json, print_tables, write_csv
from rnnx.errors import ConfigError
from rnnx.system.files import expanded
from rnnx.system.table import Column, print_table
from rnnx.system.text import printable
from rnnx.training.report import console

if TYPE_CHECKING:
    from rich.console import Console


def print_comparison(
    names: Sequence[str],
    metric: str | None,
    form: str | None = None,
    page: str | None = None,
    better: str | None = None,
    rows: str | None = None,
    columns: str | None = None,
    layout: str | None = None,
) -> None:
    """Print a table, or ``form`` json or csv; ``page`` is an HTML file to write as well.

    ``better``: lower or higher; None: what the metric's name says. With keys for ``rows`` or
    ``columns``, or a ``layout`` that only they have, it is a table of results.
    """
    if form and layout and form != layout:
        raise ConfigError(f"--{form} and --format {layout}: choose one of them")
    layout = layout or form
    comparison = compare(names, metric, None if better is None else better == "higher")
    if page is not None:
        save_page(comparison, expanded(page))
    if rows or columns or layout not in (None, "csv", "json"):
        table = results(comparison, keys_of(rows), keys_of(columns))
        again = {"--rows": rows, "--columns": columns, "--format": layout, "--better": better}
        if layout is None:
            print_results(table, console(soft_wrap=False))
        else:
            print(WRITERS[layout](table, _command(names, {"--metric": metric, **again})))
    elif layout == "json":
        print(as_json(comparison))
    elif layout == "csv":
        write_csv(comparison, sys.stdout)
    else:
        print_tables(comparison, console(soft_wrap=False))


def _command(names: Sequence[str], options: Mapping[str, str | None]) -> str:
    """The command that makes a table again: `last` is another run tomorrow."""
    given = [word for option, value in options.items() if value for word in (option, value)]
    return shlex.join(["rnnx", "compare", *map(lasting_name, names), *given])


def print_results(table: Results, output: Console) -> None:
    """Print a table of results, on a terminal with what its marks mean."""
    for note in table.notes:
        output.print(printable(f"note: {note}"))
    head, rows, legend = text_rows(table)
    first = len(table.row_keys)
    columns = [Column(name, is_number=place >= first) for place, name in enumerate(head)]
    print_table(output, columns, rows, head_in_pipe=True)
    if output.is_terminal:
        for line in legend:
            output.print(printable(line), style="dim")
