"""What a task draws, sequence by sequence, as a person would write it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Endless, Sequences


class Drawn(NamedTuple):
    x: Any  # the symbols of the input, or (T, n) numbers
    y: Any  # the name of the target, or of each that counts, "" where none does; (n_y,) numbers
    ages: list[int]  # of each target
    size: int


def drawn(corpus: Corpus, count: int = 60, seed: int = 1) -> Iterator[Drawn]:
    """The first sequences for training, with a generator of this seed."""
    assert isinstance(corpus.train, Endless)
    yield from told(corpus, corpus.train.next(np.random.default_rng(seed), count))


def told(corpus: Corpus, part: Sequences) -> Iterator[Drawn]:
    """Each sequence of a part."""
    symbols, names = corpus.vocabulary.symbols, corpus.targets.names
    for i, (start, length) in enumerate(zip(part.starts, part.lengths, strict=True)):
        steps = slice(start, start + length)
        if part.ids is not None:
            x = "".join(symbols[k] for k in part.ids[steps])
        else:
            x = part.features[steps]
        if part.per_sequence:
            y = corpus.targets.read(part.y[i]) if names else part.y[i]
            ages = [] if part.ages is None else [int(part.ages[i])]
        else:
            counts = np.ones(length) if part.weights is None else part.weights[steps]
            pairs = zip(part.y[steps], counts, strict=True)
            y = [names[k] if weight else "" for k, weight in pairs]
            ages = [] if part.ages is None else part.ages[steps].tolist()
        size = int(length if part.sizes is None else part.sizes[i])
        yield Drawn(x, y, ages, size)
