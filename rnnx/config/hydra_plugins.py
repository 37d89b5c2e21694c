"""Hydra's plugins of all packages, those of rnnx among them: a broken one costs itself alone."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from rnnx.system.text import one_line, printable

NAME = "hydra_plugins"  # the package in whose folders Hydra looks


@functools.cache
def find_hydra_plugins() -> tuple[str, ...]:
    """Have Hydra find every plugin that can be imported; a line for each that cannot.

    Packages share the name ``hydra_plugins``. One that has an ``__init__.py`` there, which it must
    not, hides those of all others: so its path is extended to them. A plugin that raises would end
    Hydra's search, so that it is left out of another search.
    """
    from hydra.core.plugins import Plugins

    package = importlib.import_module(NAME)
    package.__path__ = pkgutil.extend_path(list(package.__path__), NAME)
    broken: dict[str, str] = {}
    while True:
        try:
            with _without(broken):
                Plugins.instance()
            return tuple(broken.values())
        except (Exception, SystemExit) as error:
            module, folder = _searched(error)
            if module is None or module in broken:
                raise
            broken[module] = printable(
                f"Hydra plugin {module} in {folder}: {one_line(error)}; repair or uninstall the "
                "package that brings it"
            )


def _searched(error: BaseException) -> tuple[str | None, str]:
    """The module that Hydra was importing when it raised ``error``, and its folder."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "_scan_all_plugins":
            found = frame.f_locals
            return found.get("modname"), getattr(found.get("importer"), "path", "?")
    return None, ""


@contextmanager
def _without(broken: Mapping[str, str]) -> Iterator[None]:
    """Inside, Hydra's search passes over these modules."""
    from hydra.core import plugins

    def walk_packages(*arguments: Any, **options: Any) -> Iterator[pkgutil.ModuleInfo]:
        found = pkgutil.walk_packages(*arguments, **options)
        return (module for module in found if module.name not in broken)

    before, plugins.pkgutil = plugins.pkgutil, SimpleNamespace(walk_packages=walk_packages)
    try:
        yield
    finally:
        plugins.pkgutil = before
