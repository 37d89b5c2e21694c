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
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus, Examples, TextSplit, text_parts
from rnnx.system.files import cache_folder, write_json
from rnnx.system.memory import free_bytes, refuse_more_than_free, reraise_as

ORDERS = 8
FIT_LIMIT = 2_000_000  # training symbols; n-grams of more take too long to fit
BYTES_PER_SYMBOL = 160  # of the arrays that count two orders at once, at most
BYTES_PER_ORDER = 64  # of the arrays that are kept of each order for a symbol, at most
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
    train, val = text_parts(corpus)
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
    for split in text_parts(corpus):
        assert split is not None
        if isinstance(split, Examples):
            sha.update(np.ascontiguousarray(split.starts, np.int64).tobytes())
            sha.update(np.ascontiguousarray(split.lengths, np.int64).tobytes())
        else:
            sha.update(f"stream {len(split.ids)}".encode())
    return sha.hexdigest()[:32]


def ngram_losses(
    train: TextSplit, val: TextSplit, n_symbols: int, orders: int = ORDERS
) -> list[float]:
    """Nats a held-out token of the orders 1 … ``orders``."""
    return [float(-np.mean(np.log(p))) for p in _probabilities(_fit(train, n_symbols, orders), val)]


class KneserNey:
    """Modified Kneser–Ney n-grams of the order ``order``, fitted on ``train``."""

    def __init__(self, train: TextSplit, n_symbols: int, order: int = ORDERS) -> None:
        what = f"n-grams of {train.tokens:,} training symbols do not fit into memory"
        with reraise_as(f"{what}; do without them, or train on less data"):
            needed = (BYTES_PER_SYMBOL + BYTES_PER_ORDER * order) * train.tokens
            refuse_more_than_free(needed, "they")
            self.order = order
            self._fitted = list(_fit(train, n_symbols, order))

    def probabilities(self, split: TextSplit) -> Array:
        """(targets,) the probability of each target of ``split``, in its order."""
        *_, found = _probabilities(self._fitted, split)
        return found

    def next(self, before: Array) -> Array:
        """(n_symbols, B) the probabilities of what follows the texts in the columns of (t, B)."""
        n_symbols, B = self._fitted[0].n_symbols, before.shape[1]
        p = np.full((n_symbols, B), 1 / n_symbols)
        begin, context = np.full(B, n_symbols), np.zeros(B, np.int64)
        for m, one in enumerate(self._fitted, 1):
            counts = one.highest if m == self.order else one.lower
            p = counts.interpolate(p, context, one.spread(counts.left, context))
            if m < self.order:
                older = before[-m] if m <= len(before) else begin
                context = self._fitted[m].number(context, older)
        return p


class _Discounted(NamedTuple):
    """The counts of one order: P(w | h) = (left + freed·P(w | h′)) / total."""

    left: Array  # (n-grams,) c − D(c)
    freed: Array  # (contexts,) γ·total
    total: Array  # (contexts,)

    def interpolate(self, p: Array, context: Array, left: Array) -> Array:
        """From the probabilities of the order below to those of this one; unknown contexts: −1."""
        total = np.where(context >= 0, self.total[context], 0)
        return np.where(total > 0, (left + self.freed[context] * p) / np.maximum(total, 1), p)


class _Order(NamedTuple):
    """The n-grams of one order in the training part, and their counts as the highest or below."""

    n_symbols: int
    contexts: Array  # (contexts,) sorted: shorter context's number · (n_symbols + 1) + older symbol
    grams: Array  # (n-grams,) sorted: context's number · n_symbols + symbol
    highest: _Discounted
    lower: _Discounted

    def number(self, shorter: Array, older: Array) -> Array:
        """(n,) the number of each context that has one symbol more than ``shorter``, or −1."""
        return _find(self.contexts, shorter * (self.n_symbols + 1) + older, shorter >= 0)

    def pick(self, values: Array, context: Array, symbol: Array) -> Array:
        """(n,) of (n-grams,) values those of a symbol in a context; 0 where it was never seen."""
        gram = _find(self.grams, context * self.n_symbols + symbol, context >= 0)
        return np.where(gram >= 0, values[gram], 0)

    def spread(self, values: Array, context: Array) -> Array:
        """(n_symbols, n) the same for every symbol."""
        found = np.zeros((self.n_symbols, len(context)))
        first = np.searchsorted(self.grams, context * self.n_symbols)
        stop = np.searchsorted(self.grams, (context + 1) * self.n_symbols)
        counts = stop - first  # 0 for the context −1: no key is below 0
        places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        columns = np.repeat(np.arange(len(context)), counts)
        found[self.grams[places] % self.n_symbols, columns] = values[places]
        return found


