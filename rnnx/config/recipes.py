"""Recipes: files of choices and values, never of code.

Hydra makes objects of what a configuration names under some keys of its own (callbacks, launchers,
logging), and an interpolation can make a configuration while it is resolved. The user may use both
on the command line. A file of the user's own folder (``--config-dir``) may come from somebody else:
it is read here, once, and Hydra gets what was checked, never the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnx.config.interpolations import from_typed, letters, literal, looks_up
from rnnx.config.recipe_texts import with_texts_in_quotes
from rnnx.config.text_keys import form_of
from rnnx.config.yaml_nodes import refuse_more_than_plain
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError
from rnnx.system.files import read_regular

MAIN = "train"  # conf/train.yaml
SCHEME = "recipes"  # recipes://FOLDER in hydra.searchpath: a folder of the user's own
MAX_BYTES = 2**20  # of a recipe
MAX_DEPTH = 16  # nested mappings and lists
MAX_LENGTH, MAX_REFERENCES = 4096, 4  # of a text with interpolations: they could grow each other
ENVIRONMENT = "RNNX_"  # how the variables begin that a recipe may name

# ${cell.hidden_size}, ${..steps}: another value. ${oc.env:RNNX_DATA,default}: a variable.
_PLACE = r"\.*[A-Za-z_]\w*(?:\.\w+|\[\w+\])*"
_VARIABLE = rf"oc\.env:\s*{ENVIRONMENT}\w+\s*(?:,[^${{}}'\"\\]*)?"
INTERPOLATION = re.compile(rf"\$\{{(?:{_PLACE}|{_VARIABLE})\}}")
LETTERS = re.compile(r"(?<!\\)(?:\\\\)*\\\$\{")  # ${ with a backslash
LIKE_RESOLVER = re.compile(r"\$\{\s*[\w.](?:[\w.]*\s*:|[^}]*\$\{)")  # ${x:…} or ${x.${…}}
SWEEPER = (
    *("params", "words", "n_trials", "sampler", "seed", "pruner", "min_steps", "factor"),
    "max_batch_size",
)
NAME = re.compile(r"[^\W_][\w.+ -]*")  # of a component or a recipe
KEY = re.compile(r"(?!hydra\b)[A-Za-z_]\w*(?:\.\w+)*")  # of a value to sweep
SWEEPERS = "hydra/sweeper"
GROUPS = (*KINDS, *RECIPES, SWEEPERS)  # what a recipe may choose from


def conf_folder() -> Path:
    """The folder of train.yaml: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / f"{MAIN}.yaml").is_file():
            return folder
    raise ConfigError(f"{package / 'conf'}: holds no {MAIN}.yaml; install rnnx again")


def read_recipe(path: Path) -> tuple[str, DictConfig]:
    """The text of a recipe and what it says; ConfigError where it is more than values."""
    try:
        text = read_regular(path, MAX_BYTES).decode()
        refuse_more_than_plain(text, MAX_DEPTH)
        made = OmegaConf.create(with_texts_in_quotes(text))
    except (OSError, ValueError, RecursionError, YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); correct it"
        ) from None
    if not isinstance(made, DictConfig):
        raise ConfigError(f"{path}: is no mapping of keys to values")
    values = OmegaConf.to_container(made, resolve=False)
    assert isinstance(values, dict)
    if cause := _more_than_values(values):
        raise ConfigError(f"{path}: {cause}; a recipe chooses components and sets values alone")
    return text, made


def sweepers_of_recipes(runtime: Any) -> Iterator[tuple[Path, str]]:
    """The recipes that choose a sweeper, and which; ``runtime`` is what Hydra says it composed."""
    for group in RECIPES:
        name = runtime.choices.get(group)
        for source in runtime.config_sources:
            path = Path(unquote(source.path)) / group / f"{name}.yaml"
            if source.schema not in ("file", SCHEME) or not (name and path.is_file()):
                continue
            made: Any = read_recipe(path)[1] if source.schema == SCHEME else OmegaConf.load(path)
            for item in made.get("defaults") or []:
                for key, value in item.items() if isinstance(item, DictConfig) else ():
                    if str(key).removeprefix("override ").strip().lstrip("/") == SWEEPERS:
                        yield path, str(value)
            break


def _more_than_values(values: Mapping[Any, Any]) -> str:
    """Why a recipe is more than choices and values; empty if it is not."""
    hydra = values.get("hydra") or {}
    others = {k: v for k, v in values.items() if k not in ("defaults", "hydra")}
    return next(
        filter(
            None,
            (
                *_wrong_choices(values.get("defaults", [])),
                *_wrong_sweep(hydra),
                *_wrong_values(others, ""),
                *_wrong_tracker(others.get("tracker"), "tracker"),
            ),
        ),
        "",
    )


