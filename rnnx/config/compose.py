"""Overrides → one checked configuration, each mistake one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, open_dict

from rnnx.config.components import store_nodes
from rnnx.config.composer import Composer
from rnnx.config.hydra_plugins import find_hydra_plugins
from rnnx.config.overrides import Overrides, parse
from rnnx.config.plain import plain
from rnnx.config.recipes import conf_folder
from rnnx.config.resolved import ResolvedConfig
from rnnx.contracts.components import KINDS
from rnnx.errors import ConfigError
from rnnx.registry.manager import plugins
from rnnx.system.secrets import name_servers

APPLICATION = "hydra_app"  # hydra.job.name, which Hydra takes from the file of the task
_LOCK = threading.RLock()  # Hydra's state is global


def resolve(overrides: Sequence[str] | Overrides) -> ResolvedConfig:
    """The configuration of these overrides, checked in every key, type and range."""
    parsed = _of_one_run(overrides)
    with composer() as compose_one:
        config = compose_one(parsed)
    return _checked(config)


def resolve_for_hydra(overrides: Sequence[str] | Overrides) -> tuple[ResolvedConfig, DictConfig]:
    """The same, and what Hydra's application runs with: the configuration with Hydra's own node."""
    parsed = _of_one_run(overrides)
    with composer() as compose_one:
        config = compose_one(parsed)
        node = compose_one.hydra_node(parsed)
    made = _checked(config)
    with open_dict(config):
        config.hydra = node
    return made, config


def _of_one_run(overrides: Sequence[str] | Overrides) -> Overrides:
    parsed = parse(overrides)
    parsed.refuse_sweeps()
    return parsed


def _checked(config: DictConfig) -> ResolvedConfig:
    values = plain(config)
    name_servers(values["tracker"])
    made = ResolvedConfig.of(values)
    if made.settings.sweep.replicates > 1:
        count = made.settings.sweep.replicates
        raise ConfigError(f"sweep.replicates={count}: trains several seeds; add -m")
    return made


def compose(overrides: Sequence[str] | Overrides) -> dict[str, Any]:
    """The same as plain values."""
    return resolve(overrides).values


@contextmanager
def composer() -> Iterator[Composer]:
    """A function from parsed overrides to a DictConfig, in a Hydra of its own.

    The caller may be inside a Hydra application or a notebook, so the state of Hydra and OmegaConf
    is put back at the end. Threads take turns.
    """
    with _LOCK, _hosts_hydra(), _own_hydra() as made:
        yield made


@contextmanager
def _hosts_hydra() -> Iterator[None]:
    """Put back Hydra's version base, which decides in which folder a host's next job works, and
    OmegaConf's resolvers.
    """
    from hydra.version import VersionBase
    from omegaconf.basecontainer import BaseContainer

    base, resolvers = VersionBase.instance().getbase(), dict(BaseContainer._resolvers)
    try:
        yield
    finally:
        VersionBase.instance().version_base = base
        BaseContainer._resolvers.clear()
        BaseContainer._resolvers.update(resolvers)


@contextmanager
def _own_hydra() -> Iterator[Composer]:
    find_hydra_plugins()  # before Hydra looks for them
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    repo, groups = ConfigStore.instance().repo, (*KINDS, "schema")
    before, theirs = GlobalHydra.instance().hydra, {g: repo.pop(g, None) for g in groups}
    GlobalHydra.instance().clear()
    try:
        prepare_hydra()
        with initialize_config_dir(str(conf_folder()), job_name=APPLICATION, version_base="1.3"):
            yield Composer(GlobalHydra.instance().config_loader())
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

    from rnnx.config.recipe_source import PLUGIN_SCHEME, PluginRecipes, RecipeSource

    class PluginFolders(SearchPathPlugin):  # type: ignore[misc]
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            # Hydra asks it for every application; it changes rnnx's own search path alone.
            if not any(part.path.endswith(str(conf_folder())) for part in search_path.get_path()):
                return
            for owner, path in plugins().conf_paths:
                own = path.replace("pkg", PLUGIN_SCHEME, 1)
                search_path.append(owner.distribution, own)

    find_hydra_plugins()
    known = Plugins.instance()
    if not any(p.__name__ == "PluginFolders" for p in known.discover(SearchPathPlugin)):
        known.register(PluginFolders)
        known.register(RecipeSource)
        known.register(PluginRecipes)
    store_nodes()
