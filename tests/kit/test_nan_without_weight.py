"""The kit takes a data set with NaN where nothing counts, and names NaN where something does."""

from dataclasses import dataclass

import numpy as np
import pytest

import rnnx
from rnnx.testing import datasets
from rnnx.testing.suite import CheckFailed

CHECKS = (
    datasets.check_determinism,
    datasets.check_targets,
    datasets.check_weights,
    datasets.check_sha256,
    datasets.check_held_out,
)


@dataclass(frozen=True)
class Gaps:
    """Values of which every second is missing."""

    weight: float = 0.0
    scale: int = 2

    def load(self, seed: int) -> rnnx.Corpus:
        x = np.arange(24.0).reshape(12, 2, 1) * self.scale
        y = np.where(np.arange(2)[:, None] == 0, np.nan, x)
        given = {"features": list(x), "weights": [[self.weight, 1.0]] * 12}
        part = rnnx.sequences_of(list(y), **given)
        train, val = part.select(np.arange(9)), part.select(np.arange(9, 12))
        return rnnx.Corpus(
            rnnx.Vocabulary(()),
            train,
            val,
            rnnx.sequences_sha256(train, val),
            targets=rnnx.values(["speed"]),
            features=(rnnx.Quantity("number"),),
        )


@pytest.mark.parametrize("check", CHECKS)
def test_nan_where_nothing_counts_is_taken(check) -> None:
    check(Gaps())


def test_nan_that_counts_is_named_as_such() -> None:
    datasets.check_determinism(Gaps(weight=1.0))
    with pytest.raises(
        CheckFailed, match=r"train: y\[0, 0\] \(speed of sequence 0, step 0\) is nan"
    ):
        datasets.check_targets(Gaps(weight=1.0))
