"""How a command fails: one line on standard error and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import click

from rnnx.errors import RnnxError
from rnnx.system.secrets import masked
from rnnx.system.signals import interrupted
from rnnx.system.text import one_line, printable, replace_unprintable

DEBUG = "RNNX_DEBUG"  # the environment variable that asks for tracebacks


def debug_option(command: Any) -> Any:
    """Add ``--debug`` to a command, which need not take it as an argument."""

    def set_debug(ctx: click.Context, option: click.Parameter, value: bool) -> None:
        if value:
            os.environ[DEBUG] = "1"

    about = f"Show tracebacks of errors (also: {DEBUG}=1)."
    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=set_debug, help=about
    )(command)


def guarded(command: click.Command, name: str) -> None:
    """Run a command line, of rnnx or of a plugin; every error is one line after its ``name``."""
    replace_unprintable()
    sys.excepthook = _print_traceback
    with errors_in_one_line(name):
        command(standalone_mode=False, prog_name=name)


@contextmanager
def errors_in_one_line(name: str) -> Iterator[None]:
    """Print an error as one line on standard error and end the process with its exit code."""
    try:
        with _after_interruption(), _naming_plugins():
            yield
    except click.exceptions.Abort:
        _say(f"{name}: interrupted")
        sys.exit(130)
    except click.ClickException as error:
        _say(f"{name}: {printable(masked(error.format_message()))}")
        sys.exit(2)
    except BrokenPipeError:
        # The reader (head, less) is gone, which is no error: the last flush must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _say(f"{name}: the memory is full; choose a smaller network or smaller batches")
        sys.exit(1)
    except OSError as error:
        if _debugging():
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        todo = "correct this, or name another place"
        _say(f"{name}: {printable(masked(where + (error.strerror or str(error))))}; {todo}")
        sys.exit(2)
    except RnnxError as error:
        if _debugging():
            raise
        line = " ".join(_truncated(word) for word in str(error).split())
        _say(f"{name}: {printable(masked(line))}")
        sys.exit(error.exit_code)
    except Exception as error:
        if _debugging():
            raise
        told = "add --debug for its traceback, and report it"
        _say(f"{name}: {printable(masked(one_line(error)))}; this is a fault of {name}: {told}")
        sys.exit(1)


@contextmanager
def _after_interruption() -> Iterator[None]:
    """Ctrl-C stays Ctrl-C where a library turns KeyboardInterrupt into an error of its own."""
    try:
        yield
    except Exception as error:
        if interrupted():
            raise click.exceptions.Abort from error
        raise


def _say(line: str) -> None:
    # Not click.echo: that writes UTF-8 to an ASCII terminal.
    print(line, file=sys.stderr)


def _debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


@contextmanager
def _naming_plugins() -> Iterator[None]:
    """An exception of a component becomes one that names the component and its plugin."""
    try:
        yield
    except (RnnxError, click.ClickException, click.exceptions.Abort, OSError, MemoryError):
        raise
    except Exception as error:
        from rnnx.registry.attribution import attributing  # imports NumPy: not for --help

        with attributing():
            raise error


def _print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback as Python does, without passwords."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def _truncated(word: str, most: int = 300) -> str:
    """Truncate a very long word, such as a whole file that was pasted as a value."""
    return word if len(word) <= most else f"{word[:100]}…{word[-50:]}"
