"""The baseline: n-grams with interpolated modified Kneser–Ney smoothing (Chen and Goodman 1998).

    P(w | h) = (c(hw) − D(c(hw)) + γ(h)·P(w | h′)) / c(h·)
    γ(h)     = D₁·N₁(h) + D₂·N₂(h) + D₃·N₃₊(h)

h′ is h without its oldest symbol; at the bottom stands the uniform 1 / V; where h was never seen
P(w | h) = P(w | h′). At the highest order c counts occurrences; below, c(hw) is how many different
symbols came before hw, except where h begins a text: nothing else can come before that. N₁, N₂ and
N₃₊ are how many symbols followed h once, twice, and more often. The discounts come from n₁ … n₄,
how many n-grams of an order have the count 1 … 4:

    Y = n₁ / (n₁ + 2·n₂),   D₁ = 1 − 2·Y·n₂/n₁,   D₂ = 2 − 3·Y·n₃/n₂,   D₃ = 3 − 4·Y·n₄/n₃

Order n looks at n − 1 symbols. A network that does not beat the best of them has learned little.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus, Examples, Split
from rnnx.system.files import cache_folder, write_json
from rnnx.system.memory import free_bytes

ORDERS = 8
FIT_LIMIT = 2_000_000  # training symbols; n-grams of more take too long to fit
BYTES_PER_SYMBOL = 160  # of the arrays that count two orders at once, at most
CACHE_FORMAT = 2


class Tokens(NamedTuple):
    """A split as one array, to count n-grams in."""

    ids: Array  # (n,) int64
    place: Array  # (n,) of each id in its own sequence
    counted: Array  # (n,) bool: whether it is a target


def cached_baseline(corpus: Corpus, always: bool = False) -> tuple[int, float] | None:
    """The best order and its nats a held-out token; None where there is too much to fit.

    It is computed once for a content and its split, and kept in the user's cache folder.
    """
    train, val = corpus.train, corpus.val
    if val is None or (train.tokens > FIT_LIMIT and not always):
        return None
    path = cache_folder() / "baselines" / f"{_key(corpus)}.json"
    try:
        order, nats = json.loads(path.read_text("utf-8"))
        return int(order), float(nats)
    except (OSError, ValueError, TypeError):
        pass
    free = free_bytes()
    if free is not None and BYTES_PER_SYMBOL * (train.tokens + val.tokens) > free:
        return None
    losses = ngram_losses(train, val, len(corpus.vocabulary))
    best = min(range(len(losses)), key=losses.__getitem__)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, [best + 1, losses[best]])
    except OSError:
        pass  # without its cache it is only computed again
    return best + 1, losses[best]


def _key(corpus: Corpus) -> str:
    """The name of the cache entry: content and split decide the result."""
    sha = hashlib.sha256(f"{CACHE_FORMAT} {corpus.sha256} {len(corpus.vocabulary)}".encode())
    for split in (corpus.train, corpus.val):
        assert split is not None
        if isinstance(split, Examples):
            sha.update(np.ascontiguousarray(split.starts, np.int64).tobytes())
            sha.update(np.ascontiguousarray(split.lengths, np.int64).tobytes())
        else:
            sha.update(f"stream {len(split.ids)}".encode())
    return sha.hexdigest()[:32]


def ngram_losses(train: Split, val: Split, n_symbols: int, orders: int = ORDERS) -> list[float]:
    """Nats a held-out token of the orders 1 … ``orders``."""
    parts = [flat_tokens(train), flat_tokens(val)]
    seen = np.concatenate([parts[0].counted, np.zeros_like(parts[1].counted)])
    asked = np.concatenate([np.zeros_like(parts[0].counted), parts[1].counted])
    place = np.concatenate([part.place for part in parts])
    p, losses = np.full(int(asked.sum()), 1 / n_symbols), []
    for m, (level, longer) in enumerate(pairwise(ngram_levels(parts, n_symbols, orders))):
        # A place t symbols into its text has contexts of up to t symbols and the beginning.
        reaches, begins = place >= m - 1, place == m - 1
        occurrences = _occurrences(level, seen & reaches)
        highest = _interpolate(p, level, occurrences, asked, reaches)
        losses.append(float(-np.mean(np.log(highest))))
        diversity = _predecessors(level, longer, seen & (place >= m))
        if m:
            diversity += _occurrences(level, seen & begins)
        p = _interpolate(p, level, diversity, asked, reaches)
    return losses


class Level(NamedTuple):
    """The n-grams of one order, numbered."""

    context: Array  # (n,) the number of the context before each place
    gram: Array  # (n,) the number of context and symbol
    context_of: Array  # (n-grams,) the context of each n-gram


def ngram_levels(parts: list[Tokens], n_symbols: int, orders: int) -> Iterator[Level]:
    """The n-grams with contexts of 0 … ``orders`` symbols, over all places of all parts."""
    ids = np.concatenate([part.ids for part in parts])
    context = np.zeros(len(ids), np.int64)
    for back in range(1, orders + 2):
        grams, gram = np.unique(context * n_symbols + ids, return_inverse=True)
        yield Level(context, gram, grams // n_symbols)
        older = [_before(part, back, n_symbols) for part in parts]
        # A context of one more symbol is the shorter one and the symbol: renumber the pairs.
        pairs = context * (n_symbols + 1) + np.concatenate(older)
        context = np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _occurrences(level: Level, where: Array) -> Array:
    """(n-grams,) how often each occurs at the places ``where``."""
    return np.bincount(level.gram[where], minlength=len(level.context_of))


def _predecessors(level: Level, longer: Level, where: Array) -> Array:
    """(n-grams,) how many different symbols came before each at the places ``where``."""
    places = np.flatnonzero(where)
    _, first = np.unique(longer.gram[places], return_index=True)
    return np.bincount(level.gram[places[first]], minlength=len(level.context_of))


def _discounts(counts: Array) -> Array:
    """(4,) what is taken from the counts 0, 1, 2 and above, of one order's n-grams."""
    n = [int((counts == k).sum()) for k in (1, 2, 3, 4)]
    Y = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    found = [k - (k + 1) * Y * n[k] / n[k - 1] if n[k - 1] else 0.0 for k in (1, 2, 3)]
    # A discount of 0 would leave nothing for what was never seen: k·Y on data too small for one.
    found = [d if d > 0 else k * Y for k, d in enumerate(found, 1)]
    return np.clip([0, *found], 0, [0, 1, 2, 3])


