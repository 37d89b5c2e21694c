"""Recipes: files of choices and values, never of code.

Hydra makes objects of what a configuration names under some keys of its own (callbacks, launchers,
logging). The user may give such keys on the command line. A file may come from somebody else, so
the files of a user's own folder (--config-dir) must not hold them: not in any place, since Hydra's
packages can move a file's content anywhere.
"""

from __future__ import annotations

from pathlib import Path

from yaml import YAMLError

from rnnx.config.yaml_nodes import Node, nodes
from rnnx.errors import ConfigError

MAIN = "train"  # conf/train.yaml
# What Hydra instantiates; what logging's dictConfig calls; what goes into the environment.
CODE = ("_target_", "()", "class", "env_set", "searchpath")
MAX_BYTES = 2**20  # of a file of configuration


def conf_folder() -> Path:
    """The folder of train.yaml: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / f"{MAIN}.yaml").is_file():
            return folder
    raise ConfigError(f"{package / 'conf'}: holds no {MAIN}.yaml; install rnnx again")


def refuse_code(folder: Path) -> None:
    """ConfigError for a YAML file below ``folder`` that names something to be imported or run."""
    for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
        if not path.is_file():
            continue
        for node in _nodes(path):
            if node.text in CODE or node.text.startswith(("ext://", "cfg://")):
                raise ConfigError(
                    f"{path}: line {node.line}: holds {node.text[:60]!r}; a file of configuration "
                    "chooses components and sets values, Hydra's own objects are for the command "
                    "line"
                )


def _nodes(path: Path) -> list[Node]:
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES:,} bytes; keep data out of it")
    try:
        return list(nodes(path.read_text("utf-8")))
    except (OSError, ValueError, YAMLError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); correct it"
        ) from None
