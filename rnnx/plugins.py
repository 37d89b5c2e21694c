"""Entry points, loaded one by one: a broken plugin costs itself alone."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from importlib import metadata
from typing import Any

import pluggy

from rnnx import hookspecs
from rnnx.contracts import API_VERSION, KINDS
from rnnx.registry import Entry, Owner, Registry

GROUP = "rnnx"
CORE = "rnnx"  # the distribution whose plugins come first and keep their names


@dataclass(frozen=True)
class Failure:
    """A plugin, or a part of one, that could not be used."""

    owner: Owner
    cause: str  # one line

    def __str__(self) -> str:
        return f"plugin {self.owner} ({self.owner.entry_point}): {self.cause}"


@dataclass
class Plugins:
    """What all installed entry points gave."""

    registry: Registry = field(default_factory=Registry)
    failures: list[Failure] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)  # of entry points that loaded
    conf_paths: list[tuple[Owner, str]] = field(default_factory=list)


@functools.cache
def plugins() -> Plugins:
    """All plugins, loaded once a process."""
    return load(_selected(metadata.entry_points(group=GROUP)))


def registry() -> Registry:
    """The components of all plugins."""
    return plugins().registry


def load(entry_points: list[metadata.EntryPoint]) -> Plugins:
    """Load these entry points, the core's first, then by distribution and name."""
    found = Plugins()
    for entry_point in sorted(entry_points, key=_order):
        owner = _owner(entry_point)
        try:
            staged, paths = _stage(entry_point, owner)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit at import is a plugin's fault, too
            found.failures.append(Failure(owner, _one_line(error)))
            continue
        found.owners.append(owner)
        found.conf_paths += [(owner, path) for path in paths]
        for entry in staged:
            cause = _unfit(entry) or found.registry.add(entry, keeps_names=CORE)
            if cause:
                found.failures.append(Failure(owner, cause))
    return found


def _selected(entry_points: metadata.EntryPoints) -> list[metadata.EntryPoint]:
    """``RNNX_PLUGINS=a,b``: these distributions alone beside the built-ins."""
    wanted = os.environ.get("RNNX_PLUGINS")
    if wanted is None:
        return list(entry_points)
    names = {_normal(name) for name in wanted.split(",") if name.strip()} | {CORE}
    return [e for e in entry_points if _normal(_owner(e).distribution) in names]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _owner(entry_point: metadata.EntryPoint) -> Owner:
    dist = entry_point.dist
    name, version = (dist.name, dist.version) if dist else ("unknown", "?")
    return Owner(name, version, f"{entry_point.name} = {entry_point.value}")


def _order(entry_point: metadata.EntryPoint) -> tuple[bool, str, int, str]:
    owner = _owner(entry_point)
    plurals = list(KINDS.values())
    place = plurals.index(entry_point.name) if entry_point.name in plurals else len(plurals)
    return owner.distribution != CORE, owner.distribution, place, entry_point.name


def _stage(entry_point: metadata.EntryPoint, owner: Owner) -> tuple[list[Entry], list[str]]:
    """Import a plugin and collect what it registers, committing nothing yet."""
    module = entry_point.load()
    wanted = getattr(module, "requires_api", API_VERSION)
    if wanted != API_VERSION:
        raise RuntimeError(
            f"requires_api is {wanted!r}, this rnnx has API version {API_VERSION}: "
            "install versions that fit together"
        )
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    _refuse_unknown_hooks(manager)
    staged: list[Entry] = []
    for kind, plural in KINDS.items():
        getattr(manager.hook, f"register_{plural}")(register=_register(kind, owner, staged))
    paths = [path for some in manager.hook.conf_paths() for path in _conf_paths(some)]
    if not staged and not paths and not manager.get_hookcallers(module):
        hooks = ", ".join(f"register_{plural}" for plural in KINDS.values())
        raise RuntimeError(f"it has no hooks; mark at least one of {hooks} with @rnnx.hookimpl")
    return staged, paths


def _refuse_unknown_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = [f"register_{plural}" for plural in KINDS.values()] + ["conf_paths"]
        name = re.search(r"unknown hook '([^']+)'", str(error))
        raise RuntimeError(
            f"there is no hook {name[1] if name else '?'!r}; the hooks are {', '.join(known)}"
        ) from error


def _register(kind: str, owner: Owner, staged: list[Entry]) -> Callable[[str, type[Any]], None]:
    def register(name: str, component: type[Any]) -> None:
        staged.append(Entry(kind, name, component, owner))

    return register


def _conf_paths(paths: object) -> list[str]:
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list | tuple) or not all(
        isinstance(path, str) and path.startswith("pkg://") for path in paths
    ):
        raise RuntimeError(f"conf_paths must return a list of 'pkg://…' strings, not {paths!r}")
    return list(paths)


def _unfit(entry: Entry) -> str | None:
    """Why a component cannot be registered, in one line."""
    from rnnx.config import component_node

    what = f"{entry.kind} {entry.name!r}"
    if not isinstance(entry.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
        return f"{what}: a name is lower case letters, digits and _, and begins with a letter"
    if not (isinstance(entry.component, type) and is_dataclass(entry.component)):
        return f"{what}: {entry.component!r} is not a dataclass; add @dataclass(frozen=True)"
    if not entry.component.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return f"{what}: its dataclass is not frozen; write @dataclass(frozen=True)"
    try:
        component_node(entry)
    except Exception as error:
        return f"{what}: no configuration can be made from its fields: {_one_line(error)}"
    return None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
