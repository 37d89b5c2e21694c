"""The command line's words for plugin authors: new-plugin, check, plugins and its doctor.

As in cli.py, only click is imported here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click


def _debug(command: Any) -> Any:
    """``--debug`` for a command that does not look at it itself."""

    def given(ctx: click.Context, option: click.Parameter, value: bool) -> None:
        if value:
            os.environ["RNNX_DEBUG"] = "1"

    about = "Show tracebacks of errors."
    return click.option("--debug", is_flag=True, expose_value=False, callback=given, help=about)(
        command
    )


# The kinds as a choice of click's would need the contracts, and so NumPy, for --help.
@click.command(name="new-plugin")
@click.argument("name")
@click.option("--kind", default="cell", show_default=True, help="Any kind of `rnnx plugins`.")
@_debug
def new_plugin(name: str, kind: str) -> None:
    """Write a plugin's whole project into the folder NAME; its tests pass at once."""
    from rnnx.registry import kind_named
    from rnnx.scaffold import new_plugin as write

    for path in write(name, kind_named(kind), Path()):
        click.echo(path)
    click.echo(f"next: cd {name} && pip install -e '.[test]' && pytest")


@click.command()
@click.argument("kind")
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@_debug
def check(kind: str, name: str, fields: tuple[str, ...]) -> None:
    """Check a component against its contract: rnnx check cell NAME hidden_size=3.

    Every check is named, counted and timed, and what fails is told in numbers; exit code 1 then.
    """
    from rnnx.checking import check as conduct_all
    from rnnx.registry import kind_named

    sys.exit(conduct_all(kind_named(kind), name, fields))


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit 1 if any plugin failed.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, strict: bool) -> None:
    """List all components, where they came from, and what failed."""
    if ctx.invoked_subcommand is None:
        from rnnx import commands as work

        sys.exit(work.show_plugins(as_json, strict))


@plugins.command()
@_debug
def doctor() -> None:
    """Explain what is wrong with a plugin, and what to do; exit code 1 if something is."""
    from rnnx.doctor import doctor as examine

    sys.exit(examine())


AUTHORS = (new_plugin, check, plugins)
