"""New text from a trained network, all texts of a round in one batch."""

from __future__ import annotations

import numpy as np

from rnnx.contracts import Array, Sampler
from rnnx.errors import PluginError
from rnnx.model import Network
from rnnx.parameters import Parameters
from rnnx.scratch import Scratch


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
    prompt; it ends before ``end`` or when prompt and text together have ``length`` ids.
    """
    prompt = prompt or []
    if count == 0 or length <= len(prompt):
        return [[] for _ in range(count)]
    scratch = Scratch()
    states = network.initial_state(count, params.flat.dtype)
    x = np.repeat(np.array([-1, *prompt], np.intp)[:, None], count, axis=1)  # (T, B)
    ids = np.empty((length, count), np.intp)
    ids[: len(prompt)] = x[1:]
    going = np.ones(count, bool)
    t = len(prompt)
    while t < length and going.any():
        h, states, _ = network.forward(params, x, states, None, scratch)
        logits = network.head.logits(params["head"], h[-1:], scratch.child("head"))[0]
        drawn = sampler.sample(logits, ids[:t], rng)
        ids[t] = _checked(drawn, count, network.n_symbols, sampler)
        x = ids[t : t + 1]
        if end is not None:
            going &= ids[t] != end
        t += 1
    return [_until(ids[len(prompt) : t, b], end) for b in range(count)]


def _until(ids: Array, end: int | None) -> list[int]:
    text: list[int] = ids.tolist()
    return text[: text.index(end)] if end in text else text


def _checked(ids: Array, count: int, n_symbols: int, sampler: Sampler) -> Array:
    if np.shape(ids) != (count,):
        raise PluginError(
            f"sampler {type(sampler).__name__}: sample returned shape {np.shape(ids)}, "
            f"expected ({count},)"
        )
    if (ids < 0).any() or (ids >= n_symbols).any():
        raise PluginError(
            f"sampler {type(sampler).__name__}: sample returned an id outside 0 … {n_symbols - 1}"
        )
    return ids
