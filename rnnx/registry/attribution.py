"""Which component an exception came from, if it came from one."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from rnnx.errors import PluginError, RnnxError
from rnnx.registry.manager import PACKAGE
from rnnx.registry.registry import Entry, place_of
from rnnx.system.text import one_line

# NumPy's words for arrays that are too large: a matter of sizes, not of a component.
SIZES = re.compile("Maximum allowed dimension|array is too big|negative dimensions|too large")


class Place(NamedTuple):
    """Where in a component an exception came from."""

    entry: Entry
    method: str  # of the contract's, or the function itself
    line: str  # "scrn.py, line 33"


def label(entry: Entry) -> str:
    """A component and its owner, as errors name them."""
    return f"{entry.kind} {entry.name} of {entry.owner}"


def entry_of(component: Any) -> Entry | None:
    """The registry's entry of a component's class; None for one that was never registered."""
    from rnnx.registry.manager import registry

    found = [entry for entry in registry() if entry.is_of(type(component))]
    return found[0] if found else None


def named(kind: str, component: Any) -> str:
    """A component as errors name it: by its registered name, or by its class."""
    entry = entry_of(component)
    return label(entry) if entry else f"{kind} {type(component).__name__}"


@contextmanager
def attributing() -> Iterator[None]:
    """Exceptions of components inside become one line (see :func:`attribute`)."""
    try:
        yield
    except BaseException as error:
        attribute(error)
        raise


def attribute(error: BaseException) -> None:
    """Raise PluginError, one line, if ``error`` came out of a component: it names the plugin.

    What rnnx raises on purpose stays as it is, and so do full memory, signals and a closed pipe.
    With --debug the component's own traceback stands above.
    """
    if isinstance(error, KeyboardInterrupt | MemoryError | BrokenPipeError | GeneratorExit):
        return
    place = None if _is_ours(error) else _place(error)
    if place is None or (isinstance(error, PluginError) and label(place.entry) in str(error)):
        return
    told = str(error) if isinstance(error, PluginError) else f"raised {one_line(error)}"
    if "read-only" in told:
        told += ": a component must not change what it is given"
    raise PluginError(
        f"{label(place.entry)}: {place.method}: {told} ({place.line}); "
        f"check it alone: rnnx check {place.entry.kind} {place.entry.name}"
    ) from error


def _is_ours(error: BaseException) -> bool:
    """Whether it says enough as it is, or is about sizes."""
    if isinstance(error, RnnxError):
        return not isinstance(error, PluginError)
    if isinstance(error, SystemExit):  # a signal's
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Path(last.filename).is_relative_to(PACKAGE)
    return isinstance(error, ValueError | OverflowError) and bool(SIZES.search(str(error)))


def _place(error: BaseException) -> Place | None:
    """The innermost component among the frames that the exception went through."""
    from rnnx.registry.manager import registry

    entries = list(registry())
    by_class = {entry.given: entry for entry in entries}
    by_module = {entry.module: entry for entry in entries}

    def of_frame(frame: FrameType) -> Entry | None:
        cls = _class_at(frame)
        return by_class.get(cls) or by_class.get(place_of(cls))

    frames = list(_frames(error.__traceback__))
    for k in reversed(range(len(frames))):
        frame, _ = frames[k]
        owner = of_frame(frame)
        beside = by_module.get(frame.f_globals.get("__name__", ""))
        if owner is None and beside is not None:  # a function beside the class: whose is it?
            outer = (of_frame(f) for f, _ in frames[:k])
            owner = next((entry for entry in outer if entry), beside)
        if owner is not None:
            return Place(owner, _entered(frames, owner), _line(frames, k))
    return None


def _class_at(frame: FrameType) -> Any:
    """The class whose method a frame runs; of a checked component (see checks.py) its own."""
    subject = frame.f_locals.get("self")
    try:
        return type(getattr(subject, "component", subject))
    except Exception:  # an object of a library, whose attributes are its own code
        return type(subject)


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _entered(frames: list[tuple[FrameType, int]], owner: Entry) -> str:
    """The method by which rnnx came in: what the contract calls it."""
    for frame, _ in frames:
        is_own = owner.is_of(_class_at(frame))
        if is_own or frame.f_globals.get("__name__") == owner.module:
            return frame.f_code.co_name
    return "it"


def _line(frames: list[tuple[FrameType, int]], k: int) -> str:
    """The innermost of the plugin's own lines from frame ``k`` outwards."""
    for frame, line in reversed(frames[: k + 1]):
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(PACKAGE):
            return f"{path.name}, line {line}"
    frame, line = frames[k]
    return f"{Path(frame.f_code.co_filename).name}, line {line}"
