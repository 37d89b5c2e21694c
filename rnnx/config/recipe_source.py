"""The user's own folder of recipes as Hydra sees it: ``recipes://FOLDER`` in hydra.searchpath.

Hydra would read any file that a recipe or a link in the folder leads to. Through this source it
sees ``experiment/`` and ``sweep/`` alone, and of their files what :func:`read_recipe` lets pass.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource

from rnnx.config.recipes import NAME, SCHEME, read_recipe
from rnnx.contracts.components import RECIPES
from rnnx.errors import ConfigError

GLOBAL = "_global_"


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


def _names(folder: Path | None) -> list[str]:
    try:
        return os.listdir(folder) if folder else []
    except OSError:
        return []
