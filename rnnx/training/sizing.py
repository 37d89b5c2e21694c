"""``params=10k``: the hidden size is solved for, before anything of the run's is made.

The configuration that is resolved so has the solved ``cell.hidden_size``, and keeps ``params`` as
it was typed. What a run computes follows from the size alone, so two commands that come to the
same size are the same configuration.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from rnnx.config.components import component_from, components_from, settings_from
from rnnx.config.compose import compose
from rnnx.config.identity import config_hash
from rnnx.config.overrides import Overrides
from rnnx.data.corpus import Corpus
from rnnx.errors import ConfigError
from rnnx.models.heads import refuse_unfit_head
from rnnx.models.network import configured
from rnnx.models.solving import Solved, size_for
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import load_corpus
from rnnx.training.task import for_task

FOUND = "cell.hidden_size"


def composed(overrides: Overrides) -> dict[str, Any]:
    """The configuration of these overrides, checked, with the hidden size that ``params`` asks."""
    return Sizing().sized(compose(overrides), overrides.keys)


def solved_size(values: Mapping[str, Any]) -> int | None:
    """The hidden size that ``params`` led to, of a configuration that is sized; None without it."""
    size = values["cell"].get("hidden_size") if values.get("params") is not None else None
    return size if isinstance(size, int) else None


class Sizing:
    """Solves for hidden sizes; of many configurations each data set is read once."""

    def __init__(self) -> None:
        self._corpora: dict[str, Corpus] = {}  # by the configuration of the data set
        self._found: dict[str, Solved] = {}  # by that of the run, but for its seed and size
        self._made: dict[str, Any] = {}  # components, which many configurations share

    def sized(self, values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
        """``values`` with the hidden size that ``params`` asks for; as they are without it.

        ``given`` are the keys of the user's overrides. Raises ConfigError where the size is among
        them, or where no size comes near.
        """
        if values.get("params") is None:
            return dict(values)
        if FOUND in given:
            raise ConfigError(
                f"params={values['params']}: solves for {FOUND}, which is given as well; leave "
                "one of them out"
            )
        key = _key(values)
        if key not in self._found:
            self._found[key] = self._solved(values)
        return {**values, "cell": {**values["cell"], "hidden_size": self._found[key].size}}

    def parameters(self, values: Mapping[str, Any]) -> int | None:
        """How many parameters a configuration has that was sized here; None of others."""
        found = self._found.get(_key(values)) if values.get("params") is not None else None
        return found.parameters if found else None

    def forget_data(self) -> None:
        """Let go of the data sets: the sizes that are known need none."""
        self._corpora.clear()

    def _solved(self, values: Mapping[str, Any]) -> Solved:
        settings, data = settings_from(values), self._data(values)
        parts = components_from(values, self._made)
        assert settings.parameters is not None
        refuse_unfit_head(values["head"]["name"], parts.head, data)
        own = for_task(settings, data)
        network = configured(own, parts, data.vocabulary, data.features, data.targets)
        with attributing():
            return size_for(network, settings.parameters)

    def _data(self, values: Mapping[str, Any]) -> Corpus:
        about = json.dumps(values["dataset"], default=str)
        if about not in self._corpora:
            self._corpora[about] = load_corpus(component_from("dataset", values["dataset"]))
        return self._corpora[about]


def _key(values: Mapping[str, Any]) -> str:
    """The same for a configuration before and after it is sized."""
    unsized = {**values, "cell": {**values["cell"], "hidden_size": None}}
    return config_hash({**unsized, "wanted": values["params"]}, seedless=True)
