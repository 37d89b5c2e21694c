"""Files of choices and values, never code: a user's own folder of them (--config-dir) is checked.

Hydra makes objects of what a configuration names under some keys of its own (callbacks, launchers,
logging). On a command line they are the user's; in a file, which may be a stranger's, they are
refused, wherever they stand: Hydra's packages can move a file's content to any place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rnnx.errors import ConfigError

MAIN = "train"  # conf/train.yaml
# What Hydra instantiates; what logging's dictConfig calls; what goes into the environment.
CODE = ("_target_", "()", "class", "env_set", "searchpath")
MOST = 2**20  # bytes of a file of configuration


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
        for line, word in _scalars(path):
            if word in CODE or word.startswith(("ext://", "cfg://")):
                raise ConfigError(
                    f"{path}: line {line}: holds {word[:60]!r}; a file of configuration chooses "
                    "components and sets values, Hydra's own objects are for the command line"
                )


def _scalars(path: Path) -> Iterator[tuple[int, str]]:
    """Every key and value, and every tag, with its line."""
    import yaml

    if path.stat().st_size > MOST:
        raise ConfigError(f"{path}: is larger than {MOST:,} bytes")
    try:
        for event in yaml.parse(path.read_text("utf-8"), yaml.SafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                yield event.start_mark.line + 1, event.value
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
