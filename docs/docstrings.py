"""Lets the manual read what the code says: griffe calls this when mkdocstrings loads a package.

A reference in Sphinx's form (``:class:`rnnx.Corpus```) becomes a link where a page has its target.
In a class with a docstring, a field without one gets its comment as docstring:
``h: Array  # (T, n_a, B)``.
"""

import re
from typing import Any

import griffe

REFERENCE = re.compile(r":(?:class|data|func|meth|mod):`([\w.]+)`")
LINK = r'<autoref identifier="\1" optional><code>\1</code></autoref>'


class Docstrings(griffe.Extension):
    """Links in docstrings, docstrings from comments."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """After an object of any kind was read."""
        if obj.docstring:
            obj.docstring.value = REFERENCE.sub(LINK, obj.docstring.value)
        elif isinstance(obj, griffe.Attribute) and (comment := _comment(obj)):
            obj.docstring = griffe.Docstring(comment, lineno=obj.lineno, parent=obj)


def _comment(field: griffe.Attribute) -> str:
    """The comment behind a field of a class, or the whole lines of comment above it."""
    parent = field.parent
    if not (parent and parent.is_class and parent.docstring and field.lineno and field.endlineno):
        return ""
    lines = field.lines_collection[field.filepath]
    behind = lines[field.endlineno - 1].partition("  # ")[2]
    above = []
    for line in reversed(lines[: field.lineno - 1]):
        if not line.lstrip().startswith("# "):
            break
        above.insert(0, line.lstrip()[2:])
    return behind or " ".join(above)
