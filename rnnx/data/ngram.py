"""The baseline: interpolated n-grams with Witten-Bell smoothing (Witten and Bell 1991).

    P(w | h) = (c(hw) + T(h)·P(w | h′)) / (c(h) + T(h))

c counts, T(h) is how many different symbols followed h, h′ is h without its oldest symbol; where h
was never seen P(w | h) = P(w | h′), and at the bottom stands the uniform 1 / V. Order n looks at
n − 1 symbols. A recurrent network that does not beat the best of them has learned little.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus, Examples, Split
from rnnx.system.files import cache_folder, write_json

ORDERS = 7
MOST = 2_000_000  # training symbols; above, fitting would take longer than it tells
FORMAT = 1  # of the cache


class Tokens(NamedTuple):
    """A split laid out for counting."""

    ids: Array  # (n,) int64
    place: Array  # (n,) of each id in its own sequence
    counted: Array  # (n,) bool: whether it is a target


def cached_baseline(corpus: Corpus, always: bool = False) -> tuple[int, float] | None:
    """The best order and its nats a held-out token; None where there is too much to fit.

    Computed once for one split of one content and kept in the user's cache folder.
    """
    train, val = corpus.train, corpus.val
    if val is None or (train.tokens > MOST and not always):
        return None
    path = cache_folder() / "baselines" / f"{_key(corpus)}.json"
    try:
        order, nats = json.loads(path.read_text("utf-8"))
        return int(order), float(nats)
    except (OSError, ValueError, TypeError):
        pass
    losses = ngram_losses(train, val, len(corpus.vocabulary))
    best = min(range(len(losses)), key=losses.__getitem__)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, [best + 1, losses[best]])
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else
    return best + 1, losses[best]


def _key(corpus: Corpus) -> str:
    """What decides the figure: the content and the split."""
    sha = hashlib.sha256(f"{FORMAT} {corpus.sha256} {len(corpus.vocabulary)}".encode())
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
    parts = [_tokens(train), _tokens(val)]
    seen = np.concatenate([parts[0].counted, np.zeros_like(parts[1].counted)])
    asked = np.concatenate([np.zeros_like(parts[0].counted), parts[1].counted])
    ids = np.concatenate([part.ids for part in parts])
    p = np.full(int(asked.sum()), 1 / n_symbols)
    losses = []
    for context in _contexts(parts, n_symbols, orders):
        p = _interpolate(p, context, ids, seen, asked, n_symbols)
        losses.append(float(-np.mean(np.log(p))))
    return losses


def _interpolate(
    p: Array, context: Array, ids: Array, seen: Array, asked: Array, n_symbols: int
) -> Array:
    """From the probabilities of one order to those of the next, at the asked places."""
    grams, gram = np.unique(context * n_symbols + ids, return_inverse=True)
    n_contexts = int(context.max()) + 1
    c_hw = np.bincount(gram[seen], minlength=len(grams))
    c_h = np.bincount(context[seen], minlength=n_contexts)
    T_h = np.bincount(grams[c_hw > 0] // n_symbols, minlength=n_contexts)
    here = context[asked]
    total = c_h[here] + T_h[here]
    mixed = (c_hw[gram[asked]] + T_h[here] * p) / np.maximum(total, 1)
    return np.where(total > 0, mixed, p)


def _contexts(parts: list[Tokens], n_symbols: int, orders: int) -> Iterator[Array]:
    """(n,) numbers of the contexts of 0, 1, … symbols before each place of all parts."""
    context = np.zeros(sum(len(part.ids) for part in parts), np.int64)
    for back in range(1, orders + 1):
        yield context
        if back == orders:
            return
        older = [_before(part, back, n_symbols) for part in parts]
        # A context of one more symbol is the shorter one and the symbol: renumber the pairs.
        pairs = context * (n_symbols + 1) + np.concatenate(older)
        context = np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _before(part: Tokens, back: int, begin: int) -> Array:
    """The symbol ``back`` places before each; ``begin`` where the sequence had not begun."""
    older = np.full(len(part.ids), begin, np.int64)
    older[back:] = part.ids[:-back] if back < len(part.ids) else older[back:]
    return np.where(part.place >= back, older, begin)


def _tokens(split: Split) -> Tokens:
    if isinstance(split, Examples):
        ends = np.cumsum(split.lengths)
        place = np.arange(int(ends[-1])) - np.repeat(ends - split.lengths, split.lengths)
        ids = split.ids[np.repeat(split.starts, split.lengths) + place].astype(np.int64)
        return Tokens(ids, place, np.ones(len(ids), bool))
    ids = np.asarray(split.ids).astype(np.int64)
    place = np.arange(len(ids))
    return Tokens(ids, place, place > 0)
