"""The first line of a component's docstring, from its source where it has not been imported."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Any

from rnnx.registry.registry import Entry

# A class at the margin and its docstring's first line; a backslash in it may be an escape.
DOCSTRING = r'^class {name}\b[^:]*:\n    """([^\\]*?)(?:"""|\n)'


def first_line(component: type[Any]) -> str:
    """The first line of a class's own docstring."""
    about = component.__doc__ or ""
    is_generated = about.startswith(f"{component.__name__}(")  # by @dataclass
    return "" if is_generated else about.strip().split("\n")[0]


def first_line_of(entry: Entry) -> str:
    """The same of an entry: a list of all components imports none for it.

    A class whose docstring is not found by its form in the source is imported.
    """
    written = _written(entry.given) if isinstance(entry.given, str) else None
    return first_line(entry.component) if written is None else written


def _written(place: str) -> str | None:
    """The line as it is in the source of ``package.module:Class``; None where it is not found."""
    module, _, name = place.partition(":")
    if module in sys.modules or sys.flags.optimize >= 2:
        return None
    try:
        found = importlib.util.find_spec(module)
        get_source = getattr(found and found.loader, "get_source", None)
        source = get_source(module) if get_source else None
    except (ImportError, ValueError):
        return None  # importing it says why
    pattern = DOCSTRING.format(name=re.escape(name))
    match = re.search(pattern, source or "", re.MULTILINE)
    return match[1].strip() if match else None
