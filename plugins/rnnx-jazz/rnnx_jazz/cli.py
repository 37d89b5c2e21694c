"""The command line: ``rnnx-jazz improvise``, ``measure`` and ``inspect``.

Only click is imported here; a command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from rnnx import guarded, printable

KINDS = (".mid", ".musicxml", ".wav", ".png", ".txt")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks of errors (also: RNNX_DEBUG=1).")
def commands(debug: bool) -> None:
    """Jazz solos by a network that rnnx has trained.

    \b
    rnnx train experiment=jazz                  learn from the embedded lead sheets
    rnnx-jazz improvise last --chords "Dm7 | G7 | Cmaj7 | %"
    rnnx-jazz measure last                      what 24 solos come to
    rnnx-jazz inspect tune.mid                  what is in a file of music
    """
    if debug:
        os.environ["RNNX_DEBUG"] = "1"


@commands.command()
@click.argument("run")
@click.option("--chords", help="A chart: bars between |, a repeated bar %. Default: a blues in C.")
@click.option("--chart", help="A file (.abc, .musicxml, .mid) whose chords are taken.")
@click.option("--tune", type=click.IntRange(1), default=1, help="Which tune of that file.")
@click.option("--bars", type=int, default=0, help="The chart again and again; 0: once.")
@click.option("--metre", default="4/4", show_default=True, help="Of --chords.")
@click.option("--tempo", type=click.FloatRange(10, 600), help="Default: the file's, or 130.")
@click.option("--temperature", type=float, default=0.8, show_default=True)
@click.option("--memory", type=float, default=0.18, show_default=True, help="Of one's own figures.")
@click.option("--swing", type=float, default=0.62, show_default=True, help="0.5 is straight.")
@click.option("--accents/--no-accents", default=True, show_default=True, help="Louder and softer.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Equal seeds, equal solos.")
@click.option("--out", multiple=True, metavar="FILE", help=f"One of {' '.join(KINDS)}; several.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def improvise(
    run: str,
    chords: str | None,
    chart: str | None,
    tune: int,
    bars: int,
    metre: str,
    tempo: float | None,
    temperature: float,
    memory: float,
    swing: float,
    accents: bool,
    seed: int,
    out: tuple[str, ...],
    debug: bool,
) -> None:
    """Improvise with the model of RUN over a chart that it need not have seen.

    RUN is a run's id, the beginning of one, `last`, a run's folder or a checkpoint file. Writes
    solo.mid, or what --out names; prints what was written.
    """
    from rnnx_jazz import commands as work

    _debug(debug)
    asked = work.Asked(chords, chart, tune, bars, metre, tempo)
    how = work.How(temperature, memory, swing, accents, seed)
    for line in work.remarks_on(asked):
        click.echo(f"rnnx-jazz: {_shown(line)}", err=True)
    for line in work.improvise(run, asked, how, [Path(p) for p in out]):
        click.echo(_shown(line))


@commands.command()
@click.argument("run")
@click.option("--chords", help="A chart: bars between |, a repeated bar %. Default: a blues in C.")
@click.option("--bars", type=int, default=24, show_default=True, help="The chart again and again.")
@click.option("--metre", default="4/4", show_default=True, help="Of --chords.")
@click.option("--solos", type=click.IntRange(1, 1000), default=24, show_default=True)
@click.option("--temperature", type=float, default=0.8, show_default=True)
@click.option("--memory", type=float, default=0.18, show_default=True, help="Of one's own figures.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def measure(
    run: str,
    chords: str | None,
    bars: int,
    metre: str,
    solos: int,
    temperature: float,
    memory: float,
    debug: bool,
) -> None:
    """Measure solos by the model of RUN, with the seeds 0, 1, 2 …

    Prints the mean of each measure, what it has to reach, and beside it what solos by a bigram
    and the tunes that the run was trained on come to.
    """
    from rnnx_jazz import commands as work

    _debug(debug)
    asked = work.Asked(chords, None, 1, bars, metre, None)
    for line in work.measure(run, asked, solos, temperature, memory):
        click.echo(_shown(line))


@commands.command()
@click.argument("file")
@click.option("--tune", type=click.IntRange(1), default=1, show_default=True)
@click.option("--melody", default="", help="The melody's part: number, name or a piece of it.")
@click.option("--comp", default="", help="The accompaniment's parts, with commas.")
@click.option("--chord-window", type=float, default=0.5, show_default=True, help="Of a bar.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def inspect(file: str, tune: int, melody: str, comp: str, chord_window: float, debug: bool) -> None:
    """List the parts, bars, chords and tokens of a file of music."""
    from rnnx_jazz import commands as work

    _debug(debug)
    for line in work.inspect(file, tune, melody, comp, chord_window):
        click.echo(_shown(line))


def _shown(line: str) -> str:
    return printable(line, "\n\t") if sys.stdout.isatty() else line


def _debug(debug: bool) -> None:
    if debug:
        os.environ["RNNX_DEBUG"] = "1"


def main() -> None:
    """The command line: errors become one line and an exit code."""
    guarded(commands, "rnnx-jazz")
