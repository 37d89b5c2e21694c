"""Shell completion of components, options and recipes, third-party ones included.

``rnnx completion bash`` prints the script. Bash splits a word at each ``=``, so WholeWords takes
the word from the whole line: ``cell=l`` is then completed as in zsh and fish.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from rnnx.system.text import printable

VARIABLE = "_RNNX_COMPLETE"

BASH = """\
%(complete_func)s() {
    local IFS=$'\\n'
    COMPREPLY=( $(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete $1) )
    [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
    return 0
}
complete -o nosort -o bashdefault -F %(complete_func)s %(prog_name)s
"""


class WholeWords(BashComplete):
    """Completion in Bash of words that contain ``=``."""

    source_template = BASH

    @staticmethod
    def _check_version() -> None:
        """Do nothing: click would start another Bash to ask for its version."""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        self._word = words.pop() if words and not line.endswith(" ") else ""
        return words[1:], self._word

    def format_completion(self, item: CompletionItem) -> str:
        # Bash replaces only the part of the word behind the last character at which it splits.
        value = str(item.value)
        if "=" in self._word and "=" in os.environ.get("COMP_BREAKS", "="):
            return value.removeprefix(self._word[: self._word.rindex("=") + 1])
        return value


add_completion_class(WholeWords)


def source(command: click.Command, shell: str) -> str:
    """The script that completes the commands of rnnx in ``shell``."""
    complete = get_completion_class(shell)
    assert complete is not None
    return complete(command, {}, "rnnx", VARIABLE).source()


def overrides(ctx: click.Context, param: click.Parameter, word: str) -> list[CompletionItem]:
    """The ``KEY=VALUE``s of a run that begin with ``word``."""
    return [
        CompletionItem(v, help=printable(about))
        for v, about in _overrides(word)
        if v.startswith(word)
    ]


def kinds(ctx: click.Context, param: click.Parameter, word: str) -> list[CompletionItem]:
    """The kinds of component that begin with ``word``."""
    from rnnx.contracts.components import KINDS

    return [CompletionItem(kind) for kind in KINDS if kind.startswith(word)]


def names(ctx: click.Context, param: click.Parameter, word: str) -> list[CompletionItem]:
    """The components, of the kind before, that begin with ``word``."""
    from rnnx.registry.manager import registry

    kind = str(ctx.params.get("kind"))
    return [CompletionItem(name) for name in registry().names(kind) if name.startswith(word)]


def tables(ctx: click.Context, param: click.Parameter, word: str) -> list[CompletionItem]:
    """The published tables that begin with ``word``."""
    from rnnx.comparison.published import table_names

    return [CompletionItem(name) for name in ["all", *table_names()] if name.startswith(word)]


def _overrides(word: str) -> Iterator[tuple[str, str]]:
    from rnnx.cli.train_help import RECIPES, recipes
    from rnnx.config.settings import Train
    from rnnx.contracts.components import KINDS
    from rnnx.registry.description import options_of
    from rnnx.registry.first_line import first_line_of
    from rnnx.registry.manager import registry

    key, equals, value = word.partition("=")
    before = f"{key}=" + value[: value.rfind(",") + 1 or (1 if value.startswith("[") else 0)]
    if equals:
        if key in RECIPES:
            yield from ((f"{before}{name}", about) for name, about in recipes(key))
        for entry in registry():
            if entry.kind == key:
                yield f"{before}{entry.name}", first_line_of(entry)
        yield from _values(key, Train)
        return
    if "." in word:
        yield from _options(word)
        return
    yield from ((f"{kind}=", f"choose a {kind}") for kind in KINDS if kind != "initializer")
    yield from ((f"{group}=", about) for group, about in RECIPES.items())
    yield from ((f"{option.name}=", option.about) for option in options_of(Train))
    yield from ((f"{kind}.", f"options of the {kind}") for kind in KINDS if kind != "initializer")


def _options(word: str) -> Iterator[tuple[str, str]]:
    """``cell.hidden_size=`` and all options of components of the kind."""
    from rnnx.registry.description import options_of
    from rnnx.registry.manager import registry

    kind = word.split(".", maxsplit=1)[0]
    seen = set()
    for entry in registry():
        within = f"probes.{entry.name}" if entry.kind == "probe" else entry.kind
        if kind not in (within, within.split(".")[0]):
            continue
        for option in options_of(entry.component):
            if (text := f"{within}.{option.name}=") not in seen:
                seen.add(text)
                yield text, option.about


def _values(key: str, settings: type[Any]) -> Iterator[tuple[str, str]]:
    """The values of a setting that has a fixed set of them."""
    from rnnx.registry.description import options_of

    for option in options_of(settings):
        if option.name == key and " | " in option.type:
            yield from ((f"{key}={value}", "") for value in option.type.split(" | "))
