"""What a user typed as ``key=value``, in Hydra's grammar; each mistake one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnx.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def parse(overrides: Sequence[str]) -> list[Override]:
    """Hydra's override grammar; a key that would be added or deleted is refused."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, parsed = OverridesParser.create(), []
    for text in quoted(overrides):
        try:
            override = parser.parse_override(text)
        except (HydraException, ValueError, RecursionError) as error:  # 5,000 digits; 500 brackets
            cause = str(error).split("\n")[0]
            raise ConfigError(
                f"{text!r}: is not of the form key=value ({cause}); "
                "quote a value of many kinds of characters: 'key=\"…\"'"
            ) from None
        if not override.key_or_group:
            raise ConfigError(f"{text!r}: is not of the form key=value")
        if override.is_add() or override.is_force_add() or override.is_delete():
            own = override.key_or_group.startswith("hydra")
            if not own:
                raise ConfigError(
                    f"{text}: keys cannot be added or deleted; say key=value for a key of "
                    "`rnnx train --cfg job`"
                )
        parsed.append(override)
    return parsed


def quoted(overrides: Sequence[str]) -> list[str]:
    """Overrides with quotes around the values that Hydra's grammar has no words for.

    It knows ASCII alone, and reads `=` and brackets as its own: names.txt is a word of it,
    恐龙.txt and a=b.txt are not. Several values with a comma between them are left as they are.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, spelled = OverridesParser.create(), []
    for text in overrides:
        key, equals, value = text.partition("=")
        inside = value.replace("\\", "\\\\").replace("'", "\\'")
        candidates = [text, f"{key}='{inside}'"] if equals and "," not in value else [text]
        for candidate in candidates:
            try:
                parser.parse_override(candidate)
            except HydraException:
                continue
            except (ValueError, RecursionError):  # of the grammar, but beyond Python: parse() tells
                spelled.append(text)
                break
            spelled.append(candidate)
            break
        else:
            spelled.append(text)
    return spelled


def refuse_sweeps(overrides: Sequence[Override]) -> None:
    """One run has one value a key."""
    for override in overrides:
        if override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line}: has several values; add -m to train with each of them, "
                f"or quote one: '{override.key_or_group}=\"…\"'"
            )