def _interpolate(p: Array, level: Level, counts: Array, asked: Array, reaches: Array) -> Array:
    """From the probabilities of one order to those of the next, at the asked places."""
    taken = _discounts(counts)[np.minimum(counts, 3)]
    n_contexts = int(level.context.max()) + 1
    total = np.bincount(level.context_of, weights=counts, minlength=n_contexts)
    freed = np.bincount(level.context_of, weights=taken, minlength=n_contexts)
    here, gram = level.context[asked], level.gram[asked]
    mixed = (counts[gram] - taken[gram] + freed[here] * p) / np.maximum(total[here], 1)
    return np.where((total[here] > 0) & reaches[asked], mixed, p)


def _before(part: Tokens, back: int, begin: int) -> Array:
    """The symbol ``back`` places before each; ``begin`` where the sequence had not begun."""
    older = np.full(len(part.ids), begin, np.int64)
    older[back:] = part.ids[:-back] if back < len(part.ids) else older[back:]
    return np.where(part.place >= back, older, begin)


def flat_tokens(split: Split) -> Tokens:
    """All targets of a split end to end; of a stream the first symbol, too."""
    if isinstance(split, Examples):
        ends = np.cumsum(split.lengths)
        place = np.arange(int(ends[-1])) - np.repeat(ends - split.lengths, split.lengths)
        ids = split.ids[np.repeat(split.starts, split.lengths) + place].astype(np.int64)
        return Tokens(ids, place, np.ones(len(ids), bool))
    ids = np.asarray(split.ids).astype(np.int64)
    place = np.arange(len(ids))
    return Tokens(ids, place, place > 0)