def _fit(train: TextSplit, n_symbols: int, orders: int) -> Iterator[_Order]:
    """The orders 1 … ``orders``, one after the other: together they take much memory."""
    tokens = flat_tokens(train)
    seen, place = tokens.counted, tokens.place
    for m, (level, longer) in enumerate(pairwise(ngram_levels([tokens], n_symbols, orders))):
        # A place t symbols into its text has contexts of up to t symbols and the beginning.
        occurrences = _occurrences(level, seen & (place >= m - 1))
        diversity = _predecessors(level, longer, seen & (place >= m))
        if m:
            diversity += _occurrences(level, seen & (place == m - 1))
        yield _Order(
            n_symbols,
            level.contexts,
            level.grams,
            _discounted(level, n_symbols, occurrences),
            _discounted(level, n_symbols, diversity),
        )


def _probabilities(fitted: Iterable[_Order], split: TextSplit) -> Iterator[Array]:
    """(targets,) for each order the probability of each target of ``split``, in its order."""
    tokens = flat_tokens(split)
    asked, context = tokens.counted, np.zeros(len(tokens.ids), np.int64)
    p: Array | None = None
    for m, one in enumerate(fitted):
        if m:
            context = one.number(context, _before(tokens, m, one.n_symbols))
        here, symbol = context[asked], tokens.ids[asked]
        below = np.full(len(here), 1 / one.n_symbols) if p is None else p
        yield one.highest.interpolate(below, here, one.pick(one.highest.left, here, symbol))
        p = one.lower.interpolate(below, here, one.pick(one.lower.left, here, symbol))


def _find(keys: Array, wanted: Array, where: Array) -> Array:
    """(n,) the places of the wanted ones among sorted keys; −1 where not there or not asked."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(where & (keys[place] == wanted), place, -1)


class Level(NamedTuple):
    """The n-grams of one order, numbered."""

    context: Array  # (n,) the number of the context before each place
    gram: Array  # (n,) the number of context and symbol
    contexts: Array  # (contexts,) sorted: shorter context's number · (n_symbols + 1) + older symbol
    grams: Array  # (n-grams,) sorted: context's number · n_symbols + symbol


def ngram_levels(parts: list[Tokens], n_symbols: int, orders: int) -> Iterator[Level]:
    """The n-grams with contexts of 0 … ``orders`` symbols, over all places of all parts."""
    ids = np.concatenate([part.ids for part in parts])
    context, contexts = np.zeros(len(ids), np.int64), np.zeros(1, np.int64)
    for back in range(1, orders + 2):
        grams, gram = np.unique(context * n_symbols + ids, return_inverse=True)
        yield Level(context, gram, contexts, grams)
        older = [_before(part, back, n_symbols) for part in parts]
        # A context of one more symbol is the shorter one and the symbol: renumber the pairs.
        pairs = context * (n_symbols + 1) + np.concatenate(older)
        contexts, context = np.unique(pairs, return_inverse=True)


def _occurrences(level: Level, where: Array) -> Array:
    """(n-grams,) how often each occurs at the places ``where``."""
    return np.bincount(level.gram[where], minlength=len(level.grams))


def _predecessors(level: Level, longer: Level, where: Array) -> Array:
    """(n-grams,) how many different symbols came before each at the places ``where``."""
    places = np.flatnonzero(where)
    _, first = np.unique(longer.gram[places], return_index=True)
    return np.bincount(level.gram[places[first]], minlength=len(level.grams))


def _discounted(level: Level, n_symbols: int, counts: Array) -> _Discounted:
    taken = _discounts(counts)[np.minimum(counts, 3)]
    context_of, n_contexts = level.grams // n_symbols, len(level.contexts)
    total = np.bincount(context_of, weights=counts, minlength=n_contexts)
    freed = np.bincount(context_of, weights=taken, minlength=n_contexts)
    return _Discounted(counts - taken, freed, total)


def _discounts(counts: Array) -> Array:
    """(4,) what is taken from the counts 0, 1, 2 and above, of one order's n-grams."""
    n = [int((counts == k).sum()) for k in (1, 2, 3, 4)]
    Y = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    found = [k - (k + 1) * Y * n[k] / n[k - 1] if n[k - 1] else 0.0 for k in (1, 2, 3)]
    # A discount of 0 would leave nothing for what was never seen: k·Y on data too small for one.
    found = [d if d > 0 else k * Y for k, d in enumerate(found, 1)]
    return np.clip([0, *found], 0, [0, 1, 2, 3])


def _before(part: Tokens, back: int, begin: int) -> Array:
    """The symbol ``back`` places before each; ``begin`` where the sequence had not begun."""
    older = np.full(len(part.ids), begin, np.int64)
    older[back:] = part.ids[:-back] if back < len(part.ids) else older[back:]
    return np.where(part.place >= back, older, begin)


def flat_tokens(split: TextSplit) -> Tokens:
    """All targets of a split end to end; of a stream the first symbol, too."""
    if isinstance(split, Examples):
        ends = np.cumsum(split.lengths)
        place = np.arange(int(ends[-1])) - np.repeat(ends - split.lengths, split.lengths)
        ids = split.ids[np.repeat(split.starts, split.lengths) + place].astype(np.int64)
        return Tokens(ids, place, np.ones(len(ids), bool))
    ids = np.asarray(split.ids).astype(np.int64)
    place = np.arange(len(ids))
    return Tokens(ids, place, place > 0)
