"""How a command fails: one line and an exit code, whatever happened."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from rnnx.errors import RnnxError
from rnnx.system.text import printable

DEBUG = "RNNX_DEBUG"  # in the environment: tracebacks instead of lines


def debug_option(command: Any) -> Any:
    """``--debug``, for a command that need not look at it."""

    def given(ctx: click.Context, option: click.Parameter, value: bool) -> None:
        if value:
            os.environ[DEBUG] = "1"

    about = f"Show tracebacks of errors (also: {DEBUG}=1)."
    return click.option("--debug", is_flag=True, expose_value=False, callback=given, help=about)(
        command
    )


def guarded(command: click.Command, name: str) -> None:
    """Run a command line whose errors begin with its ``name``: rnnx's own, or a plugin's."""
    for stream in (sys.stdout, sys.stderr):
        # A model writes in its data's alphabet, whatever the terminal's encoding can show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    with told_in_one_line(name):
        command(standalone_mode=False, prog_name=name)


@contextmanager
def told_in_one_line(name: str) -> Iterator[None]:
    """Errors become one line on standard error and the process ends with their code."""
    try:
        with _plugins_named():
            yield
    except click.exceptions.Abort:
        click.echo(f"{name}: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"{name}: {error.format_message()}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader (head, less) has gone, nothing is wrong: keep the last flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        click.echo(
            f"{name}: the memory is full; choose a smaller network or smaller batches", err=True
        )
        sys.exit(1)
    except RnnxError as error:
        if os.environ.get(DEBUG, "") not in ("", "0"):
            raise
        line = " ".join(_short(word) for word in str(error).split())
        click.echo(f"{name}: {printable(line)}", err=True)
        sys.exit(error.exit_code)


@contextmanager
def _plugins_named() -> Iterator[None]:
    """An exception that comes out of a plugin's component names it."""
    try:
        yield
    except (RnnxError, click.ClickException, click.exceptions.Abort, OSError, MemoryError):
        raise
    except Exception as error:
        from rnnx.registry.attribution import attributing  # NumPy's, and so not for --help

        with attributing():
            raise error


def _short(word: str, most: int = 300) -> str:
    """A word that fits on a screen: whoever pasted a whole file as a value knows its inside."""
    return word if len(word) <= most else f"{word[:100]}…{word[-50:]}"
