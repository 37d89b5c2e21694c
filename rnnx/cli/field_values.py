"""``FIELD=VALUE`` on the command lines of ``check`` and ``describe``."""

from __future__ import annotations

from collections.abc import Sequence

from rnnx.errors import ConfigError


def field_values(words: Sequence[str]) -> dict[str, str]:
    """Field → value as it was typed; ConfigError for a word of another form."""
    values = {}
    for text in words:
        key, equals, value = text.partition("=")
        if not equals or key == "name":
            raise ConfigError(f"{text}: is not of the form FIELD=VALUE, as in hidden_size=3")
        values[key] = value
    return values
