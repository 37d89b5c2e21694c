"""A task's function of a generator as a corpus: training without end, and a fixed part held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, cast

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.digest import sequences_sha256
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.targets import Quantity, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.lengths import Lengths, draw_sizes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Draw: TypeAlias = Callable[[np.random.Generator, Array], Sequences]
"""Draws a sequence for each of the lengths (count,) that it is given."""


class Task(Protocol):
    """What the tasks have in common."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def held_out(self) -> int: ...

    @property
    def split_seed(self) -> int: ...

    @property
    def lengths(self) -> Lengths: ...


def check_task(task: Task, least: int = 1, most: int = 2**31 - 1) -> None:
    """ConfigError for a field that all tasks have and that is out of its range.

    ``least`` and ``most`` are those of the lengths.
    """
    require(task.held_out >= 1, "held_out", "at least 1", task.held_out)
    require(task.split_seed >= 0, "split_seed", "at least 0", task.split_seed)
    for value in (*task.lengths.training, *task.lengths.held_out):
        require(value >= least, "lengths", f"at least {least} in this task", value)
        require(value <= most, "lengths", f"at most {most} in this task", value)


def endless_corpus(
    task: Task,
    seed: int,
    draw: Draw,
    targets: Targets,
    symbols: tuple[str, ...] = (),
    features: tuple[Quantity, ...] = (),
    levels: tuple[Level, ...] = (),
    criterion: Criterion | None = None,
) -> Corpus:
    """The corpus of a task; ``seed`` draws its held-out part."""
    train = Endless(partial(_drawn, draw, task.lengths.training))
    val = Endless(partial(_drawn, draw, task.lengths.held_out)).fixed(task.held_out, seed)
    # The seed draws the held-out part alone: it is no part of what the data is.
    about = repr(replace(cast("DataclassInstance", task), split_seed=0))
    return Corpus(
        Vocabulary(symbols),
        train,
        val,
        sequences_sha256(train, about=about),
        targets=targets,
        features=features,
        levels=levels,
        criterion=criterion,
    )


def _drawn(draw: Draw, bounds: tuple[int, int], rng: np.random.Generator, count: int) -> Sequences:
    return draw(rng, draw_sizes(rng, count, bounds))
