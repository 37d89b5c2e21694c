"""The values that a search draws from, as Optuna has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnx.config.overrides import refuse_no_values, values_of
from rnnx.errors import ConfigError
from rnnx.sweeps.study import optuna

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def distribution(override: Override) -> Any:
    """What Optuna draws from, for ``a,b``, ``range(…)``, ``interval(…)`` and ``tag(log, …)``."""
    from hydra.core.override_parser.types import Glob

    distributions = optuna().distributions
    value = override.value()
    refuse_no_values(override)
    if isinstance(value, Glob):
        raise ConfigError(f"{override.input_line}: a search needs the values themselves; list them")
    if override.is_interval_sweep():
        is_int, log = _are_ints(value.start, value.end), "log" in value.tags
        kind = distributions.IntDistribution if is_int else distributions.FloatDistribution
        try:
            return kind(value.start, value.end, log=log)
        except ValueError:
            above = ", and a logarithm's above 0" if log else ""
            raise ConfigError(
                f"{override.input_line}: the first end must be below the second{above}"
            ) from None
    is_range = override.is_range_sweep() and _are_ints(value.start, value.stop, value.step)
    if is_range and value.step > 0:
        last = value.stop - 1 - (value.stop - 1 - value.start) % value.step
        return distributions.IntDistribution(value.start, last, step=value.step)
    return distributions.CategoricalDistribution(values_of(override))


def _are_ints(*numbers: object) -> bool:
    return all(isinstance(number, int) for number in numbers)


def as_text(value: object) -> str:
    """A drawn value in Hydra's grammar."""
    return repr(value) if isinstance(value, float) else str(value)
