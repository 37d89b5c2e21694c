"""What a search draws for some choices only: the words ``when(…)`` as Optuna draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.config.overrides import parse
from rnnx.errors import ConfigError
from rnnx.sweeps.distributions import as_text, distribution
from rnnx.sweeps.study import optuna
from rnnx.sweeps.words import Interval, Part, Values, When, value_of


class _Drawn(NamedTuple):
    """A key that is drawn where its condition holds."""

    key: str
    name: str  # Optuna's: two conditions may have one key, with other values
    distribution: Any


class Condition(NamedTuple):
    """What is drawn where a key has one of some values."""

    key: str
    values: frozenset[object]  # see :func:`value_of`
    drawn: Sequence[_Drawn]
    inner: Sequence[Condition]  # asked after ``drawn``

    def holds(self, job: Mapping[str, str]) -> bool:
        """Whether a job with these values, in Hydra's grammar, has one of them."""
        return self.key in job and value_of(job[self.key]) in self.values


def conditions_of(words: Iterable[When]) -> list[Condition]:
    """The conditions of a search; ConfigError for one with values that cannot be searched."""
    found = []
    for word in words:
        keys = [part for part in word.parts if not isinstance(part, When)]
        inner = conditions_of([part for part in word.parts if isinstance(part, When)])
        drawn = [_drawn(part, word) for part in keys]
        known = frozenset(map(value_of, word.condition.values))
        found.append(Condition(word.condition.key, known, drawn, inner))
    return found


def _drawn(part: Part, word: When) -> _Drawn:
    if not isinstance(part, Values | Interval):
        raise ConfigError(f"{word}: a search takes KEY=VALUES and when(…) here; leave {part} out")
    (override,) = parse([str(part)], several=True)
    if isinstance(part, Values):
        made = optuna().distributions.CategoricalDistribution(part.values)
    else:
        made = distribution(override)
    return _Drawn(part.key, f"{part.key} where {word.condition}", made)


def draw(trial: Any, conditions: Sequence[Condition], job: Mapping[str, str]) -> dict[str, str]:
    """Draw the keys whose conditions hold in a job; ``job`` and the values in Hydra's grammar."""
    drawn: dict[str, str] = {}
    for condition in conditions:
        if condition.holds({**job, **drawn}):
            drawn |= {one.key: as_text(_suggest(trial, one)) for one in condition.drawn}
            drawn |= draw(trial, condition.inner, {**job, **drawn})
    return drawn


def _suggest(trial: Any, drawn: _Drawn) -> object:
    library, of = optuna().distributions, drawn.distribution
    if isinstance(of, library.CategoricalDistribution):
        value: object = trial.suggest_categorical(drawn.name, of.choices)
    elif isinstance(of, library.IntDistribution):
        value = trial.suggest_int(drawn.name, of.low, of.high, step=of.step, log=of.log)
    else:
        value = trial.suggest_float(drawn.name, of.low, of.high, log=of.log)
    return value
