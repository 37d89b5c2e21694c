"""Import one plugin and collect what it registers."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pluggy

from rnnx.contracts.components import API_VERSION, KINDS, RECIPES, TABLES
from rnnx.registry import hookspecs
from rnnx.registry.hookspecs import Register
from rnnx.registry.registry import Entry, Owner, imported
from rnnx.system.suggestion import did_you_mean
from rnnx.system.text import one_line

GROUP = "rnnx"
HOOKS = [*(f"register_{plural}" for plural in KINDS.values()), "conf_paths"]


class Staged(NamedTuple):
    """What an entry point registers; nothing of it is in the registry yet."""

    entries: list[Entry]
    conf_paths: list[str]
    notes: list[str]  # what its author should know, though it works


class InvalidPlugin(RuntimeError):
    """A plugin breaks a rule of rnnx: the message says which one, and what to do."""


def stage(entry_point: metadata.EntryPoint, owner: Owner, third_party: bool = True) -> Staged:
    """Import a plugin and collect what it registers.

    Raises InvalidPlugin, or whatever the plugin raises. What the import of a ``third_party``
    plugin changes in the process is put back.
    """
    if entry_point.pattern.match(entry_point.value) is None:
        raise InvalidPlugin(
            f"the entry point {entry_point.value!r} is not of the form package.module; "
            "correct pyproject.toml and install again"
        )
    notes: list[str] = []
    with isolated_import(notes) if third_party else contextlib.nullcontext():
        plugin = entry_point.load()
        _refuse_other_api(plugin)
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(plugin)
        _refuse_unknown_hooks(manager)
        _refuse_unmarked(plugin, manager)
        staged: list[Entry] = []
        for kind, plural in KINDS.items():
            caller, before = getattr(manager.hook, f"register_{plural}"), len(staged)
            _refuse_signature(caller)
            for answer in caller(register=_register(kind, owner, staged, third_party)):
                _refuse_answer(caller.name, answer)
            if caller.get_hookimpls() and len(staged) == before:
                notes.append(f"{caller.name} registers nothing; call register(name, Class)")
        paths = [path for some in manager.hook.conf_paths() for path in _conf_paths(some)]
    return Staged(staged, paths, notes)


@contextlib.contextmanager
def isolated_import(notes: list[str]) -> Iterator[None]:
    """Put back what an import changes in the process, and note it.

    That is the working directory, NumPy's error settings, and the global generators of NumPy and
    Python. What the plugin prints and what it warns of becomes a note, too.
    """
    printed, folder, errors = io.StringIO(), os.getcwd(), np.geterr()
    # Importing numpy.random takes time; where nobody has imported it, nobody has drawn from it.
    state: Any = np.random.get_state() if "numpy.random" in sys.modules else None
    own_state = random.getstate()
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", module=r"pluggy\..*")
            warnings.filterwarnings("always", message=".*hook", category=DeprecationWarning)
            yield
    finally:
        if os.getcwd() != folder:
            os.chdir(folder)
            notes.append("changes the working directory while it is imported; it was put back")
        if np.geterr() != errors:
            np.seterr(**errors)
            notes.append("changes NumPy's error settings while it is imported; they were put back")
        if state and _has_drawn(state):
            np.random.set_state(state)
            notes.append("uses NumPy's global generator while it is imported; it was put back")
        if random.getstate() != own_state:
            random.setstate(own_state)
            notes.append("uses Python's global generator while it is imported; it was put back")
    if text := " ".join(printed.getvalue().split()):
        notes.append(f"prints while it is imported: {text[:100]}")
    notes += [" ".join(str(one.message).split()) for one in caught]


def _has_drawn(before: Any) -> bool:
    """Whether NumPy's global generator is in another state than ``before``."""
    now: Any = np.random.get_state()
    return bool(now[2] != before[2] or not np.array_equal(now[1], before[1]))


def _refuse_other_api(plugin: object) -> None:
    wanted = getattr(plugin, "requires_api", API_VERSION)
    if wanted == API_VERSION and not isinstance(wanted, bool):
        return
    newer = isinstance(wanted, int) and wanted > API_VERSION
    raise InvalidPlugin(
        f"requires_api is {wanted!r}, this rnnx has API version {API_VERSION}: "
        + ("install a newer rnnx" if newer else "install a newer version of the plugin")
    )


