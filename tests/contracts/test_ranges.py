"""A hyperparameter out of its range is one line, at exactly the bounds that it names."""

import math
from collections.abc import Callable

import pytest

import rnnx
from rnnx.contracts.ranges import require_finite
from rnnx.errors import ConfigError

NEVER = (math.nan, math.inf, -math.inf)
SMALL = 5e-324  # the smallest float above 0


@pytest.mark.parametrize(
    ("check", "within", "out", "must"),
    [
        (require_finite, (0, -1e308, 1e308), NEVER, "a finite number"),
        (rnnx.require_share, (0, 0.5, 1 - 2**-53), (*NEVER, 1, -SMALL), "at least 0 and below 1"),
        (rnnx.require_positive, (SMALL, 1, 1e308), (*NEVER, 0, -1), "above 0 and finite"),
    ],
    ids=["finite", "fraction", "positive"],
)
def test_the_bounds(
    check: Callable[[str, float], None],
    within: tuple[float, ...],
    out: tuple[float, ...],
    must: str,
) -> None:
    for value in within:
        check("x", value)
    for value in out:
        with pytest.raises(ConfigError) as error:
            check("x", value)
        assert str(error.value) == f"x={value}: must be {must}"


def test_a_condition_that_does_not_hold_is_told() -> None:
    rnnx.require(True, "size", "even", 4)
    with pytest.raises(ConfigError, match=r"^size=3: must be even$"):
        rnnx.require(False, "size", "even", 3)
