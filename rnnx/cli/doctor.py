"""``rnnx plugins doctor``: every plugin, what is wrong with it, and what to do."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from rnnx.comparison.published import read_table, tables_in
from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.config.recipes import conf_folder
from rnnx.contracts.components import RECIPES, TABLES
from rnnx.errors import RnnxError
from rnnx.registry.importing import folder_of
from rnnx.registry.manager import CORE, Failure, Plugins, plugins
from rnnx.registry.registry import Entry, Owner
from rnnx.system.text import one_line, printable

# A pattern of a failure → what the plugin's author or user can do.
ADVICE: Sequence[tuple[str, str]] = (
    (
        r"No module named '(?P<name>[\w.]+)'",
        "if {name} is the plugin's own, its pyproject.toml names a module that does not exist: "
        "correct it and install again; else pip install the library with {name}, and add it to "
        "the plugin's dependencies",
    ),
    (r"^SyntaxError|^IndentationError", "correct that line; the plugin may need a newer Python"),
    (
        r"^SystemExit",
        "a module must not end the process that imports it",
    ),
    (r"^AttributeError: module", "the entry point names an object that the module does not have"),
    (r"there is no hook", "rnnx finds hooks by their names: rename the function to one of those"),
    (r"requires_api", "use a newer rnnx or another version of the plugin, until the versions fit"),
    (r"registered twice", "remove one of the two entry points, or calls of register"),
    (r"is registered by", "uninstall one of the plugins, or have its author rename the component"),
    (r"a field called|asks for one|has no method|its method", "see docs/reference/contracts"),
    (
        r"no configuration can be made",
        "fields are numbers, texts, booleans, Enums, float | None, or dataclasses of these",
    ),
)


SLOW = 1.0  # seconds of an import that are worth a note
FIELDS = "fields are numbers, texts, booleans, Enums, or frozen dataclasses of these"


class Finding(NamedTuple):
    """A fault of a plugin, or a note on it."""

    owner: Owner
    text: str
    wrong: bool
    advice: str = ""


def doctor() -> int:
    """Print every plugin and what is wrong with it; 1 if something is."""
    # Where nothing has imported it, loading cannot tell whether a plugin draws from it.
    importlib.import_module("numpy.random")
    found = plugins()
    findings = list(_findings(found))
    for owner in _owners(found):
        print(printable(f"{owner} ({owner.entry_point})"))
        own = [finding for finding in findings if finding.owner == owner]
        for finding in own:
            print(f"  {'wrong' if finding.wrong else 'note'}: {printable(finding.text)}")
            if finding.advice:
                print(f"         {printable(finding.advice)}")
        if not any(finding.wrong for finding in own):
            print(printable(f"  ok: {_registered(found, owner)}"))
    wrong = sum(finding.wrong for finding in findings)
    print(f"{wrong} wrong" if wrong else "all plugins are ok")
    return 1 if wrong else 0


def _owners(found: Plugins) -> list[Owner]:
    owners = dict.fromkeys([*found.owners, *(failure.owner for failure in found.failures)])
    return list(owners)


def _registered(found: Plugins, owner: Owner) -> str:
    names = [f"{entry.kind} {entry.name}" for entry in found.registry if entry.owner == owner]
    names += [f"folder {path}" for other, path in found.conf_paths if other == owner]
    return ", ".join(names) or "nothing registered"


def _findings(found: Plugins) -> Iterator[Finding]:
    for failure in found.failures:
        where = (
            f" ({failure.where})" if failure.where and failure.where not in failure.cause else ""
        )
        yield Finding(failure.owner, failure.cause + where, True, advice(failure))
    for note in found.notes:
        yield Finding(note.owner, note.text, False)
    for owner, seconds in found.seconds.items():
        if seconds > SLOW and owner.distribution != CORE:
            text = f"takes {seconds:.1f} s to import, for which every command waits"
            yield Finding(owner, text, False, "import heavy libraries inside functions")
    for entry in found.registry:
        if entry.owner.distribution != CORE:
            yield from _component(entry)
    for owner, path in found.conf_paths:
        yield from _recipes(owner, path)
        yield from _tables(owner, path)


def advice(failure: Failure) -> str:
    """What to do about a failure; "" where the failure itself says it."""
    for pattern, words in ADVICE:
        if match := re.search(pattern, failure.cause):
            return words.format(**match.groupdict())
    if failure.where:
        return "correct that line of the plugin: rnnx only imported it and called its hooks"
    return ""


def _component(entry: Entry) -> Iterator[Finding]:
    """What is wrong with a component that is made with its defaults."""
    what = f"{entry.kind} {entry.name}"
    try:
        component = entry.component()
    except TypeError as error:
        if "required positional" not in str(error):
            yield Finding(entry.owner, f"{what}: {one_line(error)}", True)
        return
    except (Exception, SystemExit) as error:  # whatever a __post_init__ raises
        cause = f"{what}: its defaults are refused: {one_line(error)}"
        yield Finding(entry.owner, cause, True, "give fields defaults within their ranges")
        return
    try:
        hash(component)
    except TypeError as error:
        cause = f"{what}: a component must be hashable: {error}"
        yield Finding(entry.owner, cause, True, FIELDS)
        return
    yield from _changed_fields(entry, component)


def _changed_fields(entry: Entry, component: Any) -> Iterator[Finding]:
    """The fields that a configuration gives to the component with another type."""
    try:
        made = component_from(entry.kind, {"name": entry.name})
    except RnnxError as error:
        yield Finding(entry.owner, f"{entry.kind} {entry.name}: {error}", True)
        return
    for item in fields(component):
        default, arrives = getattr(component, item.name), getattr(made, item.name)
        if type(default) is not type(arrives):
            cause = (
                f"{entry.kind} {entry.name}: field {item.name} is {type(default).__name__} by "
                f"default, but a configuration gives it as {type(arrives).__name__}"
            )
            yield Finding(entry.owner, cause, True, FIELDS)


def _recipe_files(path: str) -> list[tuple[str, str]]:
    """Group and file name of every recipe in a plugin's folder."""
    found = [(group, folder_of(path) / group) for group in RECIPES]
    return [(g, file.name) for g, folder in found if folder.is_dir() for file in folder.iterdir()]


def _recipes(owner: Owner, path: str) -> Iterator[Finding]:
    """What is wrong with the recipes in a plugin's folder: each is composed once."""
    for group, file in _recipe_files(path):
        name = file.removesuffix(".yaml")
        if (conf_folder() / group / file).is_file():
            yield _hidden(owner, f"{group} {name}")
            continue
        try:
            compose([f"{group}={name}"])
        except RnnxError as error:
            yield Finding(owner, f"{group} {name}: {error}", True)


def _tables(owner: Owner, path: str) -> Iterator[Finding]:
    """What is wrong with the published tables in a plugin's folder."""
    for file in tables_in(folder_of(path)):
        if (conf_folder() / TABLES / file.name).is_file():
            yield _hidden(owner, f"{TABLES} {file.name.removesuffix('.yaml')}")
            continue
        try:
            read_table(file, file.name.removesuffix(".yaml"))
        except RnnxError as error:
            yield Finding(owner, str(error), True)


def _hidden(owner: Owner, name: str) -> Finding:
    cause = f"{name}: rnnx has one of that name, which hides it"
    return Finding(owner, cause, True, "rename the file")
