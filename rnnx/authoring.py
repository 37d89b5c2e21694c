"""What a plugin author's commands do, behind their options in cli.py."""

from __future__ import annotations

import difflib
from pathlib import Path

from rnnx.contracts import KINDS
from rnnx.errors import ConfigError


def new_plugin(name: str, kind: str) -> None:
    """Write a project and say what to do with it."""
    from rnnx.scaffold import new_plugin as write

    files = write(name, kind_of(kind), Path())
    for path in files:
        print(path)
    print(f"next: cd {name} && pip install -e '.[test]' && pytest")


def kind_of(word: str) -> str:
    """The kind that a word names, the plural too; ConfigError with the choices."""
    kinds = {**{kind: kind for kind in KINDS}, **{p: kind for kind, p in KINDS.items()}}
    if word in kinds:
        return kinds[word]
    message = f"{word}: is no kind of component; choose from {', '.join(KINDS)}"
    close = difflib.get_close_matches(word, list(KINDS), n=1)
    raise ConfigError(f"{message}; did you mean {close[0]}?" if close else message)
