"""The command line: ``rnnx COMMAND``.

Only click is imported here. A command imports what it needs when it runs, so ``--help`` is quick.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import click

from rnnx.cli import completion
from rnnx.cli.arguments import RUN, WHOLE_RUN, UserPath
from rnnx.cli.failure import debug_option, guarded
from rnnx.cli.plugin_commands import AUTHORS
from rnnx.cli.table_command import reproduce
from rnnx.system.files import expanded
from rnnx.system.output import lasting_output
from rnnx.system.text import printable
from rnnx.version import __version__

# The values of Hydra's option --info.
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
    rnnx ui                               the tracker's pages on all runs
    """


@commands.command(add_help_option=False)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option("-m", "--multirun", is_flag=True, help="A sweep: key=a,b runs both.")
@click.option("--dry-run", is_flag=True, help="List the jobs of a sweep, train none.")
@click.option("--config-dir", type=UserPath(exists=True, file_okay=False, resolve_path=True))
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
    dry_run: bool,
    config_dir: str | None,
    **look: str | bool | None,
) -> None:
    """Train a network: rnnx train [KEY=VALUE …] [-m].

    rnnx train --help lists the keys, rnnx train --cfg job their values.
    """
    if look.pop("show_help"):
        from rnnx.cli.train_help import show

        show()
        return
    from rnnx.cli.hydra_app import main as application
    from rnnx.config.overrides import searchpath

    flags: list[str] = []
    for name, value in look.items():
        if value:
            option = "--" + name.replace("_", "-")
            flags += [option] if value is True else [option, str(value)]
    # Hydra searches the user's own folder of recipes after that of rnnx.
    folder = [searchpath(config_dir)] if config_dir else []
    with lasting_output():
        code = application([*folder, *overrides], multirun, flags, dry_run)
    sys.exit(code)


NGRAM = "Mix in n-grams of the training data, of this weight, 0 to 1 (0.5: the mean of both)."
_ngram = click.option(
    "--ngram", type=click.FloatRange(0, 1), default=0.0, metavar="WEIGHT", help=NGRAM
)


def _with_overrides(command: Any) -> Any:
    return click.argument("overrides", nargs=-1)(command)


@commands.command(epilog=WHOLE_RUN)
@click.argument("run")
@_with_overrides
@debug_option
def resume(run: str, overrides: tuple[str, ...]) -> None:
    """Resume RUN after it was stopped or killed, or to more steps.

    rnnx resume RUN steps=N trains until step N. A resumed run equals one that was never stopped,
    bit for bit.
    """
    from rnnx.cli.runs import resume as resume_run

    with lasting_output():
        code = resume_run(run, overrides)
    sys.exit(code)


@commands.command(epilog=WHOLE_RUN)
@click.argument("run")
@_with_overrides
@debug_option
def sync(run: str, overrides: tuple[str, ...]) -> None:
    """Send RUN's tracker the points and files that it lacks.

    A store that has the run no more gets it whole. With tracker.uri=… or tracker.experiment=… the
    run goes to that store from now on.
    """
    from rnnx.cli.runs import sync as sync_run

    sync_run(run, overrides)


@commands.command(epilog=RUN)
@click.argument("run")
@click.option("--count", default=10, show_default=True, help="The number of texts.")
@click.option("--prompt", default="", help="The beginning of every text.")
@click.option("--sampler", help="A sampler by name (default: the run's own).")
@click.option("--temperature", type=float, help="The sampler's temperature.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="A sampler's field.")
@click.option("--length", type=int, help="The most symbols of a text (default: the run's).")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same texts.")
@_ngram
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
    ngram: float,
) -> None:
    """Write new texts with the model of RUN."""
    from rnnx.cli.models import sample as sample_model

    given = [*fields, *([f"temperature={temperature}"] if temperature is not None else [])]
    at_terminal = sys.stdout.isatty()
    for text in sample_model(run, count, prompt, sampler, given, length, seed, ngram):
        print(printable(text, "\n\t") if at_terminal else text)


@commands.command()
@click.argument("names", nargs=-1, required=True, metavar="SWEEP_OR_RUNS...")
@click.option("--step", type=click.IntRange(1), help="The step (default: each run's last one).")
@click.option("--diff", is_flag=True, help="Mark the differences, by character.")
@click.option("--under", metavar="RUN", help="Measure surprise under this run's model.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=8, show_default=True, help="Texts a column."
)
@debug_option
def samples(
    names: tuple[str, ...], step: int | None, diff: bool, under: str | None, limit: int
) -> None:
    """Show the samples that runs drew, side by side.

    One run is shown at all of its steps, several at one. Each character is coloured by its
    surprise under the model that wrote it; below a text are its mean surprise and the longest
    part of it that stands in the training data. With --diff, texts are compared with those of the
    step before, or of the first run.
    """
    from rnnx.comparison.samples_printing import print_samples

    print_samples(names, step, diff, under, limit)


@commands.command(epilog=RUN)
@click.argument("run")
@_with_overrides
@_ngram
@debug_option
def evaluate(run: str, overrides: tuple[str, ...], ngram: float) -> None:
    """Measure the loss of RUN on its held-out or on other data.

    Other data: rnnx evaluate RUN dataset=lines dataset.path=FILE. All of it is measured.
    With --ngram the loss of the n-grams alone and that of both together are printed, too.
    """
    from rnnx.cli.models import evaluate as evaluate_model

    for label, value in evaluate_model(run, overrides, ngram):
        print(f"{label}: {value}")


