"""Held-out examples as a person reads them: which step is shown, and what of it."""

import numpy as np
import pytest

from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, Targets, bits, values
from rnnx.data.vocabulary import Vocabulary
from rnnx.models.evaluation import _plain
from rnnx.models.prediction import readable_input, readable_targets

NONE = Vocabulary(())


def shown(rows: np.ndarray, y: np.ndarray, targets: Targets, weights: list[float]) -> list[str]:
    features = [Quantity(f"p{k}") for k in range(rows.shape[1])]
    own = None if not weights else np.array(weights, np.float32)
    part = Sequences(np.array([len(rows)]), y, None, rows.astype(np.float32), own)
    return [readable_input(NONE, features, part, 0), readable_targets(targets, y, own)]


def test_the_step_of_the_input_is_that_of_the_target() -> None:
    rows, y = np.array([[0.5], [1.5], [2.5]]), np.array([[10.0], [20.0], [30.0]])
    assert shown(rows, y, values(["v"]), []) == ["step 3 of 3: p0 2.5", "30"]
    assert shown(rows, y, values(["v"]), [1, 1, 0]) == ["step 2 of 3: p0 1.5", "20"]
    assert shown(rows, y, values(["v"]), [0, 0, 0]) == ["step 3 of 3: p0 2.5", "·"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([0, 1, 0, 0, 1, 0, 0, 0, 0, 1], "p1 p4 p9"),
        ([0] * 10, "∅"),
        ([0.5] * 10, ", ".join(f"p{k} 0.5" for k in range(8)) + ", …"),
        ([0, 1], "p0 0, p1 1"),  # few features are told with their values
    ],
)
def test_of_many_bits_those_that_are_on(row: list[float], told: str) -> None:
    targets = bits([f"p{k}" for k in range(len(row))])
    rows = np.array([row], float)
    assert shown(rows, rows, targets, [])[0] == f"step 1 of 1: {told}"


def test_metrics_are_plain_numbers() -> None:
    assert type(_plain({"mae": np.float64(0.5)})["mae"]) is float
