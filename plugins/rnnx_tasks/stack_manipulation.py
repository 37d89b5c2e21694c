"""Stack manipulation: what is on a stack after pushes and pops.

    x    0 1 1 pop push0  ? ? ? ? ? ?      y    0 1 0 end

The first bits are a stack, the last one on top; then come actions. A pop of an empty stack does
nothing. The answer is the stack from its top, and its end; what stands after that does not count.
From Delétang et al. 2023. The length is that of bits and actions together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Level
from rnnx_tasks.answering import answered
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths
from rnnx_tasks.levels import SOLVED

POP, PUSH, ASK = 2, 3, 5
END = 2  # of the answer


@dataclass(frozen=True)
class StackManipulation:
    """The stack after a row of pushes and pops."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Bits and actions, at least 1."""
    held_out: int = 500
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        symbols = ("0", "1", "v", "p", "q", "?")  # v: pop, p and q: push 0 and 1
        levels = (Level("accuracy", "chance", 0.5), Level("accuracy", "optimum", 1.0))
        own = classes(("0", "1", "end")), symbols, (), levels, SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        count, longest = len(sizes), int(sizes.max())
        rows, t = np.arange(count), np.arange(longest)
        n_bits = rng.integers(1, sizes + 1)[:, None]
        bits = rng.integers(0, 2, (count, longest))
        actions = rng.integers(POP, PUSH + 2, (count, longest))
        x = np.where(t < n_bits, bits, actions)
        height, stack = np.zeros(count, np.int64), np.zeros((count, longest + 1), np.int64)
        for step in range(longest):
            now, inside = x[:, step], step < sizes
            pops = inside & (now == POP) & (height > 0)
            pushes = inside & (now != POP)
            stack[rows, height] = np.where(pushes, now % PUSH, stack[rows, height])
            height += pushes.astype(np.int64) - pops
        below = height[:, None] - 1 - np.arange(longest + 1)
        answers = np.where(below >= 0, np.take_along_axis(stack, np.maximum(below, 0), axis=1), END)
        return answered(x, sizes, answers, height + 1, ASK)
