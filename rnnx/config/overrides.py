"""Overrides, ``key=value`` in Hydra's grammar: parsed once, each mistake one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as percent_encoded

from omegaconf import OmegaConf

from rnnx.config.interpolations import to_typed
from rnnx.config.recipes import SCHEME
from rnnx.config.spelling import Speller, quoted
from rnnx.config.text_keys import Listed, Mapped, form_of, holds_text
from rnnx.errors import ConfigError
from rnnx.system.secrets import take_out

ANOTHER_ADDRESS = re.compile(r",\s*(?=['\"]?[A-Za-z][\w+.-]*://)")
SEARCHPATH = "hydra.searchpath"

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


@dataclass(frozen=True)
class Overrides:
    """Parsed overrides, in the order in which they were given."""

    parsed: tuple[Override, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Each as Hydra's grammar reads it, quoted where it has to be."""
        return [str(override.input_line) for override in self.parsed]

    @property
    def shown(self) -> list[str]:
        """Each as a person is shown it: as it was typed."""
        return [shown(text) for text in self.texts]

    @property
    def keys(self) -> set[str]:
        """The keys and groups that they set."""
        return {str(override.key_or_group) for override in self.parsed}

    @property
    def single(self) -> Overrides:
        """Those that give their key one value."""
        return Overrides(tuple(o for o in self.parsed if not o.is_sweep_override()))

    @property
    def swept(self) -> Overrides:
        """Those that give their key several values."""
        return Overrides(tuple(o for o in self.parsed if o.is_sweep_override()))

    def refuse_sweeps(self) -> None:
        """ConfigError where a key has several values: one run has one value a key."""
        for override in self.swept:
            raise ConfigError(
                f"{override.input_line}: has several values; add -m to train with each of them, "
                f"or quote one: '{override.key_or_group}=\"…\"'"
            )

    def __iter__(self) -> Iterator[Override]:
        return iter(self.parsed)

    def __add__(self, others: Overrides) -> Overrides:
        return Overrides((*self.parsed, *others.parsed))


def parse(overrides: Sequence[str] | Overrides, several: bool = False) -> Overrides:
    """Parse what a user typed; what is parsed already stays as it is.

    ``several``: a comma stands between the values of a text, as it does with ``-m``; without it
    the comma is one of its letters. ConfigError for a key that would be added or deleted: rnnx's
    configuration is closed.
    """
    if isinstance(overrides, Overrides):
        return overrides
    if not overrides:
        return Overrides()  # nothing waits for Hydra's parser
    speller = Speller(several)
    parsed = tuple(_parse_one(speller, without_password_in(text)) for text in overrides)
    for override in parsed:
        _refuse_other_keys(override)
    return Overrides(parsed)


def parse_job(overrides: Sequence[str]) -> Overrides:
    """Parse what a sweeper of Hydra's wrote: its grammar and nothing else."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return Overrides(tuple(OverridesParser.create().parse_overrides(list(overrides))))


def task_overrides(hydra: Any) -> list[str]:
    """The overrides of a job of Hydra's as they were given: nothing in them is looked up."""
    return _as_given(hydra.overrides.task)


def own_overrides(hydra: Any) -> list[str]:
    """The same of Hydra itself: what ``${hydra.job.num}`` in them names is known in a job alone."""
    return _as_given(hydra.overrides.hydra)


def _as_given(listed: Any) -> list[str]:
    texts: Any = OmegaConf.to_container(listed, resolve=False)
    return list(texts)


def spelled(overrides: Sequence[str], several: bool = False) -> list[str]:
    """Overrides as Hydra's grammar reads them; one that it cannot read stays as it is."""
    speller, texts = Speller(several), []
    for text in overrides:
        try:
            texts.append(str(_parse_one(speller, without_password_in(text)).input_line))
        except ConfigError:
            texts.append(without_password_in(text))
    return texts


def values_of(override: Override) -> list[str]:
    """The values of an override that has several, each in Hydra's grammar."""
    from hydra.core.override_parser.types import Override as Hydra

    key, speller = str(override.key_or_group), Speller(several=False)
    written = Hydra._get_value_element_as_str
    if not holds_text(key):
        return [written(value) for value in override.sweep_iterator()]
    # A function of the grammar, shuffle(…), takes the quotes around a text away.
    return [
        written(value)
        if not isinstance(value, str)
        else quoted(value)  # spelled already, so no backslash in it is one that was typed
        if "${" in value
        else speller.spell(key, value)
        for value in override.sweep_iterator()
    ]


