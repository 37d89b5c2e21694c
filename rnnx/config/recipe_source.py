"""Folders of recipes as Hydra sees them: the user's own, and those that plugins bring.

Hydra would read any file that a recipe or a link in a user's folder leads to. Through
``recipes://FOLDER`` in hydra.searchpath it sees ``experiment/`` and ``sweep/`` alone, and of their
files what :func:`read_recipe` lets pass. Recipes of plugins come with code and are not checked. The
texts in both are what is written there.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

from hydra._internal.core_plugins.importlib_resources_config_source import (
    ImportlibResourcesConfigSource,
)
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnx.config.recipe_texts import with_texts_in_quotes
from rnnx.config.recipes import NAME, SCHEME, read_recipe
from rnnx.contracts.components import RECIPES
from rnnx.errors import ConfigError

GLOBAL = "_global_"
PLUGIN_SCHEME = "plugin"


class RecipeSource(ConfigSource):  # type: ignore[misc]
    """Recipes of a folder; ConfigError for one that is more than choices and values."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self._folder = Path(unquote(self.path))
        if any(name.lower() in ("hydra", "hydra.yaml") for name in _names(self._folder)):
            raise ConfigError(
                f"{self._folder / 'hydra'}: a folder of recipes has {' and '.join(RECIPES)}; "
                "Hydra's own settings are for the command line"
            )

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def available(self) -> bool:
        return self._folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        place = self._place(config_path)
        return config_path == "" or (place is not None and place.is_dir())

    def is_config(self, config_path: str) -> bool:
        place = self._place(self._normalize_file_name(config_path))
        return place is not None and place.is_file()

    def load_config(self, config_path: str) -> ConfigResult:
        path = self._place(self._normalize_file_name(config_path))
        assert path is not None  # Hydra asks is_config first
        text, config = read_recipe(path)
        try:
            header = self._get_header_dict(text)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None
        if header["package"] not in (None, GLOBAL) or set(header) != {"package"}:
            raise ConfigError(f"{path}: its first lines may say '# @package {GLOBAL}' alone")
        return ConfigResult(self.provider, f"{SCHEME}://{self.path}", config, header)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        found: list[str] = []
        for name in _names(self._place(config_path) if config_path else self._folder):
            place = os.path.join(config_path, name)
            self._list_add_result(found, place, name, results_filter)
        return sorted(set(found))

    def _place(self, config_path: str) -> Path | None:
        """The file or folder of a recipe; None where the name is no recipe's.

        ConfigError for a link on the way to it: it may lead anywhere.
        """
        group, *names = config_path.split("/")
        if group not in RECIPES or not all(NAME.fullmatch(name) for name in names):
            return None
        place = self._folder
        for name in (group, *names):
            place = place / name
            if place.is_symlink():
                raise ConfigError(f"{place}: is a symbolic link; put the recipe itself there")
        return place


class PluginRecipes(ImportlibResourcesConfigSource):  # type: ignore[misc]
    """Recipes in a package: ``plugin://PACKAGE`` in place of Hydra's ``pkg://PACKAGE``."""

    @staticmethod
    def scheme() -> str:
        return PLUGIN_SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        file = resources.files(self.path).joinpath(self._normalize_file_name(config_path))
        try:
            text = file.read_text("utf-8")
            config = OmegaConf.create(with_texts_in_quotes(text))
            header = self._get_header_dict(text)
        except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
            raise ConfigError(f"{file}: cannot be read ({' '.join(str(error).split())})") from None
        return ConfigResult(self.provider, f"{PLUGIN_SCHEME}://{self.path}", config, header)


def _names(folder: Path | None) -> list[str]:
    try:
        return os.listdir(folder) if folder else []
    except OSError:
        return []
