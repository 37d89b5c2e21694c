"""One batch: inputs and targets, time first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array


class Batch(NamedTuple):
    """The inputs and the targets of one step of training or evaluation.

    Inputs are ids (T, B), −1 the zero vector, or dense floats (T, n_x, B): the features, below
    one-hot symbols where a step has both. Shapes of y, with weights beside it:

                       y                     weights
        next symbol    (T, B) ids            None
        class a step   (T, B) ids            (T, B) or None
        values, bits   (T, n_y, B) floats    (T, B) or None
        class          (B,) ids              (B,) or None       one for each whole sequence
        values, bits   (n_y, B) floats       (B,) or None       one for each whole sequence

    In the padding x is the zero vector, and y and weights are 0.
    """

    x: Array
    y: Array
    lengths: Array | None  # (B,), or None where every column has T steps
    carried: bool  # whether the initial state is the final one of the batch before
    tokens: int  # the number of targets that count: neither padding nor of weight 0
    reset: Array | None = None  # columns that begin from the zero state although others carry on
    weights: Array | None = None  # how much each target counts, ≥ 0; None: 1
    which: Array | None = None  # (B,) in evaluation: the places of the columns in Sequences

    @property
    def total_weight(self) -> float:
        """The sum of the weights: what a mean over the batch divides by."""
        return self.tokens if self.weights is None else float(np.sum(self.weights))
