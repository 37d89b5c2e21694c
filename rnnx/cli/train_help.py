"""``rnnx train --help``: every component and every setting, with a line of its docstring."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rnnx.config.recipes import MAIN, conf_folder
from rnnx.config.settings import Train
from rnnx.registry.description import initializer_keys, kinds_and_names, options_of
from rnnx.registry.first_line import first_line_of
from rnnx.registry.importing import folder_of
from rnnx.registry.manager import CORE, plugins
from rnnx.system.text import printable

# The folders of recipes and what they hold.
RECIPES = {
    "experiment": "recipes of components and values",
    "sweep": "sets of values for -m",
}

HEAD = """Usage: rnnx train [KEY=VALUE …] [-m]

Trains a network. KIND=NAME chooses a component, KIND.OPTION=VALUE sets one of its options, which
rnnx describe KIND NAME lists. -m trains with every combination of KEY=A,B.
"""


def show() -> None:
    """Print the help, each line no wider than a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in _lines():
        text = printable(line)
        print(text if not width or len(text) <= width else text[: max(width - 1, 20)] + "…")


def _lines() -> Iterator[str]:
    yield from HEAD.splitlines()
    chosen = defaults()
    for kind, entries in kinds_and_names():
        yield ""
        yield f"{kind}:" + (f" (default: {chosen[kind]})" if kind in chosen else _how(kind))
        for entry in entries:
            foreign = "" if entry.owner.distribution == CORE else f" [{entry.owner.distribution}]"
            yield f"  {entry.name:<20} {first_line_of(entry)}{foreign}"
    for group, about in RECIPES.items():
        yield ""
        yield f"{group}: {about}; choose with {group}=NAME"
        for name, comment in recipes(group):
            yield f"  {name:<20} {comment}"
    yield ""
    yield "settings of the run:"
    for option in options_of(Train):
        yield f"  {option.name + '=' + option.default:<28} {option.about}"
    yield ""
    yield "options: -m/--multirun, --dry-run (with -m), -c/--cfg job|hydra|all, -i/--info,"
    yield "         -p/--package, --resolve, --config-dir FOLDER, --hydra-help, --debug, -h/--help"


def _how(kind: str) -> str:
    if kind == "probe":
        return " (default: none; several: probe=[NAME,NAME]; options: probes.NAME.OPTION)"
    return f" (chosen with {', '.join(initializer_keys())})"


def defaults() -> dict[str, str]:
    """Kind → the component that train.yaml chooses."""
    import yaml

    listed = yaml.safe_load((conf_folder() / f"{MAIN}.yaml").read_text("utf-8"))["defaults"]
    pairs = (next(iter(item.items())) for item in listed if isinstance(item, dict))
    return {str(kind): name for kind, name in pairs if isinstance(name, str)}


def recipes(group: str) -> list[tuple[str, str]]:
    """Every recipe, of rnnx and of plugins, with the comment that it begins with."""
    found: dict[str, str] = {}
    own = [Path(str(folder_of(path))) for _, path in plugins().conf_paths]
    for folder in [conf_folder(), *own]:
        for file in sorted((folder / group).glob("*.yaml")):
            found.setdefault(file.stem, _comment(file))
    return sorted(found.items())


def _comment(file: Path) -> str:
    for line in file.read_text("utf-8", "replace").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ")
    return ""
