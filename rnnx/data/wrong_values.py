"""Values that nothing can be learned from: ids that are none, bits that are neither 0 nor 1, NaN.

A whole corpus is looked through once, when it is loaded. Of examples without end a first draw is,
and a batch whose loss is not finite. What counts nowhere may be anything: a target of weight 0, a
step that is in no sequence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.batch import Batch
from rnnx.data.coded import CodedIds
from rnnx.data.corpus import Corpus, Examples, Split, Stream, wrong_part
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.targets import NEXT_SYMBOL, TargetKind, Targets

DRAWN = 16  # sequences that stand for those without end


class Rule(NamedTuple):
    """What the values of an array may be."""

    dtypes: str  # NumPy's letters of the kinds of its type
    least: float
    most: float  # both −inf and inf: any finite number
    words: str

    def allows(self, array: Array) -> Array:
        """For each value whether it may be there."""
        return np.isfinite(array) & (array >= self.least) & (array <= self.most)

    def allows_all(self, array: Array) -> bool:
        """Whether all may: quickly, and without an array as large."""
        if not array.size:
            return True
        low, high = float(np.min(array)), float(np.max(array))  # NaN if there is one
        return self.least <= low and high <= self.most and math.isfinite(high - low)


NUMBERS, INTEGERS = "buif", "iu"
WEIGHTS = "weights"
ANY = Rule(NUMBERS, -math.inf, math.inf, "expected finite numbers")
WEIGHT = Rule(NUMBERS, 0, math.inf, "expected finite numbers of at least 0")
BIT = Rule(NUMBERS, 0, 1, "expected 0 or 1")


def _ids(least: int, count: int, whose: str) -> Rule:
    return Rule(INTEGERS, least, count - 1, f"{whose} {least} … {count - 1}")


def rule_of_ids(n_symbols: int) -> Rule:
    """For the ids of inputs; −1 is the zero vector."""
    return _ids(-1, n_symbols, "the vocabulary has")


def rule_of(targets: Targets, n_symbols: int) -> Rule:
    """For targets that count."""
    if targets == NEXT_SYMBOL:
        return _ids(0, n_symbols, "the vocabulary has")
    if targets.are_ids:
        return _ids(0, targets.size, "the classes are")
    return BIT if targets.kind is TargetKind.bits else ANY


def wrong_values(corpus: Corpus) -> str:
    """The first wrong value of a corpus, with its part and its place; empty: there is none."""
    for name, part in (("train", corpus.train), ("val", corpus.val)):
        if part is not None and (found := _in_part(corpus, part)):
            return f"{'draw' if isinstance(part, Endless) else name}: {found}"
    return ""


def _in_part(corpus: Corpus, part: Split) -> str:
    if isinstance(part, Endless):
        drawn = part.fixed(DRAWN, 0)
        return wrong_part(corpus, drawn) or wrong_in_sequences(corpus, drawn)
    if isinstance(part, Sequences):
        return wrong_in_sequences(corpus, part)
    return _in_text(corpus, part)


def _in_text(corpus: Corpus, part: Examples | Stream) -> str:
    """Every id is a target; no example is named: they may overlap."""
    if isinstance(part.ids, CodedIds):  # each is the place of a symbol
        return ""
    ids, rule = np.asarray(part.ids), rule_of(NEXT_SYMBOL, len(corpus.vocabulary))
    if ids.dtype.kind not in rule.dtypes:
        return f"ids are {ids.dtype}, expected whole numbers"
    if rule.allows_all(ids):
        return ""
    place = int(np.argmin(rule.allows(ids)))
    return f"ids[{place}] is {ids[place]}, {rule.words}"


def wrong_in_sequences(corpus: Corpus, part: Sequences, but: str = "") -> str:
    """The first wrong value, with its place, in other arrays than that called ``but``."""
    targets, n_symbols = corpus.targets, len(corpus.vocabulary)
    features = [one.name for one in corpus.features]
    own = [one.name for one in targets.quantities] or list(targets.names)
    arrays: list[tuple[str, Array | None, Rule, list[str]]] = [
        ("ids", part.ids, rule_of_ids(n_symbols), []),
        ("features", part.features, ANY, features),
        (WEIGHTS, part.weights, WEIGHT, []),
        ("y", part.y, rule_of(targets, n_symbols), [] if targets.are_ids else own),
    ]
    for what, array, rule, columns in arrays:
        if array is None or what == but:
            continue
        if found := _in_array(part, what, np.asarray(array), rule, columns):
            return found
    if but != WEIGHTS and part.weights is not None and len(part) and not part.tokens:
        return f"no target of its {len(part)} sequences has a weight above 0"
    return ""


def _in_array(part: Sequences, what: str, array: Array, rule: Rule, columns: Sequence[str]) -> str:
    if array.dtype.kind not in rule.dtypes:
        expected = "whole numbers" if rule.dtypes == INTEGERS else "numbers"
        return f"{what} is {array.dtype} of shape {array.shape}, expected {expected}"
    if rule.allows_all(array):
        return ""
    whole = what in ("y", WEIGHTS) and part.per_sequence
    counts = np.ones(len(array), bool) if whole else _in_a_sequence(part, len(array))
    if what == "y" and part.weights is not None:
        counts = counts & (np.asarray(part.weights) > 0)
    wrong = ~rule.allows(array)
    rows = wrong.reshape(len(array), -1).any(axis=1) & counts
    if not rows.any():
        return ""
    return _told(part, what, array, wrong, int(np.argmax(rows)), whole, columns, rule)


def _in_a_sequence(part: Sequences, n: int) -> Array:
    """(n,) whether a step is in a sequence of the part."""
    change, starts = np.zeros(n + 1, np.int64), np.asarray(part.starts)
    np.add.at(change, starts, 1)
    np.add.at(change, starts + np.asarray(part.lengths), -1)
    return np.cumsum(change[:n]) > 0


def _told(
    part: Sequences,
    what: str,
    array: Array,
    wrong: Array,
    row: int,
    whole: bool,
    columns: Sequence[str],
    rule: Rule,
) -> str:
    place, value, name = f"{row}", array[row], ""
    if array.ndim > 1:
        k = int(np.argmax(wrong[row]))
        place, value, name = f"{row}, {k}", array[row, k], f"{columns[k]} of "
    at = f"sequence {row}"
    if not whole:
        starts, lengths = np.asarray(part.starts), np.asarray(part.lengths)
        one = int(np.flatnonzero((starts <= row) & (row < starts + lengths))[0])
        at = f"sequence {one}, step {row - int(starts[one])}"
    return f"{what}[{place}] ({name}{at}) is {value}, {rule.words}"


def wrong_in_batch(batch: Batch, n_symbols: int, targets: Targets) -> str:
    """The first wrong value of a batch, with its step and column; empty: there is none."""
    x, y, weights, lengths = batch.x, batch.y, batch.weights, batch.lengths
    checks: list[tuple[str, Array, Rule, Any]] = [
        ("x", x, rule_of_ids(n_symbols) if x.ndim == 2 else ANY, True)
    ]
    if weights is not None:
        checks.append(("weights", weights, WEIGHT, True))
    counts: Any = True if weights is None else weights > 0
    if lengths is not None and not targets.per_sequence:
        counts = counts & (np.arange(len(x))[:, None] < lengths)
    if y.ndim > 1 + (not targets.per_sequence):  # the values or bits of a target
        counts = np.expand_dims(counts, -2) if isinstance(counts, np.ndarray) else counts
    checks.append(("y", y, rule_of(targets, n_symbols), counts))
    for what, array, rule, counted in checks:
        wrong = ~rule.allows(array) & counted
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            step = "" if what != "x" and targets.per_sequence else f", step {place[0]}"
            at = f"sequence {place[-1]} of a batch{step}"
            return f"{what}[{', '.join(map(str, place))}] ({at}) is {array[place]}, {rule.words}"
    return ""
