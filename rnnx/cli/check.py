"""``rnnx check``: the conformance kit in a terminal, what failed in numbers."""

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
from rnnx.testing.suite import TALLY, Check, CheckFailed, NotApplicable, conduct


class CheckResult(NamedTuple):
    """The result of one check."""

    name: str  # "gradients_of_ids"
    status: str  # passed, FAILED or does not apply
    comparisons: int
    seconds: float
    told: str  # what failed, or why it does not apply


def check(kind: str, name: str, fields: Sequence[str]) -> int:
    """Print every check of a component with ``field=value``s; 1 if one fails."""
    from rnnx.testing import CHECKS

    component = component_from(kind, {"name": name, **_values(fields)})
    owner = registry().get(kind, name).owner
    print(f"{kind} {name} of {owner}: {component!r}")
    results = []
    with _aside(kind):
        for one in CHECKS[kind]:
            results.append(_result(one, component))
            _tell(results[-1])
    failed = sum(result.status == "FAILED" for result in results)
    apart = sum(result.status == "does not apply" for result in results)
    seconds = sum(result.seconds for result in results)
    total = sum(result.comparisons for result in results)
    beside = f", {apart} do not apply" if apart else ""
    print(
        f"{len(results) - failed - apart} passed, {failed} failed{beside}: "
        f"{total:,} comparisons in {seconds:.1f} s"
    )
    return 1 if failed else 0


def _values(fields: Sequence[str]) -> dict[str, str]:
    values = {}
    for text in fields:
        key, equals, value = text.partition("=")
        if not equals or key == "name":
            raise ConfigError(f"{text}: is not of the form FIELD=VALUE")
        values[key] = value
    return values


@contextmanager
def _aside(kind: str) -> Iterator[None]:
    """A tracker writes while it is checked: into an empty folder that goes away again."""
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


def _result(one: Check, component: Any) -> CheckResult:
    name, before, began = one.__name__.removeprefix("check_"), TALLY.count, time.perf_counter()
    status, told = "passed", ""
    try:
        conduct(one, component)
    except NotApplicable as reason:
        status, told = "does not apply", str(reason)
    except CheckFailed as failure:
        status, told = "FAILED", str(failure)
    except InputError:  # a file that is not there, a store that does not answer
        raise
    except Exception as error:  # whatever a component raises
        status, told = "FAILED", f"raised {type(error).__name__}: {error}{_place(error)}"
    return CheckResult(name, status, TALLY.count - before, time.perf_counter() - began, told)


def _place(error: Exception) -> str:
    """Where it was raised: the innermost line that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if "site-packages" not in frame.filename][-1]
    return f" (in {last.name}, {Path(last.filename).name}:{last.lineno})"


def _tell(result: CheckResult) -> None:
    name, status, count = result.name, result.status, f"{result.comparisons:,}"
    print(f"  {name:<28} {status:<14} {count:>9} {result.seconds:7.2f} s", flush=True)
    if result.told:
        print(f"      {result.told}")
