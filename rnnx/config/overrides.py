"""Overrides, ``key=value`` in Hydra's grammar: parsed once, each mistake one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnx.errors import ConfigError

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


def parse(overrides: Sequence[str] | Overrides) -> Overrides:
    """Parse what a user typed; what is parsed already stays as it is.

    ConfigError for a key that would be added or deleted: rnnx's configuration is closed.
    """
    if isinstance(overrides, Overrides):
        return overrides
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    parsed = tuple(_parse_one(parser, text) for text in overrides)
    for override in parsed:
        _refuse_other_keys(override)
    return Overrides(parsed)


def quoted(overrides: Sequence[str]) -> list[str]:
    """Overrides as Hydra's grammar reads them; one that it cannot read stays as it is."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, spelled = OverridesParser.create(), []
    for text in overrides:
        try:
            spelled.append(str(_parse_one(parser, text).input_line))
        except ConfigError:
            spelled.append(text)
    return spelled


def _parse_one(parser: Any, text: str) -> Override:
    """The first spelling of ``text`` that Hydra's grammar reads; ConfigError if it reads none."""
    from hydra.errors import HydraException

    causes = []
    for spelling in _spellings(text):
        try:
            return parser.parse_override(spelling)
        except HydraException as error:
            causes.append(str(error).split("\n")[0])
        except (ValueError, RecursionError) as error:  # 5,000 digits; 500 brackets
            causes.append(str(error).split("\n")[0])
            break
    raise ConfigError(
        f"{text!r}: is not of the form key=value ({causes[0]}); "
        "put quotes around a value with special characters: 'key=\"…\"'"
    )


def _spellings(text: str) -> list[str]:
    """The text, and the text with quotes around its value.

    Hydra's grammar knows ASCII alone, and reads `=` and brackets as its own: names.txt is a word
    of it, 恐龙.txt and a=b.txt are not. A value with a comma is never quoted: it may be several.
    """
    key, equals, value = text.partition("=")
    if not equals or "," in value:
        return [text]
    inside = value.replace("\\", "\\\\").replace("'", "\\'")
    return [text, f"{key}='{inside}'"]


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
