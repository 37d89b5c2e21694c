"""Parsed overrides → a composed configuration."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnx.config.overrides import SEARCHPATH
from rnnx.config.recipes import MAIN, NAME
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError, UnknownComponent
from rnnx.registry.manager import registry
from rnnx.registry.registry import Registry, unknown_name
from rnnx.registry.schema import child_of, error_line
from rnnx.system.suggestion import nearest

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


# Hydra's words for a recipe whose content goes to a key of the recipe's group.
NO_PACKAGE = re.compile(r"In '((?:experiment|sweep)/.*?)': .*Key '(?:experiment|sweep)' not in")


# Hydra's words for a choice in a recipe that nothing has, and for the folders that it looked in.
NOT_FOUND = re.compile(r"(?:In '([^']*)': )?Could not (?:find|load) '([^']*)/([^'/]*)'")
FOLDERS = re.compile(r"path=(?:file|recipes)://(.+?),?$", re.MULTILINE)


MAX_REMEMBERED = 32  # of some hundred nodes each


class _Remembered:
    """Compositions that are equal in every Hydra of this process, and what they were made with."""

    registry: Registry | None = None
    composed: dict[tuple[str, ...], DictConfig]


_remembered = _Remembered()


class Composer:
    """Composes configurations in the Hydra that is set up around it.

    Hydra composes the choices from groups, which takes a tenth of a second, so the result is kept
    for the next configuration with the same choices, and for other Hydras of the process where no
    recipe is among them. Values are set in a copy of it.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader  # Hydra's
        # Of these choices: the configuration, and Hydra's own node.
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}
        self._options: dict[str, list[str]] = {}

    def __call__(self, overrides: Iterable[Override]) -> DictConfig:
        """The configuration of ``overrides``; ConfigError or UnknownComponent for a wrong one."""
        choices, values = self._parted(overrides)
        config = copy.deepcopy(self._base(choices))
        for override in values:
            set_value(config, override)
        return config

    def hydra_node(self, overrides: Iterable[Override]) -> DictConfig:
        """Hydra's own part of the same configuration, as its application composes it."""
        overrides = list(overrides)
        node = copy.deepcopy(self._of_choices(self._parted(overrides)[0])[1])
        own = [override for override in overrides if not override.is_hydra_override()]
        node.overrides.task = [str(override.input_line) for override in own]
        node.job.override_dirname = _dirname(own, node.job.config.override_dirname)
        return node

    def _base(self, choices: Sequence[Override]) -> DictConfig:
        """What these compose to, from this process's memory where no recipe is among them."""
        if not all(_is_remembered(override.key_or_group) for override in choices):
            return self._of_choices(choices)[0]  # a recipe may have been edited
        chosen, memory = tuple(str(override.input_line) for override in choices), _memory()
        if chosen not in memory:
            if len(memory) == MAX_REMEMBERED:
                del memory[next(iter(memory))]
            memory[chosen] = self._of_choices(choices)[0]
        return memory[chosen]

    def _of_choices(self, choices: Iterable[Override]) -> tuple[DictConfig, DictConfig]:
        """What Hydra composes of these, and its own node."""
        chosen = tuple(str(override.input_line) for override in choices)
        if chosen not in self._composed:
            composed = _compose(chosen)
            with open_dict(composed):
                self._composed[chosen] = composed, composed.pop("hydra")
        return self._composed[chosen]

    def _parted(self, overrides: Iterable[Override]) -> tuple[list[Override], list[Override]]:
        """Those that Hydra has to compose, and those that set a value."""
        overrides = list(overrides)
        folders = [o.value() for o in overrides if o.key_or_group == SEARCHPATH]
        choices: list[Override] = []
        values: list[Override] = []
        for override in overrides:
            chooses = self._chooses(override, folders)
            (choices if chooses else values).append(override)
        return choices, values

    def options(self, group: str) -> list[str]:
        """The names of a group's choices; those in a user's folder once it was composed with."""
        names: list[str] = self._loader.get_group_options(group)
        return names

    def _chooses(self, override: Override, folders: Sequence[Any]) -> bool:
        """Whether Hydra has to compose it: it chooses from a group, or is about Hydra itself."""
        group = override.key_or_group
        # Only Hydra knows the recipes of a user's own folder, and only while it composes.
        if folders and group in RECIPES:
            _refuse_paths(override)
            return True
        if group in KINDS and group != "initializer":
            _refuse_option_files(override, folders)
            _check_component(override)
            return True
        if group in RECIPES or group.startswith("hydra/"):
            self._check_option(override)
        return group in RECIPES or group.startswith("hydra")

    def _check_option(self, override: Override) -> None:
        """ConfigError where the group has options, and this is none of them."""
        group, name = override.key_or_group, override.value()
        if group not in self._options:
            self._options[group] = self._loader.get_group_options(group)
        options = self._options[group]
        if (options or group in RECIPES) and name is not None and name not in options:
            raise ConfigError(unknown_name(group, group, str(name), options))


def _is_remembered(group: str) -> bool:
    """Whether a choice is one of a component, or of Hydra's own launchers and sweepers."""
    return group in KINDS or group.startswith("hydra/")


def _memory() -> dict[tuple[str, ...], DictConfig]:
    """What was composed of components' choices with the plugins that are loaded now."""
    if _remembered.registry is not registry():
        _remembered.registry, _remembered.composed = registry(), {}
    return _remembered.composed


