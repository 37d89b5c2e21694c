"""What a run remembers between evaluations, and when it stops early."""

import json
import math
from dataclasses import fields
from typing import Any

import pytest

from rnnx.training.progress import Progress


def evaluated(*losses: float) -> Progress:
    """After evaluations with these losses, ten steps apart."""
    progress = Progress()
    for k, loss in enumerate(losses, 1):
        progress.evaluated(loss, 10 * k)
    return progress


def test_only_a_lower_loss_is_better() -> None:
    progress = Progress()
    found = [progress.evaluated(loss, 10 * k) for k, loss in enumerate((3.0, 2.0, 2.0, 2.5), 1)]
    assert found == [True, True, False, False]
    assert (progress.best_val_loss, progress.best_step) == (2.0, 20)
    assert (progress.val_loss, progress.val_step) == (2.5, 40)
    assert not progress.evaluated(math.nan, 50)
    assert (progress.best_val_loss, progress.best_step) == (2.0, 20)


def test_patience_counts_the_evaluations_since_the_best() -> None:
    progress = evaluated(2.0, 3.0, 3.0)
    assert progress.is_over(30, 2) and progress.is_over(30, 1)
    assert not progress.is_over(30, 3)
    assert not progress.is_over(30, 0)  # no patience: never
    assert not progress.is_over(31, 2)  # the last evaluation was before this step
    progress.evaluated(1.0, 40)
    assert not progress.is_over(40, 1)
    assert not Progress().is_over(0, 1)


def test_a_state_is_plain_and_comes_back() -> None:
    progress = evaluated(2.0, 3.0)
    found = Progress.from_state(json.loads(json.dumps(progress.state())))
    assert found == progress
    zero = ("best_step", "val_step", "worse", "since", "clipped", "tokens", "trained_tokens")
    start = {
        "best_val_loss": math.inf,
        "seconds": 0.0,
        **dict.fromkeys(zero, 0),
    }
    fresh = Progress().state()
    assert math.isnan(fresh.pop("val_loss"))
    assert fresh.pop("best_cost") == math.inf  # not in the checkpoints of earlier versions
    assert [fresh.pop(key) for key in LATER] == [0, 0, 0]
    assert fresh == start  # the names that checkpoints have had from the first on


LATER = ("met", "met_since", "solved_at")  # not in the checkpoints of earlier versions either


def test_a_task_is_solved_at_the_first_of_enough_evaluations() -> None:
    progress, met = evaluated(2.0), (True, False, True, True, True, False, True, True, True)
    solved = [progress.judged(one, 10 * k, 3) for k, one in enumerate(met, 1)]
    assert solved == [k == 4 for k in range(9)] and progress.solved_at == 30
    assert Progress.from_state(json.loads(json.dumps(progress.state()))) == progress


# A checkpoint may keep a field under another name.
STORED = dict(zip(Progress().state(), (item.name for item in fields(Progress)), strict=True))


@pytest.mark.parametrize("key", STORED)
def test_a_state_of_other_types_or_sizes_is_refused(key: str) -> None:
    good, kind = evaluated(2.0, 3.0).state(), type(Progress().state()[key])
    wrong: list[Any] = ["1", None, True, [1]]
    wrong += [0.5, -1, 2**63] if kind is int else []
    wrong += [-0.5, math.inf, math.nan] if key == "seconds" else []
    for value in wrong:
        with pytest.raises((TypeError, ValueError)):
            Progress.from_state(good | {key: value})
    if key == "best_cost":
        return  # an earlier version kept none
    left = {k: v for k, v in good.items() if k != key}
    if key in LATER:
        assert Progress.from_state(left) == Progress.from_state(good)
    else:
        with pytest.raises(KeyError):
            Progress.from_state(left)
    for value in [7, 2**63 - 1] if kind is int else [7, 0.5]:  # JSON may write 7.0 as 7
        found = getattr(Progress.from_state(good | {key: value}), STORED[key])
        assert type(found) is kind and found == value
