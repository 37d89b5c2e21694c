"""``rnnx compare``: prints runs and sweeps side by side as a table, JSON or CSV."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rnnx.comparison.compare import compare
from rnnx.comparison.page import save_page
from rnnx.comparison.table import as_json, print_tables, write_csv
from rnnx.system.files import expanded
from rnnx.training.report import console


def print_comparison(
    names: Sequence[str],
    metric: str,
    form: str | None = None,
    page: str | None = None,
    better: str | None = None,
) -> None:
    """Print a table, or ``form`` json or csv; ``page`` is an HTML file to write as well.

    ``better``: lower or higher; None: what the metric's name says.
    """
    comparison = compare(names, metric, None if better is None else better == "higher")
    if page is not None:
        save_page(comparison, expanded(page))
    if form == "json":
        print(as_json(comparison))
    elif form == "csv":
        write_csv(comparison, sys.stdout)
    else:
        print_tables(comparison, console(soft_wrap=False))
