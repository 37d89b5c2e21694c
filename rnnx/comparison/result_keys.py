"""The keys of configurations by which a table of results is laid out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnx.comparison.runs import ComparedRun
from rnnx.config.identity import ELSEWHERE, flat_params
from rnnx.errors import ConfigError
from rnnx.runs.stored_config import kept_config
from rnnx.system.suggestion import did_you_mean

Keys = Mapping[str, str]  # "cell.hidden_size" → "128", and "cell" → "lstm"


def keys_of_run(run: ComparedRun) -> dict[str, str]:
    """Every key of a run's configuration but the seed, and the name of each component by its kind.

    Of runs that only a tracker knows these are the keys that were swept.
    """
    if run.folder is None:
        return {key: value for key, value in run.settings.items() if key != "seed"}
    config = kept_config(run.folder)
    kept = {key: value for key, value in config.items() if key not in (*ELSEWHERE, "seed")}
    names = {key: str(value["name"]) for key, value in _named(kept, "")}
    values = {key: value for key, value in _scalars(kept) if key.rpartition(".")[2] != "name"}
    return {**values, **names}


def _named(values: Mapping[str, Any], path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The components of a configuration: key → the mapping with a name."""
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            where = f"{path}{key}"
            found += [(where, value)] * ("name" in value) + _named(value, f"{where}.")
    return found


def _scalars(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = {True: "true", False: "false", None: "null"}
    flat = flat_params({key: _texts(value, texts) for key, value in config.items()})
    return list(flat.items())


def _texts(value: Any, texts: Mapping[Any, str]) -> Any:
    """The values as an override would have them."""
    if isinstance(value, Mapping):
        return {key: _texts(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return texts[value] if value is None or isinstance(value, bool) else value


def refuse_unknown(option: str, keys: Sequence[str], configs: Iterable[Keys]) -> None:
    """ConfigError for a key that is in none of the configurations, or that is no single one."""
    known = _known(configs)
    for key in keys:
        if key == "seed":
            raise ConfigError(f"{option} seed: each cell is a mean over seeds; leave it out")
        if key in known:
            continue
        below = [other for other in known if other.startswith(f"{key}.")]
        if below:
            raise ConfigError(f"{option} {key}: is a group of keys; choose from {few(below)}")
        guess = did_you_mean(key, known) or f"; choose from {few(known)}"
        raise ConfigError(f"{option} {key}: no run has this key{guess}")


def _known(configs: Iterable[Keys]) -> list[str]:
    return sorted({key for config in configs for key in config})


def few(keys: Sequence[str]) -> str:
    """The keys in a sentence; of many, the first ones."""
    return ", ".join(keys[:12]) + ", …" * (len(keys) > 12)


def swept_keys(configs: Sequence[Keys], columns: Sequence[str]) -> list[str]:
    """The keys beside ``columns`` in which configurations differ."""
    return [key for key in differing(configs, columns) if key not in columns]


def differing(configs: Sequence[Keys], beside: Sequence[str] = ()) -> list[str]:
    """The keys in which configurations differ; of a component that differs, its name alone."""
    differ = [key for key in _known(configs) if len({config.get(key) for config in configs}) > 1]
    return _shortest(differ, configs, beside)


def _shortest(differ: Sequence[str], configs: Sequence[Keys], beside: Sequence[str]) -> list[str]:
    """The keys without those whose values follow from the name of a component above them."""

    def follows(key: str, name: str) -> bool:
        pairs = {(config.get(name), config.get(key)) for config in configs}
        return len(pairs) == len({config.get(name) for config in configs})

    above = {*differ, *beside}
    return [
        key
        for key in differ
        if not any(
            key.startswith(f"{name}.") and follows(key, name) for name in above if name != key
        )
    ]