@commands.command(epilog=RUN)
@click.argument("run")
@click.argument("file", type=UserPath(allow_dash=True))
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@debug_option
def predict(run: str, file: str, form: str | None) -> None:
    """Predict from new data with the model of RUN.

    FILE has a text a line, or is as the model's own data is, with its targets or without; the rows
    of a CSV file; or the array x of a .npy or .npz file. - is standard input.
    """
    from rnnx.cli.predictions import predict as predict_file

    predict_file(run, file, form)


@commands.command()
@_with_overrides
@click.option(
    *("-n", "--limit"),
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="The number of runs, newest first.",
)
@debug_option
def runs(overrides: tuple[str, ...], limit: int) -> None:
    """List runs: id, status, best held-out loss, start, overrides."""
    from rnnx.cli.runs import show_runs

    show_runs(overrides, limit)


@commands.command()
@click.argument("names", nargs=-1, required=True, metavar="SWEEP_OR_RUNS...")
@click.option("--metric", help="The metric to rank by (default: what the runs monitored).")
@click.option("--better", type=click.Choice(["lower", "higher"]), help="Default: the metric's own.")
@click.option("--json", "forms", flag_value="json", multiple=True, help="Print JSON.")
@click.option("--csv", "forms", flag_value="csv", multiple=True, help="Print CSV.")
@click.option("--rows", metavar="KEYS", help="A table of results: keys down, as cell,layers.")
@click.option("--columns", metavar="KEYS", help="A table of results: keys across, as dataset.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["latex", "markdown", "html", "csv", "json"]),
    help="Print the table of results so.",
)
@click.option("--html", "page", type=UserPath(dir_okay=False), help="Write a page with figures.")
@debug_option
def compare(names: tuple[str, ...], forms: tuple[str, ...], **how: str | None) -> None:
    """Compare runs and whole sweeps, the best first.

    Runs that differ in their seed alone are a group, with mean, spread, a 95 % interval, and
    whether its seeds tell it from the best group. With --rows or --columns the groups become a
    table for a paper: the best of a column in bold, what is not told apart from it underlined.

    Name each by its id, the beginning of one, or its folder. `last` is the newest run, with all
    runs of its sweep.
    """
    if len(set(forms)) > 1:
        raise click.UsageError("--json and --csv: choose one of them")
    from rnnx.comparison.printing import print_comparison

    print_comparison(names, form=next(iter(forms), None), **how)


@commands.command()
@click.argument("names", nargs=-1, required=True, metavar="SWEEP_OR_RUNS...")
@click.option(
    "-o",
    "--output",
    type=UserPath(dir_okay=False),
    default="report.html",
    show_default=True,
    help="The file to write.",
)
@debug_option
def report(names: tuple[str, ...], output: str) -> None:
    """Write all about runs and sweeps into one page.

    It has the page of the comparison with settings, environment, commands, and the images of
    probes. It loads nothing, so that it can be sent to others.
    """
    from rnnx.comparison.report import write_report

    write_report(names, expanded(output))
    print(printable(f"wrote {output}"))


@commands.command(epilog=WHOLE_RUN)
@click.argument("run")
@click.option("-o", "--output", type=UserPath(dir_okay=False), help="A file (default: stdout).")
@click.option("--license", "license_id", metavar="ID", help="The Hub's name of its licence.")
@click.option("--dataset", "datasets", multiple=True, metavar="ID", help="A data set on the Hub.")
@debug_option
def card(run: str, output: str | None, license_id: str | None, datasets: tuple[str, ...]) -> None:
    """Write the model card of RUN for the Hugging Face Hub.

    Every section is made from the run: what the model is, how it was trained, data, results,
    samples, how to use it, limits and environment.
    """
    from rnnx.comparison.card import card as make_card
    from rnnx.comparison.report import write_text

    text = make_card(run, license_id, datasets)
    if output is None:
        print(text, end="")
    else:
        write_text(text, expanded(output))
        print(printable(f"wrote {output}"))


@commands.command()
@click.argument("words", nargs=-1, metavar="[RUN_OR_SWEEP] [KEY=VALUE]...")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="The port to serve on.",
)
@debug_option
def ui(words: tuple[str, ...], port: int) -> None:
    """Open the tracker's own pages, on 127.0.0.1.

    They show charts of the newest runs, or of the run or the sweep that is named by its id, the
    beginning of one, or its folder. `last` is the newest run, or its sweep.
    """
    from rnnx.cli.ui import open_ui

    is_named = bool(words) and ("=" not in words[0] or expanded(words[0]).exists())
    name = words[0] if is_named else None
    sys.exit(open_ui(name, words[is_named:], port))


for _command in (reproduce, *AUTHORS):
    commands.add_command(_command)


def main() -> None:
    """The command line."""
    # Imports make many objects and hardly any garbage: at Python's own 700 the collector takes a
    # sixth of the time of a start. A training step leaves it nothing (test_allocation.py).
    gc.set_threshold(10_000)
    guarded(commands, "rnnx")
