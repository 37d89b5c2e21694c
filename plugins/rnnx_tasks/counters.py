"""Counters: strings such as aⁿbⁿcⁿ, symbol by symbol.

    x    ⊢ a a a b b b      y    a a a b b b ⊣

n is drawn evenly. While the first letters are read nobody can know when they end; all after the
first b is certain for whoever counts. So no one has less than ln(number of n) nats a string, which
is ln(number of n) / mean steps a symbol (Gers and Schmidhuber 2001; Suzgun et al. 2019; Lan et al.
2022, who draw n otherwise). The length is n.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import log

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat

ALL_CERTAIN = Criterion("sequence_accuracy", 0.99, 3)


class Language(Enum):
    """How often each letter stands: n times, or 2·n."""

    anbn = "anbn"
    anb2n = "anb2n"
    anbncn = "anbncn"
    anbncndn = "anbncndn"


TIMES = {
    Language.anbn: (1, 1),
    Language.anb2n: (1, 2),
    Language.anbncn: (1, 1, 1),
    Language.anbncndn: (1, 1, 1, 1),
}


@dataclass(frozen=True)
class Counters:
    """The next symbol of strings such as aⁿbⁿ."""

    language: Language = Language.anbn
    """anbn, anb2n, anbncn or anbncndn."""
    certain_only: bool = False
    """Count only the symbols after the first b, which are certain: then a sequence that is right is
    a string that was counted."""
    lengths: Lengths = Lengths(20, 1)
    """n, at least 1."""
    held_out: int = 500
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        letters = tuple("abcd"[: len(TIMES[self.language])])
        targets, symbols = classes((*letters, "⊣")), (*letters, "⊢")
        criterion = ALL_CERTAIN if self.certain_only else Criterion("loss", self._best + 0.01, 3)
        own = targets, symbols, (), self._levels(), criterion
        return endless_corpus(self, seed, self._draw, *own)

    @property
    def _best(self) -> float:
        """Nats a symbol for who counts and knows how n is drawn."""
        shortest, longest = self.lengths.held_out
        steps = sum(TIMES[self.language]) * (shortest + longest) / 2 + 1
        return log(longest - shortest + 1) / steps

    def _levels(self) -> tuple[Level, ...]:
        if self.certain_only:
            return Level("accuracy", "optimum", 1.0), Level("loss", "optimum", 0.0)
        n, times = sum(self.lengths.held_out) / 2, TIMES[self.language]
        # Who knows the last symbol alone: each letter goes on or ends, at its mean rate.
        nats = sum(k * n * _entropy(1 / (k * n)) for k in times)
        no_memory = nats / (sum(times) * n + 1)
        return Level("loss", "no_memory", no_memory), Level("loss", "optimum", self._best)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        times = np.array(TIMES[self.language])
        ends = sizes[:, None] * np.cumsum(times)  # (count, letters), where each letter ends
        steps = ends[:, -1] + 1
        t = np.arange(int(steps.max()))
        y = (t[:, None] >= ends[:, None]).sum(axis=2)  # (count, longest): letters that have ended
        x = np.empty_like(y)
        x[:, 0], x[:, 1:] = len(times), y[:, :-1]
        weights = None
        if self.certain_only:
            weights = flat(t > ends[:, :1], steps).astype(np.float32)
        return Sequences(steps, flat(y, steps), flat(x, steps), weights=weights, sizes=sizes)


def _entropy(p: float) -> float:
    """Of a yes of probability p, in nats."""
    return -sum(q * log(q) for q in (p, 1 - p) if q > 0)
