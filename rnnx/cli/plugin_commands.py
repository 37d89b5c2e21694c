"""The command line's words for plugin authors, and for all who look a component up.

As in cli.py, only click is imported here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rnnx.cli import completion
from rnnx.cli.failure import debug_option


# The kinds as a choice of click's would need the contracts, and so NumPy, for --help.
@click.command(name="new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    default="cell",
    show_default=True,
    shell_complete=completion.kinds,
    help="Any kind of `rnnx plugins`.",
)
@debug_option
def new_plugin(name: str, kind: str) -> None:
    """Write a plugin's whole project into the folder NAME; its tests pass at once."""
    from rnnx.cli.scaffold import new_plugin as write
    from rnnx.registry.registry import kind_named

    for path in write(name, kind_named(kind), Path()):
        click.echo(path)
    click.echo(f"next: cd {name} && pip install -e '.[test]' && pytest")


@click.command()
@click.argument("kind", shell_complete=completion.kinds)
@click.argument("name", shell_complete=completion.names)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@debug_option
def check(kind: str, name: str, fields: tuple[str, ...]) -> None:
    """Check a component against its contract: rnnx check cell NAME hidden_size=3.

    Every check is named, counted and timed, and what fails is told in numbers; exit code 1 then.
    """
    from rnnx.cli.check import check as conduct_all
    from rnnx.registry.registry import kind_named

    sys.exit(conduct_all(kind_named(kind), name, fields))


@click.command()
@click.argument("kind", shell_complete=completion.kinds)
@click.argument("name", shell_complete=completion.names)
@debug_option
def describe(kind: str, name: str) -> None:
    """Tell all about a component: equations, hyperparameters, ranges, owner."""
    from rnnx.registry.description import describe as tell
    from rnnx.registry.registry import kind_named

    tell(kind_named(kind), name)


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def shell_completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes rnnx's words: eval "$(rnnx completion bash)".

    In zsh likewise; in fish: rnnx completion fish | source.
    """
    click.echo(completion.source(ctx.find_root().command, shell))


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit 1 if any plugin failed.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, strict: bool) -> None:
    """List all components, where they came from, and what failed."""
    if ctx.invoked_subcommand is None:
        from rnnx.cli.plugin_list import show_plugins

        sys.exit(show_plugins(as_json, strict))


@plugins.command()
@debug_option
def doctor() -> None:
    """Explain what is wrong with a plugin, and what to do; exit code 1 if something is."""
    from rnnx.cli.doctor import doctor as examine

    sys.exit(examine())


AUTHORS = (new_plugin, check, describe, plugins, shell_completion)
