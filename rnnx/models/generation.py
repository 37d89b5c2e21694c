"""New text from a trained network, all texts in one batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Dataset, Grammar, GrammaticalDataset, Sampler
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError
from rnnx.models.network import Network
from rnnx.models.streaming import select, stream
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import contract_error
from rnnx.system.memory import refuse_more_than_free, reraise_as

COMPACT_FROM = 8  # ended texts leave the batch once they are one in so many


def grammar_of(dataset: Dataset, vocabulary: Vocabulary) -> Grammar | None:
    """The grammar of a data set's texts, if it has one."""
    return dataset.grammar(vocabulary) if isinstance(dataset, GrammaticalDataset) else None


def generate(
    network: Network,
    params: Parameters,
    sampler: Sampler,
    rng: np.random.Generator,
    count: int,
    length: int,
    prompt: list[int] | None = None,
    end: int | None = None,
    grammar: Grammar | None = None,
    watch: Callable[[int], None] | None = None,
) -> list[list[int]]:
    """``count`` lists of ids, without the prompt and without ``end``.

    Every text begins with the zero vector (id −1), as an example does in training, then the
    prompt; it ends before ``end``, where ``grammar`` lets nothing follow, or when prompt and text
    together have ``length`` ids. What the grammar does not allow has the logit −inf. Texts
    that have ended leave the network's batch, so that short ones do not pay for the longest; the
    sampler sees every text in its place until the last has ended. ``watch`` is told, before each
    step, how many symbols there are.
    """
    prompt = prompt or []
    if count == 0 or length <= len(prompt):
        return [[] for _ in range(count)]
    what = f"{count} texts of up to {length} symbols do not fit into memory; ask for fewer"
    # Ids; logits in the network's type and in float64, and the arrays that a sampler makes.
    needed = count * (8 * length + 32 * network.n_symbols)
    with reraise_as(what), attributing():
        refuse_more_than_free(needed, "they")
        rules = _Rules(grammar, count, prompt, length) if grammar else None
        if rules and rules.ended.all():
            return [[] for _ in range(count)]
        told = watch or (lambda symbols: None)
        return _generate(network, params, sampler, rng, count, length, prompt, end, rules, told)


def _generate(
    network: Network,
    params: Parameters,
    sampler: Sampler,
    rng: np.random.Generator,
    count: int,
    length: int,
    prompt: list[int],
    end: int | None,
    rules: _Rules | None,
    watch: Callable[[int], None],
) -> list[list[int]]:
    scratch = Scratch()
    step = stream(network, params, scratch)
    states = network.initial_state(count, params.flat.dtype)
    ids = np.empty((length, count), np.intp)
    ids[: len(prompt)] = np.array(prompt, np.intp)[:, None]
    for known in (np.full(count, -1, np.intp), *ids[: len(prompt)]):
        h, states = step(known, states)
    spread, own = _Spread(network.n_symbols, count), scratch.child("head")
    given = network.head_params(params, own)
    for t in range(len(prompt), length):
        watch(t)
        z = network.head.logits(given, h[None], own)[0]
        wide = rules.masked(spread(z)) if rules else spread(z)
        drawn = sampler.sample(wide, ids[:t], rng)
        _check(drawn, len(z), count, sampler)
        ids[t] = drawn
        if end is not None or rules:
            ends = ids[t] == end  # nowhere where there is no end
            if rules:
                ends = ends | rules.follow(ids[t], t)
            if (on := spread.drop(ends)) is not None:
                states = select(states, on)
        if t + 1 == length or not len(spread.going):
            break
        h, states = step(ids[t] if spread.whole else ids[t, spread.going], states)
    texts = ids[: t + 1].T.tolist()
    stops = rules.stops if rules else [length] * count
    return [_until(text[len(prompt) : n], end) for text, n in zip(texts, stops, strict=True)]


class _Spread:
    """Which texts have not ended, and their logits in the places of all texts."""

    def __init__(self, n_symbols: int, count: int) -> None:
        self.going = np.arange(count)
        self.whole = True  # whether none has ended
        self._ended = np.zeros(count, np.bool_)
        self._all = np.zeros((n_symbols, count), np.float64)

    def __call__(self, logits: Array) -> Array:
        """(n_symbols, count) logits; those of a text that has ended mean nothing."""
        if self.whole:
            return logits
        self._all[:, self.going] = logits
        return self._all

    def drop(self, ends: Array) -> Array | None:
        """Which of the texts in the batch stay in it; None while all do.

        A text whose id ``ends`` it leaves with others, an eighth of all at once: choosing columns
        anew costs about as much as a step of so many.
        """
        self._ended |= ends
        on = ~self._ended[self.going]
        if (len(on) - np.count_nonzero(on)) * COMPACT_FROM < len(on):
            return None
        self.going, self.whole = self.going[on], False
        return on


class _Rules:
    """Where each text stands in its grammar."""

    def __init__(self, grammar: Grammar, count: int, prompt: list[int], length: int) -> None:
        self._grammar, self._state = grammar, grammar.start(count)
        self.stops = [length] * count  # how many ids each text has, the prompt's among them
        self.ended = np.zeros(count, np.bool_)
        self._look(0)
        for t, known in enumerate(prompt):
            if not self._allowed[known].all():
                raise DataError(f"prompt: its symbol {t + 1} cannot stand there")
            self.follow(np.full(count, known, np.intp), t)

    def masked(self, logits: Array) -> Array:
        """(n_y, B) logits, −inf where the grammar forbids; a text that has ended draws any."""
        return np.where(self._allowed | self.ended, logits, -np.inf)

    def follow(self, ids: Array, t: int) -> Array:
        """Advance by the ids (B,) of step t; which texts have ended."""
        self._state = self._grammar.follow(self._state, ids)
        self._look(t + 1)
        return self.ended

    def _look(self, t: int) -> None:
        """Ask what may follow the first t ids; a text that nothing may follow has ended."""
        self._allowed = self._grammar.allowed(self._state)
        before, self.ended = self.ended, self.ended | ~self._allowed.any(axis=0)
        for place in np.flatnonzero(self.ended & ~before):
            self.stops[place] = t


def _until(text: list[int], end: int | None) -> list[int]:
    return text[: text.index(end)] if end in text else text


def _check(ids: Array, n_symbols: int, count: int, sampler: Sampler) -> None:
    if np.shape(ids) != (count,) or np.asarray(ids).dtype.kind not in "iu":
        found = f"{np.shape(ids)} of {np.asarray(ids).dtype}"
        what = f"sample returned {found}, expected ({count},) of whole numbers"
        raise contract_error("sampler", sampler, what)
    lowest, highest = (ids[0],) * 2 if count == 1 else (np.min(ids), np.max(ids))
    if lowest < 0 or highest >= n_symbols:
        what = f"sample returned ids {lowest} … {highest}, expected 0 … {n_symbols - 1}"
        raise contract_error("sampler", sampler, what)
