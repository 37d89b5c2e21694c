"""The values that a sweep tries, checked before any job starts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from rnnx.config.compose import composer
from rnnx.config.overrides import Overrides, parse, parse_job, refuse_no_values, values_of
from rnnx.config.plain import plain
from rnnx.config.recipes import MAIN, SWEEPERS, sweepers_of_recipes
from rnnx.config.resolved import ResolvedConfig
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


GROUPS = (*KINDS, *RECIPES)
MAX_COMBINATIONS = 64  # combinations of components that are composed to check them


class SweepCommand(NamedTuple):
    """What the command of a sweep asks for."""

    overrides: Overrides  # those of a recipe and those of the command line
    typed: Overrides  # those of the command line
    sweeper: dict[str, Any]  # hydra.sweeper
    conflict: str = ""  # why the recipe's sweeper is not the one that sweeps

    @property
    def swept(self) -> list[str]:
        """The keys that have several values."""
        return [str(override.key_or_group) for override in self.overrides.swept]


def parse_sweep(overrides: Overrides) -> SweepCommand:
    """Bring together the command line and the recipe that it chooses with ``sweep=NAME``.

    A recipe sweeps with ``hydra.sweeper.params``; the command line takes precedence.
    """
    from hydra import compose

    single = overrides.single
    with composer() as make:
        base = make(single)  # a wrong override is an error here, in rnnx's words
        texts = [str(o.input_line) for o in single if _is_hydras(o)]
        config = compose(MAIN, texts, return_hydra_config=True)
        sweeper: dict[str, Any] = dict(config.hydra.sweeper)
    typed = Overrides(tuple(_with_int_ends(override, base) for override in overrides))
    params = (sweeper.get("params") or {}).items()
    for key, value in params:
        if not isinstance(value, str | int | float):
            raise ConfigError(f"hydra.sweeper.params.{key}: give its values as one text: 'a,b'")
    listed = [f"{key}={value}" for key, value in params if key not in typed.keys]
    recipe = parse(listed, several=True)
    return SweepCommand(recipe + typed, typed, sweeper, _conflict(config.hydra.runtime))


def _conflict(runtime: Any) -> str:
    """Why the sweeper that a recipe chooses is not the one that sweeps; empty if it is."""
    for path, sweeper in sweepers_of_recipes(runtime):
        if sweeper != runtime.choices[SWEEPERS]:
            return (
                f"{path}: the command line chooses the sweeper, not a recipe; "
                f"say rnnx train -m {SWEEPERS}={sweeper} …"
            )
    return ""


def _is_hydras(override: Override) -> bool:
    """Whether Hydra composes it: a choice from a group, or a setting of Hydra's own."""
    return override.key_or_group in GROUPS or override.key_or_group.startswith("hydra")


def _with_int_ends(override: Override, base: DictConfig) -> Override:
    """An interval of a key that holds integers, cast to int: Hydra reads all intervals as float."""
    if override.is_interval_sweep() and type(OmegaConf.select(base, override.key_or_group)) is int:
        ends = override.value()
        if ends.start == int(ends.start) and ends.end == int(ends.end):
            key, value = str(override.input_line).split("=", 1)
            return parse([f"{key}=int({value})"]).parsed[0]
    return override


def validate_sweep(command: SweepCommand) -> list[ResolvedConfig]:
    """The configurations in which every value was checked; ConfigError for the first wrong one."""
    if not command.swept:
        raise ConfigError(
            "rnnx train -m: no key has several values, so there is nothing to sweep; say "
            "key=a,b or sweep=NAME, or leave -m out"
        )
    if command.conflict:
        raise ConfigError(command.conflict)
    _validate_sweeper(command)
    single = command.overrides.single
    with composer() as make:
        return [
            ResolvedConfig.of(plain(make(single + parse_job(texts))))
            for texts in _texts_to_check(command.overrides.swept)
        ]


def _validate_sweeper(command: SweepCommand) -> None:
    """Let rnnx's own sweepers check their settings and values; other sweepers cannot."""
    from hydra.utils import get_class

    validate = getattr(get_class(command.sweeper["_target_"]), "validate", None)
    if validate is not None:
        validate(command.overrides.parsed, command.sweeper)


def _texts_to_check(swept: Overrides) -> list[list[str]]:
    """Overrides with one value a key, in which every value occurs.

    All combinations of components occur, since they decide which keys there are, and every other
    value once: composing takes a tenth of a second, and a wrong value is wrong beside any other.
    """
    values = [(override.key_or_group in GROUPS, _values(override)) for override in swept]
    components = [texts for is_group, texts in values if is_group and texts]
    others = [texts for is_group, texts in values if not is_group and texts]
    first = [texts[0] for texts in others]
    combinations = list(itertools.islice(itertools.product(*components), MAX_COMBINATIONS))
    checks = [[*combination, *first] for combination in combinations]
    rest = (text for texts in others for text in texts[1:])
    return [*checks, *([*combinations[0], *_with(first, text)] for text in rest)]


def _with(texts: Sequence[str], text: str) -> list[str]:
    """The overrides with ``text`` in the place of the one of the same key."""
    key = text.partition("=")[0]
    return [text if other.partition("=")[0] == key else other for other in texts]


def _values(override: Override) -> list[str]:
    """``key=value`` for each value to check: all of a choice, the ends of a range or interval."""
    from hydra.core.override_parser.types import Glob

    key = override.get_key_element()
    if override.is_interval_sweep():
        ends = override.value()
        return [f"{key}={ends.start}", f"{key}={ends.end}"]
    refuse_no_values(override)
    is_listed = override.is_choice_sweep() or override.is_range_sweep()
    if not is_listed or isinstance(override.value(), Glob):
        return []  # only Hydra knows the values
    values = [f"{key}={value}" for value in values_of(override)]
    if not values:
        raise ConfigError(f"{override.input_line}: has no values")
    return [values[0], values[-1]] if override.is_range_sweep() else values
