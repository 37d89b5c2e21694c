"""The words of a recipe, ``hydra.sweeper.words``: read as if typed, and held to what a recipe may.

A recipe may come from anybody. What it may not say, its words and the files that they name may not
say either: where runs are sent, and what is looked up in the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from rnnx.errors import ConfigError
from rnnx.sweeps.building import Builder
from rnnx.sweeps.words import Csv, File, Sample, Shuffle, Word, is_word, parse_word

WHERE = "hydra.sweeper.words"


def words_of_recipe(sweeper: Mapping[str, Any], given: Set[str], is_drawn: bool) -> list[Word]:
    """The words of a recipe that count beside the command line, which takes precedence.

    ``given`` are its keys; ``is_drawn``: it draws the combinations itself.
    """
    found = []
    for text in sweeper.get("words") or []:
        if not is_word(str(text)):
            raise ConfigError(f"{WHERE}: {text}: is no word, as zip(a=1,2, b=3,4) is one")
        try:
            word = parse_word(str(text))
        except ConfigError as error:
            raise ConfigError(f"{WHERE}: {error}") from None
        is_replaced = is_drawn if isinstance(word, Sample | Shuffle) else _is_given(word, given)
        found += [] if is_replaced else [word]
    return found


def _is_given(word: Word, given: Set[str]) -> bool:
    keys = keys_named(word)
    return bool(keys) and keys <= given


def keys_named(word: Word) -> set[str]:
    """The keys to which a word gives values; those of a CSV are in its file."""
    own = {word.key} if hasattr(word, "key") else set()
    return own.union(*(keys_named(part) for part in getattr(word, "parts", ())))


def refuse_more_than_values(word: Word, builder: Builder) -> None:
    """ConfigError where a word of a recipe, or a file that it names, says what no recipe may."""
    _refuse_tracker(word, {word.key} if hasattr(word, "key") else set())
    if isinstance(word, File | Csv):
        _refuse_tracker(word, builder.keys_in(word))
    for part in getattr(word, "parts", ()):
        refuse_more_than_values(part, builder)


def _refuse_tracker(word: Word, keys: Iterable[str]) -> None:
    for key in keys:
        if key.partition(".")[0] == "tracker":
            raise ConfigError(
                f"{WHERE}: {word}: {key} says where runs are sent: do that on the command line"
            )
