"""Commands for plugin authors and for whoever looks a component up.

As in main.py, only click is imported here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rnnx.cli import completion
from rnnx.cli.failure import debug_option


# --kind is no click.Choice: that would import the contracts, and so NumPy, for --help.
@click.command(name="new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    default="cell",
    show_default=True,
    shell_complete=completion.kinds,
    help="The kind of its component, as in `rnnx plugins`.",
)
@click.option(
    "--targets",
    is_flag=True,
    help="With --kind dataset or head: one of targets other than the next symbol.",
)
@debug_option
def new_plugin(name: str, kind: str, targets: bool) -> None:
    """Write the project of a new plugin into the folder NAME.

    It has one component of the kind, its tests, which pass, a recipe and a CI workflow.
    """
    from rnnx.cli.scaffold import new_plugin as write
    from rnnx.registry.registry import kind_named

    for path in write(name, kind_named(kind), Path(), targets):
        click.echo(path)
    click.echo(f"next: cd {name} && pip install -e '.[test]' && pytest")


@click.command()
@click.argument("kind", shell_complete=completion.kinds)
@click.argument("name", shell_complete=completion.names)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@debug_option
def check(kind: str, name: str, fields: tuple[str, ...]) -> None:
    """Check a component against its contract.

    As in rnnx check cell NAME hidden_size=3. Prints every check with its number of comparisons
    and its time, and each failure in numbers. The exit code is 1 if a check fails.
    """
    from rnnx.cli.check import check as conduct_all
    from rnnx.registry.registry import kind_named

    sys.exit(conduct_all(kind_named(kind), name, fields))


@click.command()
@click.argument("kind", shell_complete=completion.kinds, required=False)
@click.argument("name", shell_complete=completion.names, required=False)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--all", "every", is_flag=True, help="Compare all cells in one table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@debug_option
def describe(
    kind: str | None, name: str | None, fields: tuple[str, ...], every: bool, as_json: bool
) -> None:
    """Describe a component: equations, hyperparameters, owner.

    For a cell also which way its gates point, and what it costs: as in rnnx describe cell NAME
    hidden_size=64 n_x=27. rnnx describe --all hidden_size=64 lists the costs of all cells.
    """
    from rnnx.cli.describe import describe as print_description

    print_description([word for word in (kind, name, *fields) if word], every, as_json)


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def shell_completion(ctx: click.Context, shell: str) -> None:
    """Print the script for completion in your shell.

    In Bash: eval "$(rnnx completion bash)"; in zsh likewise; in fish: rnnx completion fish |
    source.
    """
    click.echo(completion.source(ctx.find_root().command, shell))


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit 1 if any plugin failed.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, strict: bool) -> None:
    """List all components with their owners, and what failed."""
    if ctx.invoked_subcommand is None:
        from rnnx.cli.plugin_list import show_plugins

        sys.exit(show_plugins(as_json, strict))


@plugins.command()
@debug_option
def doctor() -> None:
    """Explain what is wrong with plugins, and what to do.

    The exit code is 1 if something is wrong.
    """
    from rnnx.cli.doctor import doctor as examine

    sys.exit(examine())


AUTHORS = (new_plugin, check, describe, plugins, shell_completion)
