"""A checked configuration: plain values, and the settings and components made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.settings import Train


@dataclass(frozen=True)
class ResolvedConfig:
    """One experiment's configuration, checked in every key, type and range.

    ``values`` are what a run keeps and what its hash is made of; ``settings`` and ``components``
    are made of them once.
    """

    values: dict[str, Any]
    settings: Train
    components: Components

    @classmethod
    def of(cls, values: Mapping[str, Any], made: dict[str, Any] | None = None) -> ResolvedConfig:
        """Check plain values, composed or stored; one error for the first that is wrong.

        ``made``: see :func:`rnnx.config.components.components_from`.
        """
        return cls(dict(values), settings_from(values), components_from(values, made))
