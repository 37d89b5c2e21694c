"""The command for published tables. As in main.py, only click is imported here."""

from __future__ import annotations

import sys
from typing import Any

import click

from rnnx.cli import completion
from rnnx.cli.arguments import UserPath
from rnnx.cli.failure import debug_option
from rnnx.system.output import lasting_output


@click.command()
@click.argument("name", required=False, metavar="[NAME|all]", shell_complete=completion.tables)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--quick", is_flag=True, help="Smaller budgets, which the table says.")
@click.option("--row", multiple=True, metavar="NAME", help="Only this row; give it several times.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at once (default: one a processor).")
@click.option("--dry-run", is_flag=True, help="List the runs, train none.")
@click.option("--write", type=UserPath(dir_okay=False), help="Put the table into this page.")
@debug_option
def reproduce(name: str | None, overrides: tuple[str, ...], **how: Any) -> None:
    """Train the rows of a published table, and print published beside measured.

    Without NAME it lists the tables. Given again, it trains what has not finished. KEY=VALUE takes
    the place of the table's own, as in seed=0,1,2,3,4.
    """
    from rnnx.cli.reproduce import list_tables
    from rnnx.cli.reproduce import reproduce as reproduce_table

    if name is None:
        list_tables()
        return
    with lasting_output():
        code = reproduce_table(name, overrides, **how)
    sys.exit(code)
