"""Data sets with targets of their own that are wrong in one way each, by the check that fails."""

import textwrap
from dataclasses import replace
from typing import Any

import numpy as np
from mutants import mutant
from sequence_tasks import TASKS

from rnnx.data.sequences import Endless

OF_TASKS: dict[str, Any] = {"__name__": "sequence_tasks"}
exec(textwrap.dedent(TASKS), OF_TASKS)


def with_train(task: str, change):
    """The data set of a task, whose training part is changed."""

    def load(right, seed):
        corpus = right(seed)
        return replace(corpus, train=change(corpus.train))

    return mutant(OF_TASKS[task], load=load)


def from_another_generator(right: Endless) -> Endless:
    drawn = [0]

    def draw(rng, count):
        drawn[0] += 1
        return right.draw(np.random.default_rng(drawn[0]), count)

    return Endless(draw)


def always_alike(right: Endless) -> Endless:
    return Endless(lambda rng, count: right.draw(np.random.default_rng(0), count))


TARGETS = {
    "check_targets": [
        with_train("Tags", lambda part: replace(part, y=part.y + 5)),
        with_train("Tags", lambda part: replace(part, ids=part.ids + 1)),
        with_train("Roll", lambda part: replace(part, y=2 * part.y)),
        with_train("Adding", lambda part: replace(part, y=part.y + np.nan)),
        with_train(
            "Adding", lambda part: replace(part, features=np.full_like(part.features, np.nan))
        ),
    ],
    "check_weights": [
        with_train("Tags", lambda part: replace(part, weights=part.weights - 1)),
        with_train("Tags", lambda part: replace(part, weights=part.weights + np.nan)),
        with_train("Tags", lambda part: replace(part, weights=0 * part.weights)),
    ],
    "check_endless": [
        with_train("Copy", from_another_generator),
        with_train("Copy", always_alike),
        mutant(OF_TASKS["Copy"], load=lambda right, seed: replace(right(seed), val=None)),
    ],
}
