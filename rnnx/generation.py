"""New text from a trained network, all texts of a round in one batch."""

from __future__ import annotations

import numpy as np

from rnnx.answers import fault
from rnnx.blame import answering
from rnnx.contracts import Array, Sampler
from rnnx.memory import told_as, within_free_memory
from rnnx.model import Network
from rnnx.parameters import Parameters
from rnnx.scratch import Scratch
from rnnx.streaming import select, stream

FEW = 8  # at least one text in so many has ended before they leave the batch


def generate(
    network: Network,
    params: Parameters,
    sampler: Sampler,
    rng: np.random.Generator,
    count: int,
    length: int,
    prompt: list[int] | None = None,
    end: int | None = None,
) -> list[list[int]]:
    """``count`` lists of ids, without the prompt and without ``end``.

    Every text begins with the zero vector (id −1), as an example does in training, then the
    prompt; it ends before ``end`` or when prompt and text together have ``length`` ids. Texts
    that have ended leave the network's batch, so that short ones do not pay for the longest; the
    sampler sees every text in its place until the last has ended.
    """
    prompt = prompt or []
    if count == 0 or length <= len(prompt):
        return [[] for _ in range(count)]
    what = f"{count} texts of up to {length} symbols do not fit into memory; ask for fewer"
    with told_as(what), within_free_memory(), answering():
        return _generate(network, params, sampler, rng, count, length, prompt, end)


def _generate(
    network: Network,
    params: Parameters,
    sampler: Sampler,
    rng: np.random.Generator,
    count: int,
    length: int,
    prompt: list[int],
    end: int | None,
) -> list[list[int]]:
    scratch = Scratch()
    step = stream(network, params, scratch)
    states = network.initial_state(count, params.flat.dtype)
    ids = np.empty((length, count), np.intp)
    ids[: len(prompt)] = np.array(prompt, np.intp)[:, None]
    states = step(np.full(count, -1, np.intp), states)
    for known in ids[: len(prompt)]:
        states = step(known, states)
    spread, own = _Spread(network.n_symbols, count), scratch.child("head")
    for t in range(len(prompt), length):
        z = network.head.logits(params["head"], states[-1][0][None], own)[0]
        drawn = sampler.sample(spread(z), ids[:t], rng)
        _check(drawn, len(z), count, sampler)
        ids[t] = drawn
        if end is not None and (on := spread.drop(ids[t] == end)) is not None:
            states = select(states, on)
        if t + 1 == length or not len(spread.going):
            break
        states = step(ids[t] if spread.whole else ids[t, spread.going], states)
    return [_until(text, end) for text in ids[len(prompt) : t + 1].T.tolist()]


class _Spread:
    """Which texts go on, and their logits in the places of all texts."""

    def __init__(self, n_symbols: int, count: int) -> None:
        self.going = np.arange(count)
        self.whole = True  # whether all go on
        self._ended = np.zeros(count, np.bool_)
        self._all = np.zeros((n_symbols, count), np.float64)

    def __call__(self, logits: Array) -> Array:
        """(n_symbols, count); what stands in the place of a text that has ended does not count."""
        if self.whole:
            return logits
        self._all[:, self.going] = logits
        return self._all

    def drop(self, ends: Array) -> Array | None:
        """The places among those that went on which still do; None where none leaves yet.

        A text whose id ``ends`` it leaves with others, an eighth of all at once: choosing columns
        anew costs about as much as a step of so many.
        """
        self._ended |= ends
        on = ~self._ended[self.going]
        if (len(on) - np.count_nonzero(on)) * FEW < len(on):
            return None
        self.going, self.whole = self.going[on], False
        return on


def _until(text: list[int], end: int | None) -> list[int]:
    return text[: text.index(end)] if end in text else text


def _check(ids: Array, n_symbols: int, count: int, sampler: Sampler) -> None:
    if np.shape(ids) != (count,) or not np.issubdtype(np.asarray(ids).dtype, np.integer):
        found = f"{np.shape(ids)} of {np.asarray(ids).dtype}"
        what = f"sample returned {found}, expected ({count},) of whole numbers"
        raise fault("sampler", sampler, what)
    lowest, highest = (ids[0],) * 2 if count == 1 else (np.min(ids), np.max(ids))
    if lowest < 0 or highest >= n_symbols:
        what = f"sample returned ids {lowest} … {highest}, expected 0 … {n_symbols - 1}"
        raise fault("sampler", sampler, what)