def refuse_no_values(override: Override) -> None:
    """ConfigError for a range without values: its ends are equal, or its step leads away."""
    if not override.is_range_sweep():
        return
    ends = override.value()
    if ends.step == 0 or (ends.stop - ends.start) * ends.step <= 0:
        raise ConfigError(
            f"{override.input_line}: has no values; range(a,b,step) begins at a and ends before b"
        )


def refuse_unknown_settings(settings: Mapping[str, Any], known: Sequence[str]) -> None:
    """ConfigError for a setting of a sweeper that it does not have: it would be ignored."""
    for key in settings:
        if key not in (*known, "params", "words", "_target_"):
            choices = ", ".join(known)
            raise ConfigError(
                f"hydra.sweeper.{key}: there is no such setting; choose from {choices}"
            )


def shown(override: str) -> str:
    """An override in Hydra's grammar as it is shown to a person: without quotes and escapes."""
    key, equals, value = override.partition("=")
    if not equals or not re.search(r"""['"\\]""", value):
        return override  # which takes no parser

    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    try:
        (read,) = parse_job([override])
    except HydraException:  # it is not Hydra's: an interpolation in it has been resolved
        return override
    if isinstance(read._value, str | QuotedString):
        return f"{key}={_typed(read._value)}"
    if not isinstance(form_of(key), Listed | Mapped) or read.is_sweep_override():
        return override
    typed = f"{key}={_typed(read._value)}"
    return typed if spelled([typed]) == [override] else override


def _typed(value: Any) -> str:
    """A value as it is typed, its texts without the quotes that the grammar needs."""
    from hydra.core.override_parser.types import Override, QuotedString

    if isinstance(value, QuotedString):
        return to_typed(value.text)
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_typed(inner)}' for key, inner in value.items())}}}"
    return value if isinstance(value, str) else Override._get_value_element_as_str(value)


def _parse_one(speller: Speller, text: str) -> Override:
    """The first spelling of ``text`` that Hydra's grammar reads; ConfigError if it reads none."""
    from hydra.errors import HydraException

    causes = []
    for spelling in speller.spellings(text):
        try:
            return _with_own_source(speller, speller.read(spelling))
        except HydraException as error:
            causes.append(str(error).split("\n")[0])
        except (ValueError, RecursionError) as error:  # 5,000 digits; 500 brackets
            causes.append(str(error).split("\n")[0])
            break
    raise ConfigError(
        f"{text!r}: is not of the form key=value ({causes[0]}); "
        "put quotes around a value with special characters: 'key=\"…\"'"
    )


def without_password_in(text: str) -> str:
    """An override of a tracker's field without the passwords in its addresses."""
    key, _, value = text.partition("=")
    if not key.startswith("tracker") or "://" not in value:
        return text
    # A sweep may name several; a comma before what is no address is one of a password's.
    return f"{key}={','.join(map(_without_password, ANOTHER_ADDRESS.split(value)))}"


def _without_password(address: str) -> str:
    """An address, perhaps in quotes, without its password."""
    quote = address[0] if address[:1] in ("'", '"') and address.endswith(address[0]) else ""
    return f"{quote}{take_out(address.removeprefix(quote).removesuffix(quote))}{quote}"


def _with_own_source(speller: Speller, override: Override) -> Override:
    """The override with each folder of recipes in hydra.searchpath read through RecipeSource."""
    folders = override.value() if override.key_or_group == SEARCHPATH else None
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        return override
    # Hydra takes what has no scheme as a file, too.
    paths = [folder.removeprefix("file://") for folder in folders]
    # Encoded, or OmegaConf would look for an interpolation in it.
    own = [path if "://" in path else f"{SCHEME}://{percent_encoded(path)}" for path in paths]
    return speller.read(searchpath(*own))


def searchpath(*folders: str) -> str:
    """The override that makes Hydra look into these folders, too."""
    return f"{SEARCHPATH}=[{','.join(map(quoted, folders))}]"


def _refuse_other_keys(override: Override) -> None:
    text = override.input_line
    if not override.key_or_group:
        raise ConfigError(f"{text!r}: is not of the form key=value")
    changes_keys = override.is_add() or override.is_force_add() or override.is_delete()
    if changes_keys and not override.key_or_group.startswith("hydra"):
        raise ConfigError(
            f"{text}: keys cannot be added or deleted; say key=value for a key of "
            "`rnnx train --cfg job`"
        )
