"""``rnnx check``: the conformance kit in a terminal, each failure in numbers."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.errors import ConfigError, InputError
from rnnx.registry.manager import registry
from rnnx.system.text import printable
from rnnx.testing.suite import COMPARISONS, Check, CheckFailed, NotApplicable, conduct


class CheckResult(NamedTuple):
    """The result of one check."""

    name: str  # "gradients_of_ids"
    status: str  # passed, FAILED or does not apply
    comparisons: int
    seconds: float
    reason: str  # what failed, or why it does not apply


def check(kind: str, name: str, fields: Sequence[str]) -> int:
    """Run and print every check of a component with ``field=value``s; 1 if one fails."""
    from rnnx.testing import CHECKS

    component = component_from(kind, {"name": name, **_values(fields)})
    owner = registry().get(kind, name).owner
    print(printable(f"{kind} {name} of {owner}: {component!r}"))
    results = []
    with _empty_folder(kind):
        for one in CHECKS[kind]:
            results.append(_run(one, component))
            _print(results[-1])
    failed = sum(result.status == "FAILED" for result in results)
    skipped = sum(result.status == "does not apply" for result in results)
    seconds = sum(result.seconds for result in results)
    total = sum(result.comparisons for result in results)
    more = f", {skipped} do not apply" if skipped else ""
    print(
        f"{len(results) - failed - skipped} passed, {failed} failed{more}: "
        f"{total:,} comparisons in {seconds:.1f} s"
    )
    return 1 if failed else 0


def _values(fields: Sequence[str]) -> dict[str, str]:
    values = {}
    for text in fields:
        key, equals, value = text.partition("=")
        if not equals or key == "name":
            raise ConfigError(f"{text}: is not of the form FIELD=VALUE, as in hidden_size=3")
        values[key] = value
    return values


@contextmanager
def _empty_folder(kind: str) -> Iterator[None]:
    """Work in an empty folder that is removed at the end, where a tracker is checked: it writes."""
    if kind != "tracker":
        yield
        return
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


def _run(one: Check, component: Any) -> CheckResult:
    name, before, began = (
        one.__name__.removeprefix("check_"),
        COMPARISONS.count,
        time.perf_counter(),
    )
    status, reason = "passed", ""
    try:
        conduct(one, component)
    except NotApplicable as why:
        status, reason = "does not apply", str(why)
    except CheckFailed as failure:
        status, reason = "FAILED", str(failure)
    except InputError:  # a file that is not there, a store that does not answer
        raise
    except Exception as error:  # whatever a component raises
        status, reason = "FAILED", f"raised {type(error).__name__}: {error}{_place(error)}"
    return CheckResult(
        name, status, COMPARISONS.count - before, time.perf_counter() - began, reason
    )


def _place(error: Exception) -> str:
    """The innermost line that is not of an installed library."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if "site-packages" not in frame.filename][-1]
    return f" (in {last.name}, {Path(last.filename).name}:{last.lineno})"


def _print(result: CheckResult) -> None:
    name, status, count = result.name, result.status, f"{result.comparisons:,}"
    print(f"  {name:<28} {status:<14} {count:>9} {result.seconds:7.2f} s", flush=True)
    if result.reason:
        print(printable(f"      {result.reason}", "\n"))
