"""Overrides → one checked configuration, each mistake one line."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnx.config.components import components_from, settings_from, store_nodes
from rnnx.config.overrides import parse, refuse_sweeps
from rnnx.config.plain import not_plain
from rnnx.config.recipes import refuse_code
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError
from rnnx.registry.manager import plugins, registry
from rnnx.registry.registry import unknown_name
from rnnx.registry.schema import describe
from rnnx.system.suggestion import nearest

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


MAIN = "train"  # conf/train.yaml
_TURN = threading.RLock()


def conf_folder() -> Path:
    """The folder of train.yaml: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "conf", here.parent / "conf"):
        if (folder / f"{MAIN}.yaml").is_file():
            return folder
    raise ConfigError(f"{here / 'conf'}: holds no {MAIN}.yaml; install rnnx again")


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The resolved configuration, checked in every key, type and range, as plain values."""
    parsed = parse(overrides)
    refuse_sweeps(parsed)
    with composer() as make:
        return check(make(parsed))


def check(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values, every range checked."""
    values = plain(config)
    settings_from(values)
    components_from(values)
    return values


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values."""
    try:
        resolved = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        raise ConfigError(describe(error)) from None
    assert isinstance(resolved, dict)
    values = {str(key): value for key, value in resolved.items()}
    if cause := not_plain(values):
        raise ConfigError(cause)
    return values


@contextmanager
def composer() -> Iterator[Any]:
    """A function from parsed overrides to a DictConfig, in a Hydra of its own.

    Hydra's state is global; whoever calls this may be inside a Hydra application or a notebook,
    so what was there before is put back. Threads take turns.
    """
    with _TURN, _own_hydra() as make:
        yield make


@contextmanager
def _own_hydra() -> Iterator[Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    repo, groups = ConfigStore.instance().repo, (*KINDS, "schema")
    before, theirs = GlobalHydra.instance().hydra, {g: repo.pop(g, None) for g in groups}
    GlobalHydra.instance().clear()
    try:
        prepare_hydra()
        with initialize_config_dir(str(conf_folder()), job_name="rnnx", version_base="1.3"):
            yield _Composer(hydra_compose, GlobalHydra.instance().config_loader())
    finally:
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = before
        for group in groups:
            repo.pop(group, None)
            if theirs[group] is not None:
                repo[group] = theirs[group]


def prepare_hydra() -> None:
    """Give Hydra the components' nodes and the plugins' own folders of configuration."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class PluginFolders(SearchPathPlugin):  # type: ignore[misc]
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            # Once known to Hydra it is asked for every application: others are not ours to change.
            if not any(part.path.endswith(str(conf_folder())) for part in search_path.get_path()):
                return
            for owner, path in plugins().conf_paths:
                search_path.append(owner.distribution, path)

    known = Plugins.instance()
    if not any(p.__name__ == "PluginFolders" for p in known.discover(SearchPathPlugin)):
        known.register(PluginFolders)
    store_nodes(registry())


class _Composer:
    """Parsed overrides → a DictConfig.

    Hydra composes what chooses from groups, which takes it a tenth of a second, and what it made
    of one choice is kept for the next one that is equal; values are set here.
    """

    def __init__(self, hydra_compose: Any, loader: Any) -> None:
        self._hydra_compose, self._loader = hydra_compose, loader
        self._made: dict[tuple[str, ...], DictConfig] = {}
        self._options: dict[str, list[str]] = {}

    def __call__(self, overrides: Sequence[Override]) -> DictConfig:
        # What a user's own folder holds is known to Hydra alone, and only while it composes.
        folders = [o.value() for o in overrides if o.key_or_group == "hydra.searchpath"]
        groups: list[Override] = []
        values: list[Override] = []
        for override in overrides:
            key = override.key_or_group
            theirs = bool(folders) and key in RECIPES
            is_group = theirs or self._check_group(override) or key.startswith("hydra")
            (groups if is_group else values).append(override)
        chosen = tuple(str(override.input_line) for override in groups)
        if chosen not in self._made:
            self._made[chosen] = self._compose(chosen, folders)
        config = copy.deepcopy(self._made[chosen])
        for override in values:
            _apply(config, override)
        return config

    def _compose(self, chosen: Sequence[str], folders: Sequence[Any]) -> DictConfig:
        from hydra.errors import HydraException
        from yaml import YAMLError

        for found in folders:
            for path in found if isinstance(found, list) else [found]:
                if str(path).startswith("file://"):
                    refuse_code(Path(str(path).removeprefix("file://")))
        try:
            made: DictConfig = self._hydra_compose(MAIN, list(chosen))
        except (HydraException, OmegaConfBaseException, ValueError, YAMLError) as error:
            raise ConfigError(" ".join(str(error).split())) from None
        return made

    def _check_group(self, override: Override) -> bool:
        """Whether it chooses from a group; UnknownComponent or ConfigError if in vain."""
        group = override.key_or_group
        if group in KINDS and group != "initializer":
            for name in _chosen(override):
                if not isinstance(name, str):
                    choices = ", ".join(registry().names(group))
                    raise ConfigError(
                        f"{override.input_line}: must name a {group}; choose: {choices}"
                    )
                registry().get(group, name)
            return True
        named = group in RECIPES
        if not named and not group.startswith("hydra/"):
            return False  # before Hydra is asked, which copies its whole store for an answer
        if group not in self._options:
            self._options[group] = self._loader.get_group_options(group)
        options = self._options[group]
        if options or named:
            for name in _chosen(override):
                if name is not None and name not in options:
                    raise ConfigError(unknown_name(group, group, str(name), options))
            return True
        return False


def _chosen(override: Override) -> list[Any]:
    value = override.value()
    if isinstance(value, list) and override.key_or_group == "probe":
        return value
    return [value]


def _apply(config: DictConfig, override: Override) -> None:
    """Set one value; ConfigError says what the key could have been, or the value."""
    key, value = override.key_or_group, override.value()
    *path, last = key.split(".")
    node: Any = config
    for place, part in enumerate([*path, last]):
        if not isinstance(node, DictConfig) or part not in node:
            raise ConfigError(_no_key(key, ".".join(key.split(".")[:place]), node))
        node = node._get_node(part) if part != last or place < len(path) else node
    if last == "name" and path and path[-1] in KINDS:
        raise ConfigError(f"{key}={value}: choose a {path[-1]} with {path[-1]}={value}")
    try:
        OmegaConf.update(config, key, value, merge=True)
    except OmegaConfBaseException as error:
        raise ConfigError(describe(error)) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{key}={value}: {error}") from None


def _no_key(key: str, parent: str, node: Any) -> str:
    where = f"in {parent}" if parent else "here"
    if not isinstance(node, DictConfig):
        return f"{key}: {parent} is a value and has no keys of its own"
    names = [str(name) for name in node if name != "name"]
    message = f"{key}: there is no such key {where}; choose from {', '.join(names)}"
    wrong = key.split(".")[len(parent.split(".")) if parent else 0]
    close = nearest(wrong, names)
    return (
        f"{message}; did you mean {'.'.join(filter(None, [parent, close]))}?" if close else message
    )