def _refuse_unknown_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        found = re.search(r"unknown hook '([^']+)'", str(error))
        name = found[1] if found else "?"
        meant = did_you_mean(name, HOOKS)
        raise InvalidPlugin(
            f"there is no hook {name!r}; the hooks are {', '.join(HOOKS)}{meant}"
        ) from error


def _refuse_unmarked(plugin: object, manager: pluggy.PluginManager) -> None:
    """InvalidPlugin where a function has a hook's name but no mark, or where no hook is there."""
    marked = {caller.name for caller in manager.get_hookcallers(plugin) or []}
    names = vars(plugin) if isinstance(plugin, ModuleType) else dir(plugin)
    for name in HOOKS:
        if name in names and name not in marked and callable(getattr(plugin, name)):
            raise InvalidPlugin(f"{name} is not marked as a hook; write @rnnx.hookimpl above it")
    if not marked:
        raise InvalidPlugin(
            f"it has no hooks; mark at least one of {', '.join(HOOKS[:-1])} with @rnnx.hookimpl"
        )


def _refuse_signature(caller: Any) -> None:
    for hook in caller.get_hookimpls():
        if "register" not in hook.argnames:
            raise InvalidPlugin(
                f"write def {caller.name}(register): it takes register, without a default"
            )


def _refuse_answer(name: str, answer: object) -> None:
    # pluggy leaves None out: every answer that arrives here was returned.
    if hasattr(answer, "close"):
        answer.close()  # a coroutine or generator that never ran would warn
    raise InvalidPlugin(
        f"{name} returned {type(answer).__name__}: call register(name, Class) in a plain function "
        "and return nothing"
    )


def _register(kind: str, owner: Owner, staged: list[Entry], third_party: bool) -> Register:
    def register(name: str, component: type[Any] | str) -> None:
        # A plugin that is broken is to be told at once; rnnx's own are imported when chosen.
        if isinstance(component, str) and third_party:
            component = _imported(name, component)
        staged.append(Entry(kind, name, component, owner))

    return register


def _imported(name: str, place: str) -> type[Any]:
    try:
        return imported(place)
    except (ValueError, AttributeError, ImportError) as error:
        raise InvalidPlugin(
            f"register({name!r}, {place!r:.100}): cannot be imported ({one_line(error)}); give the "
            "class, or its place as 'package.module:Class'"
        ) from error


def _conf_paths(paths: object) -> list[str]:
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list | tuple) or not all(
        isinstance(path, str) and path.startswith("pkg://") for path in paths
    ):
        raise InvalidPlugin(
            f"conf_paths must return a list of 'pkg://…' strings, not {paths!r:.100}"
        )
    for path in paths:
        _refuse_foreign_files(path)
    return list(paths)


def folder_of(path: str) -> Traversable:
    """The folder that ``pkg://package/folder`` names."""
    package, _, below = path.removeprefix("pkg://").partition("/")
    return resources.files(package) / below if below else resources.files(package)


def recipes_in(path: str) -> list[str]:
    """The recipes below ``pkg://package/folder``, as ``experiment/NAME``, and published tables."""
    folders = [item for item in folder_of(path).iterdir() if item.name in (*RECIPES, TABLES)]
    return [
        f"{folder.name}/{item.name.removesuffix('.yaml')}"
        for folder in folders
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    ]


def _refuse_foreign_files(path: str) -> None:
    """InvalidPlugin where the folder is missing, or has files that would hide those of rnnx."""
    try:
        inside = sorted(item.name for item in folder_of(path).iterdir())
    except Exception as error:  # whatever an import raises
        raise InvalidPlugin(f"conf_paths: {path} is no folder of a package ({error})") from error
    others = [n for n in inside if n not in (*RECIPES, TABLES, "__init__.py", "__pycache__")]
    if others:
        raise InvalidPlugin(
            f"conf_paths: {path} holds {others[0]}; keep only experiment/*.yaml, sweep/*.yaml and "
            f"{TABLES}/*.yaml there: anything else would hide files of rnnx"
        )