def _dirname(overrides: Sequence[Override], how: DictConfig) -> str:
    """Hydra's ``hydra.job.override_dirname``."""
    from hydra._internal.config_loader_impl import get_overrides_dirname

    name: str = get_overrides_dirname(list(overrides), how.exclude_keys, how.item_sep, how.kv_sep)
    return name


def _check_component(override: Override) -> None:
    """UnknownComponent or ConfigError where no component has the name."""
    kind, value = override.key_or_group, override.value()
    for name in value if isinstance(value, list) and kind == "probe" else [value]:
        if not isinstance(name, str):
            choices = ", ".join(registry().names(kind))
            raise ConfigError(f"{override.input_line}: must name a {kind}; choose: {choices}")
        registry().get(kind, name)


def _refuse_option_files(override: Override, folders: Sequence[Any]) -> None:
    """ConfigError for a component's values in a file of the user's folder, as Hydra has options."""
    kind, name = override.key_or_group, override.value()
    if not isinstance(name, str) or name in registry().names(kind) or not NAME.fullmatch(name):
        return
    for listed in folders:
        for folder in listed if isinstance(listed, list) else [listed]:
            path = unquote(str(folder).partition("://")[2]) + f"/{kind}/{name}.yaml"
            if os.path.isfile(path):
                raise ConfigError(
                    f"{kind}={name}: {path} is not read: a folder of recipes has "
                    f"{' and '.join(RECIPES)} alone; put its values below '{kind}:' into "
                    f"experiment/{name}.yaml and say experiment={name}"
                )


def _refuse_paths(override: Override) -> None:
    """ConfigError where the name of a recipe leads out of its folder."""
    for name in str(override.value()).split("/"):
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{override.input_line}: is not the name of a recipe; the folder of recipes is "
                "--config-dir's"
            )


def _compose(choices: Sequence[str]) -> DictConfig:
    from hydra import compose
    from hydra.errors import HydraException
    from yaml import YAMLError

    try:
        composed: DictConfig = compose(MAIN, list(choices), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError, YAMLError) as error:
        line = " ".join(str(error).split())
        if found := NO_PACKAGE.search(line):
            line = f"{found[1]}.yaml: begin it with the line: # @package _global_"
        elif missing := _missing_choice(str(error), choices):
            line = missing
        raise ConfigError(line) from None
    return composed


def _missing_choice(told: str, choices: Sequence[str]) -> str:
    """The error for a recipe that chooses what nothing has, with its file; "": it is another."""
    found = NOT_FOUND.search(told)
    if not found:
        return ""
    recipe, group, name = found.groups()
    pairs = [choice.lstrip("+").partition("=") for choice in choices]
    chosen = [f"{key}/{value}" for key, _, value in pairs if key in RECIPES]
    folders = [unquote(folder.strip()) for folder in FOLDERS.findall(told)]
    files = [f"{folder}/{one}.yaml" for one in (recipe, *chosen) for folder in folders]
    there = [file for file in files if "/" in file and os.path.isfile(file) and _names(file, name)]
    if not there:
        return ""
    if group not in KINDS:
        return f"{there[0]}: {group}={name}: there is no such {group}"
    try:
        registry().get(group, name)
    except UnknownComponent as error:
        return f"{there[0]}: {error}"
    return ""


def _names(file: str, name: str) -> bool:
    """Whether a recipe names a component or another recipe."""
    with open(file, encoding="utf-8", errors="replace") as opened:
        return bool(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", opened.read()))


def set_value(config: DictConfig, override: Override) -> None:
    """Set one value; ConfigError says what the key could have been, or the value."""
    key, value = override.key_or_group, override.value()
    if value == "???":  # OmegaConf would leave the default, without a word
        raise ConfigError(f"{key}=???: is how OmegaConf says that nothing is set; give a value")
    parts = key.split(".")
    node: Any = config
    for place, part in enumerate(parts):
        # Not ``part in node``: that is False for a field without a default, which has no value yet.
        is_known = isinstance(node, DictConfig) and part in list(node)
        if not is_known and not (place == len(parts) - 1 and _is_open(node)):
            raise ConfigError(_no_such_key(key, parts[:place], node))
        node = child_of(node, part) if is_known else None
    if parts[-1] == "name" and len(parts) > 1 and (kind := parts[-2]) in KINDS:
        raise ConfigError(f"{key}={value}: choose a {kind} with {kind}={value}")
    try:
        OmegaConf.update(config, key, value, merge=True)
    except OmegaConfBaseException as error:
        raise ConfigError(error_line(error)) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{key}={value}: {error}") from None


def _is_open(node: Any) -> bool:
    """Whether it is a mapping that has the keys it is given."""
    return isinstance(node, DictConfig) and OmegaConf.is_struct(node) is False


def _no_such_key(key: str, parents: Sequence[str], node: Any) -> str:
    parent = ".".join(parents)
    if not isinstance(node, DictConfig):
        return f"{key}: {parent} is a value and has no keys of its own"
    names = [str(name) for name in node if name != "name"]
    where = f"in {parent}" if parent else "here"
    message = (
        f"{key}: there is no such key {where}; choose from {', '.join(names) or '— (it has none)'}"
    )
    if close := nearest(key.split(".")[len(parents)], names):
        message += f"; did you mean {'.'.join([*parents, close])}?"
    return message
