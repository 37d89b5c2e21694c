"""``rnnx reproduce``: runs published tables, and prints published beside measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from rnnx.cli.hydra_app import main as application
from rnnx.comparison.published import Table, table_named, table_names, with_rows
from rnnx.comparison.reproduced import print_entries, refuse_nowhere, section, write_section
from rnnx.config.overrides import parse
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.reproducing import entries, sweep_words
from rnnx.system.files import expanded
from rnnx.system.table import Column, print_table
from rnnx.system.text import printable
from rnnx.training.report import console

ALL = "all"


class _Asked(NamedTuple):
    """What the command asks of each table."""

    command: Sequence[str]  # its words behind the table's name, without --jobs and --write
    typed: Sequence[str]  # overrides
    quick: bool
    jobs: int | None
    write: str | None
    dry_run: bool


def list_tables() -> None:
    """Print what can be reproduced."""
    columns = [Column(name) for name in ("name", "title", "source", "needs")]
    rows = []
    for name in table_names():
        table = table_named(name)
        rows.append([name, table.title, table.source, ", ".join(table.needs)])
    print_table(console(soft_wrap=False), columns, rows, ["source"], expendable=["source"])


def reproduce(
    name: str,
    typed: Sequence[str],
    quick: bool = False,
    jobs: int | None = None,
    write: str | None = None,
    dry_run: bool = False,
    row: Sequence[str] = (),
) -> int:
    """Run the table ``name``, or all of them; the highest exit code of their sweeps.

    ``row``: only the rows of these names.
    """
    parse(typed, several=True)  # a wrong override is one line, before anything else
    if write is not None:
        refuse_nowhere(expanded(write))
    if row and name == ALL:
        raise ConfigError("--row: names a row of one table; name the table, not all")
    if name != ALL:
        table = with_rows(table_named(name), row)
        if lacking := _lacking(table, typed):
            raise ConfigError(f"reproduce {name}: {lacking}")
        command = [*(["--quick"] if quick else []), *(w for one in row for w in ("--row", one))]
        return _run(table, _Asked([*command, *typed], typed, quick, jobs, write, dry_run))
    asked = _Asked([*(["--quick"] if quick else []), *typed], typed, quick, jobs, write, dry_run)
    code = 0
    for table in map(table_named, table_names()):
        if lacking := _lacking(table, typed):
            print(printable(f"rnnx: {table.name} is left out: {lacking}"), file=sys.stderr)
            continue
        print(printable(f"{table.name}: {table.title}"))
        code = max(code, _run(table, asked))
        if code >= 128:  # stopped by a signal
            break
    return code


def _lacking(table: Table, typed: Sequence[str]) -> str:
    """What the user has to give and has not; empty if it is nothing."""
    given = {text.partition("=")[0] for text in typed}
    needed = (f"add {key}=FILE, {what}" for key, what in table.needs.items() if key not in given)
    return "; ".join(needed)


def _run(table: Table, asked: _Asked) -> int:
    opened: list[Sweep] = []
    words = sweep_words(table, asked.quick, asked.typed)
    side_by_side = [] if asked.jobs is None else [f"jobs={asked.jobs}"]
    code = application([*words, *side_by_side], True, (), asked.dry_run, opened.append)
    if asked.dry_run or code >= 128 or not opened:
        return code
    found = entries(table, asked.quick, asked.typed, opened[0])
    print_entries(table, found, console(soft_wrap=False))
    if asked.write is not None:
        text = section(table, found, ["rnnx", "reproduce", table.name, *asked.command])
        write_section(expanded(asked.write), table, text)
        print(printable(f"wrote {asked.write}"))
    return code
