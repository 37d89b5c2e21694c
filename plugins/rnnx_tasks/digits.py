"""Handwritten digits of 8 × 8 pixels, read row by row or pixel by pixel.

    rows       8 steps of 8 numbers        pixels     64 steps of 1 number
    permuted   64 steps of 1 number, in one random order for all

They come with scikit-learn (1,797 digits of the UCI repository, Alpaydin and Kaynak 1998), which
MLflow brings; nothing is downloaded. It is sequential MNIST (Le, Jaitly and Hinton 2015) at a size
that a laptop trains in a minute. Pixels are 0 … 1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from math import log
from typing import ClassVar

import numpy as np

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, classes
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Level
from rnnx.errors import DataError

SIDE = 8


class Reading(Enum):
    """In what order a digit's pixels are read."""

    rows = "rows"
    pixels = "pixels"
    permuted = "permuted"


@dataclass(frozen=True)
class Digits:
    """Which digit an image shows that is read in parts."""

    preload: ClassVar[tuple[str, ...]] = ("sklearn.datasets",)

    reading: Reading = Reading.rows
    """rows: 8 pixels a step. pixels: one a step. permuted: one a step, in a random order."""
    order_seed: int = 0
    """The seed of the order of `permuted`. At least 0."""
    val_fraction: float = 0.2
    """The fraction of digits that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out digits, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.order_seed >= 0, "order_seed", "at least 0", self.order_seed)
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)

    def load(self, seed: int) -> Corpus:
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise DataError(
                "dataset=digits: needs scikit-learn: pip install scikit-learn"
            ) from None
        images, digits = load_digits(return_X_y=True)
        sha256 = hashlib.sha256(images.tobytes() + digits.astype(np.int64).tobytes()).hexdigest()
        pixels = (images / 16).astype(np.float32)  # (digits, 64)
        if self.reading is Reading.permuted:
            pixels = pixels[:, np.random.default_rng(self.order_seed).permutation(SIDE * SIDE)]
        n = SIDE if self.reading is Reading.rows else 1
        steps = np.full(len(digits), SIDE * SIDE // n)
        whole = Sequences(steps, digits, features=pixels.reshape(-1, n), per_sequence=True)
        order = np.random.default_rng(seed).permutation(len(digits))
        held_out = int(len(digits) * self.val_fraction)
        val, train = np.sort(order[:held_out]), np.sort(order[held_out:])
        return Corpus(
            Vocabulary(()),
            whole.select(train),
            whole.select(val) if held_out else None,
            sha256,
            source="scikit-learn's digits",
            targets=classes([str(k) for k in range(10)], per_sequence=True),
            features=tuple(Quantity(f"pixel {k + 1}") for k in range(n)),
            levels=(Level("accuracy", "chance", 0.1), Level("loss", "chance", log(10))),
        )
