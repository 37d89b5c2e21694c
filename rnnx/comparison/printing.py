"""``rnnx compare``: runs and sweeps side by side, in the form that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rnnx.comparison.compare import compare
from rnnx.comparison.page import save
from rnnx.comparison.table import as_json, show, write_csv
from rnnx.system.files import expanded
from rnnx.training.report import console


def print_comparison(
    names: Sequence[str], metric: str, form: str | None = None, page: str | None = None
) -> None:
    """Print a table, or ``form`` json or csv; ``page`` is an HTML file to write as well."""
    found = compare(names, metric)
    if page is not None:
        save(found, expanded(page))
    if form == "json":
        print(as_json(found))
    elif form == "csv":
        write_csv(found, sys.stdout)
    else:
        show(found, console(soft_wrap=False))
