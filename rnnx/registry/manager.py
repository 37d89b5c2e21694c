"""Load all entry points, one by one: a broken plugin does not affect the others."""

from __future__ import annotations

import functools
import os
import sysconfig
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from rnnx.contracts.components import KINDS
from rnnx.registry.importing import GROUP, InvalidPlugin, recipes_in, stage
from rnnx.registry.registry import Owner, Registry
from rnnx.registry.validation import validate
from rnnx.system.distributions import entry_points, name_and_version, normalized
from rnnx.system.text import one_line, printable

PACKAGE = Path(__file__).resolve().parents[1]  # frames below it are rnnx's own
CORE = "rnnx"  # the distribution whose plugins come first and keep their names


@dataclass(frozen=True)
class Failure:
    """A plugin, or a part of one, that could not be used."""

    owner: Owner
    cause: str  # one line
    where: str = ""  # "scrn.py, line 7": the plugin's innermost line, if one raised
    error: str = ""  # the exception's class, if there was one

    def __str__(self) -> str:
        return f"plugin {self.owner} ({self.owner.entry_point}): {self.cause}"


@dataclass(frozen=True)
class Note:
    """What a plugin's author should know, though it works."""

    owner: Owner
    text: str

    def __str__(self) -> str:
        return f"plugin {self.owner} ({self.owner.entry_point}): {self.text}"


@dataclass
class Plugins:
    """What all installed entry points register."""

    registry: Registry = field(default_factory=Registry)
    failures: list[Failure] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)  # of entry points that loaded
    conf_paths: list[tuple[Owner, str]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # the digests that were asked for
    seconds: dict[Owner, float] = field(default_factory=dict)  # that importing a plugin took


_state = threading.local()  # whether this thread is loading plugins


@functools.cache
def plugins() -> Plugins:
    """All plugins, loaded once a process."""
    if getattr(_state, "loading", False):
        raise InvalidPlugin(
            "asks rnnx for components while it is imported, when none is registered yet; "
            "ask inside a function"
        )
    installed, failures = _installed()
    found = load(_selected(installed))
    found.failures += failures
    return found


def _installed() -> tuple[list[metadata.EntryPoint], list[Failure]]:
    """The entry points of all distributions, and the distributions that cannot say theirs."""
    try:
        return list(metadata.entry_points(group=GROUP)), []  # reads no distribution's metadata
    except Exception:
        found, damaged = entry_points(group=GROUP)
    failures = []
    for name, version, error in damaged:
        cause = f"cannot be read ({one_line(error, 100)}); install the package anew or remove it"
        failures.append(Failure(Owner(name, version, "entry_points.txt"), printable(cause)))
    return list(found), failures


def registry() -> Registry:
    """The components of all plugins."""
    return plugins().registry


def load(entry_points: list[metadata.EntryPoint]) -> Plugins:
    """Load these entry points: those of rnnx first, then by distribution and name."""
    found = Plugins()
    owned = [(entry_point, _owner(entry_point)) for entry_point in entry_points]
    for entry_point, owner in sorted(owned, key=_order):
        third_party = owner.distribution != CORE
        _state.loading, began = True, time.perf_counter()
        try:
            staged = stage(entry_point, owner, third_party)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit at import, too
            found.failures.append(_failure(owner, error))
            continue
        finally:
            _state.loading = False
            found.seconds[owner] = time.perf_counter() - began
        found.owners.append(owner)
        found.notes += [Note(owner, printable(text)) for text in staged.notes]
        found.failures += [
            Failure(owner, text) for text in _hidden_recipes(found, staged.conf_paths)
        ]
        found.conf_paths += [(owner, path) for path in staged.conf_paths]
        for entry in staged.entries:
            cause = validate(entry, third_party)
            if cause:
                refused = f"is refused, {printable(cause)} (plugin {owner})"
                found.registry.refused[entry.kind, str(entry.name)] = refused
            else:
                cause = found.registry.add(entry, keeps_names=CORE)
            if cause:
                found.failures.append(Failure(owner, printable(cause)))
    return found


def _hidden_recipes(found: Plugins, paths: list[str]) -> Iterator[str]:
    """A line for each recipe of ``paths`` that an earlier plugin has, too: Hydra takes that one."""
    earlier = {name: str(owner) for owner, path in found.conf_paths for name in recipes_in(path)}
    for name in sorted({name for path in paths for name in recipes_in(path)} & earlier.keys()):
        yield f"conf_paths: {name}.yaml is a recipe of {earlier[name]}, too, and that one is used"


def _failure(owner: Owner, error: BaseException) -> Failure:
    cause = str(error) if isinstance(error, InvalidPlugin) else one_line(error)
    return Failure(owner, printable(cause), _where(error), type(error).__name__)


def _where(error: BaseException) -> str:
    """The innermost line of the plugin; "" where none was reached."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    ours, library = str(PACKAGE), sysconfig.get_path("stdlib")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        inside = frame.filename.startswith((ours, "<")) or "importlib" in frame.filename
        # Installed plugins lie below the standard library's folder, too.
        standard = frame.filename.startswith(library) and "site-packages" not in frame.filename
        if not (inside or standard or "pluggy" in frame.filename):
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return ""


def _selected(entry_points: list[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """All entry points, or with ``RNNX_PLUGINS=a,b`` those of rnnx and of these distributions."""
    wanted = os.environ.get("RNNX_PLUGINS")
    if wanted is None:
        return entry_points
    names = {normalized(name) for name in wanted.split(",") if name.strip()} | {CORE}
    return [e for e in entry_points if normalized(_owner(e).distribution) in names]


def _owner(entry_point: metadata.EntryPoint) -> Owner:
    name, version = _name_and_version(entry_point.dist)
    return Owner(name, version, f"{entry_point.name} = {entry_point.value}")


# Metadata is a file with the whole README in it.
_name_and_version = functools.lru_cache(maxsize=64)(name_and_version)


def _order(owned: tuple[metadata.EntryPoint, Owner]) -> tuple[bool, str, int, str]:
    entry_point, owner = owned
    plurals = list(KINDS.values())
    place = plurals.index(entry_point.name) if entry_point.name in plurals else len(plurals)
    return owner.distribution != CORE, owner.distribution, place, entry_point.name
