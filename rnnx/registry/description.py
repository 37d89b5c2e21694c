"""The description of a component from its source: equations, hyperparameters, ranges, owner."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple

from rnnx.contracts.components import KINDS
from rnnx.registry.first_line import first_line
from rnnx.registry.manager import registry
from rnnx.registry.registry import Entry
from rnnx.registry.schema import default_of, initializer_fields
from rnnx.system.text import printable

WIDTH = 96


class Option(NamedTuple):
    """One hyperparameter."""

    name: str  # "weights.input"
    type: str
    default: str  # "" for one that has none
    about: str  # its docstring, with unit and range


def describe(kind: str, name: str, more: Sequence[str] = ()) -> None:
    """Print everything about one component; the lines ``more`` follow its hyperparameters."""

    def say(text: str) -> None:
        print(printable(text, "\n"))

    entry = registry().get(kind, name)
    component = entry.component
    say(f"{kind} {name} of {entry.owner}: {first_line(component)}\n")
    for text in _equations(component):
        say(f"{text}\n")
    if sys.flags.optimize >= 2:
        say("Python's option -OO took the docstrings, with equations and units, away.\n")
    options = list(options_of(component))
    say("hyperparameters:" if options else "it has no hyperparameters")
    for option in options:
        default = f" = {option.default}" if option.default else ", no default"
        kind = f": {option.type}" if option.type not in ("", "Any") else ""
        say(f"  {option.name}{kind}{default}")
        if option.about:
            say(textwrap.indent(textwrap.fill(option.about, WIDTH - 6), "      "))
    for line in ("", *more) if more else ():
        say(line)
    say(f"\nclass:  {component.__module__}.{component.__qualname__}")
    say(f"source: {_file(component)}")
    say(f"owner:  {entry.owner} (entry point {entry.owner.entry_point})")
    say(f"choose: {chosen_by(entry)}")


def description_of(kind: str, name: str) -> dict[str, Any]:
    """The same as plain values."""
    entry = registry().get(kind, name)
    component = entry.component
    return {
        "kind": kind,
        "name": name,
        "description": first_line(component),
        "equations": "\n\n".join(_equations(component)),
        "hyperparameters": [option._asdict() for option in options_of(component)],
        "class": f"{component.__module__}.{component.__qualname__}",
        "source": _file(component),
        "owner": str(entry.owner),
        "choose": chosen_by(entry),
    }


def _equations(component: type[Any]) -> list[str]:
    """The docstring of its module, and what follows the first line of its own."""
    module = sys.modules.get(component.__module__)
    texts = (module.__doc__ if module else None, _rest(component))
    return [textwrap.dedent(text).strip() for text in texts if text]


def chosen_by(entry: Entry) -> str:
    """The override that chooses a component."""
    if entry.kind == "initializer":
        first, *others = initializer_keys()
        return f"{first}={entry.name}; likewise {', '.join(others)}"
    return f"{entry.kind}=[{entry.name}]" if entry.kind == "probe" else f"{entry.kind}={entry.name}"


def initializer_keys() -> list[str]:
    """Every key that names an initializer: ``cell.weights.input``, …"""
    keys = [
        f"{entry.kind if entry.kind != 'probe' else f'probes.{entry.name}'}.{field}"
        for entry in registry()
        for field in initializer_fields(entry.component)
    ]
    return list(dict.fromkeys(keys))


def _rest(component: type[Any]) -> str:
    return "\n".join(inspect.cleandoc(component.__doc__ or "").split("\n")[1:]).strip()


def options_of(component: type[Any]) -> Iterator[Option]:
    """Every field with its docstring, those of nested dataclasses too."""
    initializers = initializer_fields(component)
    for name, item, about in _fields_with_docs(component, ""):
        kind = "initializer" if name in initializers else _type(item)
        yield Option(name, kind, _shown(default_of(item)), about)


def _fields_with_docs(component: type[Any], within: str) -> Iterator[tuple[str, Field[Any], str]]:
    docs = field_docs(component)
    for item in fields(component):
        name, default = f"{within}{item.name}", default_of(item)
        if is_dataclass(default):
            yield from _fields_with_docs(type(default), f"{name}.")
        else:
            yield name, item, docs.get(item.name, "")


def field_docs(component: type[Any]) -> dict[str, str]:
    """Field → the docstring below it in the source; {} where there is no source."""
    from docstring_parser import parse_from_object

    try:
        params = parse_from_object(component).params
    except (OSError, TypeError, SyntaxError):
        return {}
    return {param.arg_name: " ".join((param.description or "").split()) for param in params}


def _type(item: Field[Any]) -> str:
    if isinstance(item.default, Enum):
        return " | ".join(member.name for member in type(item.default))
    return item.type if isinstance(item.type, str) else getattr(item.type, "__name__", "")


def _shown(default: Any) -> str:
    if default is MISSING:
        return ""
    return default.name if isinstance(default, Enum) else str(default) if default != "" else "''"


def _file(component: type[Any]) -> str:
    try:
        return f"{inspect.getsourcefile(component)}, line {inspect.getsourcelines(component)[1]}"
    except (OSError, TypeError):
        return "—"


def kinds_and_names() -> Iterator[tuple[str, list[Entry]]]:
    """Every kind with its components, in flow order."""
    entries = list(registry())
    for kind in KINDS:
        yield kind, [entry for entry in entries if entry.kind == kind]
