"""The command line: ``rnnx COMMAND``.

Only click is imported here; a command imports what it needs when it runs, so ``--help`` is quick.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from rnnx.cli import completion
from rnnx.cli.failure import debug_option, guarded
from rnnx.cli.plugin_commands import AUTHORS
from rnnx.system.text import printable
from rnnx.version import __version__

# What Hydra tells of itself behind `rnnx train --info`.
INFO = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rnnx")
@debug_option
def commands() -> None:
    """Experiments with recurrent networks, in NumPy.

    \b
    rnnx train                            an LSTM that invents dinosaur names
    rnnx train cell=gru layers=2          another cell, two layers
    rnnx train dataset=lines dataset.path=names.txt
    rnnx train -m cell=lstm,gru seed=0,1  a sweep
    rnnx ui                               look at the runs
    """


@commands.command(add_help_option=False)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option("-m", "--multirun", is_flag=True, help="A sweep: key=a,b runs both.")
@click.option("--config-dir", type=click.Path(exists=True, file_okay=False, resolve_path=True))
@click.option("-h", "--help", "show_help", is_flag=True)
@click.option("--hydra-help", is_flag=True)
@click.option("-c", "--cfg", type=click.Choice(["job", "hydra", "all"]))
@click.option("-i", "--info", is_flag=False, flag_value="all", type=click.Choice(INFO))
@click.option("-p", "--package")
@click.option("--resolve", is_flag=True)
@debug_option
def train(
    overrides: tuple[str, ...],
    multirun: bool,
    config_dir: str | None,
    **look: str | bool | None,
) -> None:
    """Train a network: rnnx train [KEY=VALUE …] [-m].

    Keys and their values: rnnx train --help, rnnx train --cfg job.
    """
    if look.pop("show_help"):
        from rnnx.cli.train_help import show

        show()
        return
    from rnnx.cli.hydra_app import main as application

    flags: list[str] = []
    for name, value in look.items():
        if value:
            option = "--" + name.replace("_", "-")
            flags += [option] if value is True else [option, str(value)]
    # A folder of one's own configurations is one more place where Hydra searches.
    folder = [f"hydra.searchpath=[file://{config_dir}]"] if config_dir else []
    sys.exit(application([*folder, *overrides], multirun, flags))


def _with_overrides(command: Any) -> Any:
    return click.argument("overrides", nargs=-1)(command)


@commands.command()
@click.argument("run")
@_with_overrides
@debug_option
def resume(run: str, overrides: tuple[str, ...]) -> None:
    """Go on with RUN after it was stopped or killed, or to more steps: rnnx resume RUN steps=N.

    The result is that of a run which was never stopped, bit for bit.
    """
    from rnnx.cli.runs import resume as resume_run

    sys.exit(resume_run(run, overrides))


@commands.command()
@click.argument("run")
@debug_option
def sync(run: str) -> None:
    """Send what RUN's tracker did not get while it was away."""
    from rnnx.cli.runs import sync as sync_run

    sync_run(run)


@commands.command()
@click.argument("run")
@click.option("--count", default=10, show_default=True, help="How many texts.")
@click.option("--prompt", default="", help="What each text begins with.")
@click.option("--sampler", help="A sampler by name (default: the run's own).")
@click.option("--temperature", type=float, help="The sampler's temperature.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="A sampler's field.")
@click.option("--length", type=int, help="The longest text in symbols (default: the run's).")
@click.option("--seed", default=0, show_default=True, help="Equal seeds, equal texts.")
@debug_option
def sample(
    run: str,
    count: int,
    prompt: str,
    sampler: str | None,
    temperature: float | None,
    fields: tuple[str, ...],
    length: int | None,
    seed: int,
) -> None:
    """Write new texts with the model of RUN.

    RUN is a run's id, the beginning of one, `last`, a run's folder or a checkpoint file.
    """
    from rnnx.cli.models import sample as sample_model

    given = [*fields, *([f"temperature={temperature}"] if temperature is not None else [])]
    at_terminal = sys.stdout.isatty()
    for text in sample_model(run, count, prompt, sampler, given, length, seed):
        click.echo(printable(text, "\n\t") if at_terminal else text)


@commands.command()
@click.argument("run")
@_with_overrides
@debug_option
def evaluate(run: str, overrides: tuple[str, ...]) -> None:
    """Measure RUN on its held-out data, or on another: dataset=lines dataset.path=FILE."""
    from rnnx.cli.models import evaluate as evaluate_model

    for label, value in evaluate_model(run, overrides):
        click.echo(f"{label}: {value}")


@commands.command()
@_with_overrides
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many, newest first.",
)
@debug_option
def runs(overrides: tuple[str, ...], limit: int) -> None:
    """List the last runs: id, status, best held-out loss, overrides."""
    from rnnx.cli.runs import show_runs

    show_runs(overrides, limit)


@commands.command()
@click.argument("names", nargs=-1, required=True, metavar="SWEEP_OR_RUNS...")
@click.option("--metric", default="best/val_loss", show_default=True, help="What to rank by.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--html", "page", type=click.Path(dir_okay=False), help="Write a page with figures.")
@debug_option
def compare(names: tuple[str, ...], metric: str, **how: str | None) -> None:
    """Set runs and whole sweeps side by side, the best first.

    Each is an id, the beginning of one, or a folder; `last`: the newest run and its sweep.
    """
    from rnnx.comparison.printing import print_comparison

    print_comparison(names, metric, **how)


@commands.command()
@_with_overrides
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="The port to serve on.",
)
@debug_option
def ui(overrides: tuple[str, ...], port: int) -> None:
    """Open the tracker's own UI on 127.0.0.1, on the store that training writes to."""
    from rnnx.cli.ui import open_ui

    sys.exit(open_ui(list(overrides), port))


for _command in AUTHORS:
    commands.add_command(_command)


def main() -> None:
    """The command line."""
    guarded(commands, "rnnx")
