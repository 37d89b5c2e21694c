"""``rnnx check``: the conformance kit in a terminal, each failure in numbers."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rnnx.cli.field_values import field_values
from rnnx.config.components import component_from
from rnnx.errors import InputError
from rnnx.registry.manager import registry
from rnnx.system.text import one_line, printable
from rnnx.testing.suite import (
    COMPARISONS,
    LEAST,
    Check,
    CheckFailed,
    ExpectedFailure,
    NotApplicable,
    conduct_expected,
    too_few,
)


class CheckResult(NamedTuple):
    """The result of one check."""

    name: str  # "gradients_of_ids"
    status: str  # passed, FAILED, xfailed or skipped
    comparisons: int
    seconds: float
    reason: str  # what failed, or why it is skipped or expected to fail


def check(kind: str, name: str, fields: Sequence[str]) -> int:
    """Run and print every check of a component with ``field=value``s; 1 if one fails."""
    from rnnx.testing.checks import CHECKS, reasons_of

    component = component_from(kind, {"name": name, **field_values(fields)})
    owner = registry().get(kind, name).owner
    print(printable(f"{kind} {name} of {owner}: {component!r}"))
    expected, results = reasons_of(kind, component), []
    with _empty_folder(kind), _own_keys(kind):
        for one in CHECKS[kind]:
            results.append(_run(one, component, expected.get(one.__name__)))
            _print(results[-1])
    count = Counter(result.status for result in results)
    more = "".join(f", {count[what]} {what}" for what in ("xfailed", "skipped") if count[what])
    seconds = sum(result.seconds for result in results)
    total = sum(result.comparisons for result in results)
    print(
        f"{len(results)} checks: {count['passed']} passed, {count['FAILED']} failed{more}; "
        f"{total:,} comparisons in {seconds:.1f} s"
    )
    ran = len(results) - count["skipped"]
    if is_short := ran < LEAST[kind]:
        print(f"FAILED: {ran} checks ran; {too_few(kind)}")
    return 1 if count["FAILED"] or is_short else 0


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


@contextmanager
def _own_keys(kind: str) -> Iterator[None]:
    """Errors that name a field as rnnx train takes it (dataset.path=…) name it as check does."""
    try:
        yield
    except InputError as error:
        told = re.sub(rf"\b{kind}\.(?=[a-z_.]+[=:])", "", str(error))
        raise type(error)(told) from error


def _run(one: Check, component: Any, expected: str | None) -> CheckResult:
    """Run a check; ``expected`` says why it is expected to fail, None that it is not."""
    name, before, began = one.__name__, COMPARISONS.count, time.perf_counter()
    status, reason = "passed", ""
    try:
        conduct_expected(one, component, expected)
    except NotApplicable as why:
        status, reason = "skipped", str(why)
    except ExpectedFailure as why:
        status, reason = "xfailed", f"{why} ({one_line(why.__cause__ or why)})"
    except CheckFailed as failure:
        status, reason = "FAILED", str(failure)
    except InputError:  # a file that is not there, a store that does not answer
        raise
    except Exception as error:  # whatever a component raises
        status, reason = "FAILED", f"raised {one_line(error)}{_place(error, component)}"
        if expected is not None:
            reason += f"; a comparison is expected to fail ({expected}), and this is none"
    comparisons, seconds = COMPARISONS.count - before, time.perf_counter() - began
    return CheckResult(name.removeprefix("check_"), status, comparisons, seconds, reason)


def _place(error: Exception, component: Any) -> str:
    """Where a component raised: the innermost line of its own folder, else of all."""
    frames = traceback.extract_tb(error.__traceback__)
    file = getattr(sys.modules.get(type(component).__module__), "__file__", None)
    folder = str(Path(file).parent) if file else "?"
    own = [frame for frame in frames if frame.filename.startswith(folder)] or frames
    return f" (in {own[-1].name}, {Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _print(result: CheckResult) -> None:
    name, status, count = result.name, result.status, f"{result.comparisons:,}"
    print(f"  {name:<28} {status:<14} {count:>9} {result.seconds:7.2f} s", flush=True)
    if result.reason:
        print(printable(f"      {result.reason}", "\n"))
