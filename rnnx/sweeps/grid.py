"""The values that a sweep tries, checked before any job starts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from rnnx.config.compose import composer
from rnnx.config.overrides import Overrides, parse
from rnnx.config.plain import plain
from rnnx.config.recipes import MAIN
from rnnx.config.resolved import ResolvedConfig
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


GROUPS = (*KINDS, *RECIPES)
MOST = 64  # combinations of components that are tried


class Asked(NamedTuple):
    """What a sweep's command says, all taken together."""

    overrides: Overrides
    told: Overrides  # of the command line
    sweeper: dict[str, Any]  # hydra.sweeper


def asked(overrides: Overrides) -> Asked:
    """The overrides of the command line, and those of a file of configuration.

    A file sweeps with ``hydra.sweeper.params`` (``sweep=NAME`` chooses one); what is said on the
    command line as well counts there.
    """
    from hydra import compose

    own = overrides.single
    with composer() as make:
        base = make(own)  # tells of a wrong one in our words
        hydra = [o for o in own if o.key_or_group in GROUPS or o.key_or_group.startswith("hydra")]
        config = compose(MAIN, [str(o.input_line) for o in hydra], return_hydra_config=True)
        sweeper: dict[str, Any] = dict(config.hydra.sweeper)
    found = sweeper.get("params") or {}
    told = Overrides(tuple(_in_whole_numbers(override, base) for override in overrides))
    more = [f"{key}={value}" for key, value in found.items() if key not in told.keys]
    return Asked(parse(more) + told, told, sweeper)


def _in_whole_numbers(override: Override, base: DictConfig) -> Override:
    """Hydra reads every interval in floating point: one of a whole number is written as such."""
    if override.is_interval_sweep() and type(OmegaConf.select(base, override.key_or_group)) is int:
        ends = override.value()
        if ends.start == int(ends.start) and ends.end == int(ends.end):
            key, value = str(override.input_line).split("=", 1)
            return parse([f"{key}=int({value})"]).parsed[0]
    return override


def check_sweeper(overrides: Overrides, sweeper: Mapping[str, Any]) -> None:
    """What the sweeper itself refuses, if it is one that says so before it begins."""
    from hydra.utils import get_class

    refuse = getattr(get_class(sweeper["_target_"]), "validate", None)
    if refuse is not None:
        refuse(overrides.parsed, sweeper)


def checked(overrides: Overrides) -> list[dict[str, Any]]:
    """The configurations in which every value was found right; a wrong one is one line.

    All combinations of components are composed, since keys depend on them, and then every other
    value once: a configuration takes a tenth of a second, and a wrong value is wrong beside any
    other. A search's interval is checked at its ends.
    """
    swept = [(o.key_or_group in GROUPS, _values(o)) for o in overrides.swept]
    components = [values for is_group, values in swept if is_group and values]
    others = [values for is_group, values in swept if not is_group and values]
    first = [values[0] for values in others]
    combinations = list(itertools.islice(itertools.product(*components), MOST))
    some = [[*combination, *first] for combination in combinations]
    for values in others:
        some += [[*combinations[0], *_instead(first, value)] for value in values[1:]]
    with composer() as make:
        each = (plain(make(overrides.single + parse(texts))) for texts in some)
        return [ResolvedConfig.of(values).values for values in each]


def _instead(first: Sequence[str], value: str) -> list[str]:
    key = value.partition("=")[0]
    return [value if text.partition("=")[0] == key else text for text in first]


def _values(override: Override) -> list[str]:
    """``key=value`` for each value to be checked: of a range and an interval the ends."""
    from hydra.core.override_parser.types import Glob

    key = override.get_key_element()
    if override.is_interval_sweep():
        ends = override.value()
        return [f"{key}={ends.start}", f"{key}={ends.end}"]
    kinds = override.is_choice_sweep() or override.is_range_sweep()
    if not kinds or isinstance(override.value(), Glob):
        return []
    found = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not found:
        raise ConfigError(f"{override.input_line}: has no values")
    return [found[0], found[-1]] if override.is_range_sweep() else found