def _wrong_choices(defaults: Any) -> Iterator[str]:
    """What is wrong in a list of defaults: anything but a name from a group of ours."""
    for item in defaults if isinstance(defaults, list) else [defaults]:
        pairs = item.items() if isinstance(item, dict) else [("", item)]
        for key, value in pairs:
            group = str(key).removeprefix("override ").removeprefix("optional ").strip()
            names = value if isinstance(value, list) else [value]
            of_group = group.startswith("/") and group[1:] in GROUPS
            if not (of_group or not group):
                yield f"defaults: {str(key)[:60]!r}: choose from {', '.join(GROUPS)}"
            for name in names:
                is_name = isinstance(name, str) and NAME.fullmatch(name)
                if not (is_name or name == "_self_" or (group and name is None)):
                    yield f"defaults: {str(name)[:60]!r} is not the name of a component or recipe"


def _wrong_sweep(hydra: Any) -> Iterator[str]:
    """What is wrong under ``hydra``: anything but a sweeper's settings and the values to try."""
    if cause := _other_key(hydra, ("sweeper",), "hydra"):
        yield cause
        return
    sweeper = hydra.get("sweeper") or {}
    if cause := _other_key(sweeper, SWEEPER, "hydra.sweeper"):
        yield cause
        return
    yield from _wrong_values(sweeper, "hydra.sweeper.")
    yield from _wrong_words(sweeper.get("words") or [])
    params = sweeper.get("params") or {}
    if not isinstance(params, dict):
        yield "hydra.sweeper.params is no mapping of keys to values"
        return
    for key, value in params.items():
        where, text = f"hydra.sweeper.params.{str(key)[:60]}", str(value)
        if not KEY.fullmatch(str(key)):
            yield f"{where} is not the key of a value"
        if form_of(str(key)) and not looks_up(text):
            text = letters(text)
        is_refused = "${" in text and (
            form_of(str(key)) is None or from_typed(text) != literal(text)
        )
        # Hydra's grammar reads these texts again: \ and $ could become an interpolation there.
        if is_refused or ("$" in text and "\\" in text):
            yield f"{where} holds an interpolation ({text[:60]!r})"
        if str(key).partition(".")[0] == "tracker":
            yield from _wrong_tracker(text, where)


def _wrong_words(words: Any) -> Iterator[str]:
    """What is wrong with a sweep's words: their keys are looked at where they are parsed."""
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        yield "hydra.sweeper.words is no list of words, as zip(a=1,2, b=3,4) is one"
        return
    for word in words:
        if "$" in word:
            yield f"hydra.sweeper.words holds an interpolation ({word[:60]!r})"


def _other_key(values: Any, keys: Sequence[str], path: str) -> str:
    """What is wrong with a mapping that may have these keys alone; empty if nothing is."""
    if not isinstance(values, dict):
        return f"{path} is no mapping"
    others = sorted(str(key) for key in values if key not in keys)
    return f"holds {f'{path}.{others[0][:60]}'!r}" if others else ""


def _wrong_values(value: Any, path: str) -> Iterator[str]:
    """What is wrong in values: a key of Hydra's own, or an interpolation that computes."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            text = str(key)
            is_hydras = text.startswith("_") and text.endswith("_")
            is_path = "." in text and path != "hydra.sweeper.params."
            if is_hydras or is_path or "$" in text or text == "()":
                yield f"holds the key {(path + text)[:60]!r}"
            yield from _wrong_values(inner, f"{path}{text}.")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _wrong_values(inner, f"{path}{place}.")
    elif isinstance(value, str) and "${" in value and not _is_lawful(value):
        yield (
            f"{path[:60].rstrip('.')}: {value[:60]!r}: an interpolation names another value, "
            f"${{KEY}}, or a variable, ${{oc.env:{ENVIRONMENT}NAME}}"
        )


def _is_lawful(text: str) -> bool:
    """Whether what is looked up in a text, in OmegaConf's spelling, is what a recipe may name."""
    if not looks_up(text):  # letters, which others could still take for a resolver
        return not LIKE_RESOLVER.search(text)
    left, count = INTERPOLATION.subn("", LETTERS.sub(" ", text))
    # What is left must not join to another one: "$${a}{b}".
    return "$" not in left and count <= MAX_REFERENCES and len(text) <= MAX_LENGTH


def _wrong_tracker(value: Any, path: str) -> Iterator[str]:
    """What is wrong in a tracker's fields: an address, to which the user's password would go."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _wrong_tracker(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _wrong_tracker(inner, path)
    elif isinstance(value, str) and ("://" in value or looks_up(value)):
        yield f"{path[:60]} names where runs are sent: do that on the command line"
