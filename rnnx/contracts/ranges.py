"""One line for a hyperparameter out of its range."""

from __future__ import annotations

import math

from rnnx.errors import ConfigError


def require(holds: bool, field: str, must: str, value: object) -> None:
    """Raise ConfigError ``field=value: must be …`` unless ``holds``.

    For ``__post_init__``: ``require(self.hidden_size >= 1, "hidden_size", "at least 1", …)``.
    A comparison with nan is false, so ranges written as comparisons refuse it.
    """
    if not holds:
        raise ConfigError(f"{field}={value}: must be {must}")


def require_finite(field: str, value: float) -> None:
    """Raise ConfigError unless ``value`` is a finite number."""
    require(math.isfinite(value), field, "a finite number", value)


def require_share(field: str, value: float) -> None:
    """Raise ConfigError unless 0 ≤ value < 1."""
    require(0 <= value < 1, field, "at least 0 and below 1", value)


def require_positive(field: str, value: float) -> None:
    """Raise ConfigError unless value is finite and above 0."""
    require(0 < value < math.inf, field, "above 0 and finite", value)
