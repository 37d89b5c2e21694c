"""Modular arithmetic: the value of an expression modulo 5.

    without brackets    3+4×2−1                    × before + and −
    with brackets       ((−2)×(1+(4−3)))           each operation in brackets, no precedence

From Delétang et al. 2023. Without brackets a finite automaton can do it, with brackets a stack is
wanted. The length is that of the expression; without brackets an even one counts as the odd one
below it, with brackets a number, its negative, and both in brackets have 1 … 4 symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.expressions import draw_expressions
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import SOLVED, guessed


@dataclass(frozen=True)
class ModularArithmetic:
    """The value of an expression, modulo a small number."""

    brackets: bool = False
    """Whether each operation stands in brackets."""
    times: bool = True
    """Whether there is multiplication beside addition and subtraction."""
    modulus: int = 5
    """The number modulo which is computed, 2 … 10."""
    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Symbols of an expression, at least 1."""
    held_out: int = 1000
    """The number of expressions that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out expressions, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(2 <= self.modulus <= 10, "modulus", "2 … 10", self.modulus)
        check_task(self)

    def load(self, seed: int) -> Corpus:
        numbers = tuple(str(k) for k in range(self.modulus))
        symbols = (*numbers, "+", "−", "×", "(", ")")
        targets = classes(numbers, per_sequence=True)
        own = targets, symbols, (), guessed(self.modulus), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        if self.brackets:
            ids, values = draw_expressions(rng, sizes, self.modulus, 3 if self.times else 2)
            return Sequences(sizes, values, ids, per_sequence=True, sizes=sizes)
        steps, m = sizes - 1 + sizes % 2, self.modulus
        x = rng.integers(0, m, (len(sizes), int(steps.max())))
        x[:, 1::2] = rng.integers(m, m + 2 + self.times, x[:, 1::2].shape)
        y = _value(x, steps, m)
        return Sequences(steps, y, flat(x, steps), per_sequence=True, sizes=sizes)


def _value(x: Array, steps: Array, m: int) -> Array:
    """(count,) values: the sum of the finished terms, and the term that a × may still change."""
    total, term = np.zeros(len(x), np.int64), x[:, 0]
    for t in range(1, x.shape[1], 2):
        inside, operator, number = t < steps, x[:, t], x[:, t + 1]
        is_product = operator == m + 2
        total = np.where(inside & ~is_product, total + term, total)
        signed = np.where(operator == m + 1, -number, number)
        term = np.where(inside, np.where(is_product, term * number % m, signed), term)
    return (total + term) % m
