"""The notebook's language model: clip, sample, optimize, and the training loop over the names.

The parameters are Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_y, n_a), b (n_a, 1), by (n_y, 1) with
n_x = n_y = the size of the vocabulary. Random numbers come from NumPy's legacy generator, seeded
as in the notebook.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.errors import InputError
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.clippers.value import Value
from rnnx_notebook.cllm_utils import (
    GRADIENTS,
    HEAD,
    SPEC,
    backward,
    descend,
    forward,
    get_initial_loss,
    initialize_parameters,
    print_sample,
    smooth,
    weights,
)
from rnnx_notebook.rnn_utils import softmax
from rnnx_notebook.shapes import Sizes, in_place, mapping, positive, whole

LENGTH_MAX = 50  # characters of a sampled name
SEED_MAX = 2**32 - 1 - 2 * (LENGTH_MAX - 1)  # NumPy's legacy generator takes seeds to 2³² − 1
REPORT_EVERY = 2000
SAMPLED = {"Wya": ("n_x", "n_a"), "by": ("n_x", "1")}  # n_y = n_x: a sampled id is an input
CORPUS_SHA256 = "8f559199fe891d4c1708c9a9b2992298b95e1e961b5664163eabdf5c56ca63e1"
"""The SHA-256 of the notebook's names, in lower case, one on each line."""


UNMEASURED = sys.float_info.max  # in place of a norm: the notebook clips whatever it is


def clip(gradients: Mapping[str, Array], maxValue: float) -> dict[str, Array]:
    """Clip every gradient in place: g ← min(max(g, −maxValue), maxValue).

    ``gradients`` dWaa (n_a, n_a), dWax (n_a, n_x), dWya (n_y, n_a), db (n_a, 1), dby (n_y, 1),
    which are changed in place; the dictionary returned holds the same five arrays.
    """
    Sizes().entries("gradients", gradients, GRADIENTS)
    clipped = {name: in_place(f'gradients["{name}"]', gradients[name]) for name in GRADIENTS}
    grads = Parameters({"": clipped})
    if Value(limit=positive("maxValue", maxValue)).clip(grads, UNMEASURED):
        for name, array in clipped.items():
            array[...] = grads[""][name]
    return clipped


def sample(parameters: Mapping[str, Array], char_to_ix: Mapping[str, int], seed: int) -> list[int]:
    """Draw the ids of a name from the model, the newline last.

    a⟨t⟩ = tanh(Wax·x⟨t⟩ + Waa·a⟨t−1⟩ + b),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by),   x⟨t+1⟩ ~ ŷ⟨t⟩

    from x⟨0⟩ = 0 and a⟨−1⟩ = 0 to the first newline, or to 50 characters, after which a newline is
    added. Before the draw at t (from 0) the legacy generator is seeded with seed + 2t.

    ``parameters`` Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_x, n_a), b (n_a, 1), by (n_x, 1)
    """
    sizes = Sizes()
    params = sizes.entries("parameters", parameters, {**SPEC, **SAMPLED})
    cell, output = weights(params)
    n_x, vanilla, scratch = sizes["n_x"], Vanilla(sizes["n_a"]), Scratch()
    newline, seed = _newline(char_to_ix, n_x), whole("seed", seed, 0, SEED_MAX)
    state, x = vanilla.initial_state(1, np.float64), np.array([[-1]])
    indices: list[int] = []
    while len(indices) < LENGTH_MAX and (not indices or indices[-1] != newline):
        h, state, _ = vanilla.forward(cell, x, state, None, scratch)
        p = softmax(HEAD.logits(output, h, scratch)[0])
        if not np.isfinite(p).all():
            raise InputError(
                "parameters: expected finite numbers, received some that make the probabilities "
                f"of character {len(indices)} NaN"
            )
        np.random.seed(seed + 2 * len(indices))
        x[:] = np.random.choice(n_x, p=p.ravel())
        indices.append(int(x[0, 0]))
    # The notebook adds a newline to each list of 50 ids, even to one that ends with it.
    return indices if len(indices) < LENGTH_MAX else [*indices, newline]


def optimize(
    X: Sequence[int | None],
    Y: Sequence[int],
    a_prev: Array,
    parameters: dict[str, Array],
    learning_rate: float = 0.01,
) -> tuple[float, dict[str, Array], Array]:
    """One training step on one name: ``loss, gradients, a⟨T−1⟩ (n_a, 1)``.

    Forward, backward, clip to ±5, W ← W − learning_rate·dW; ``parameters`` are changed in place.

    ``X`` (T,) ids, the first may be None, the zero vector · ``Y`` (T,) ids · ``a_prev`` (n_a, 1) ·
    ``gradients`` dWax, dWaa, dWya, db, dby after clipping
    """
    return _optimize(X, Y, a_prev, parameters, learning_rate, Scratch())


def _optimize(
    X: Sequence[int | None],
    Y: Sequence[int],
    a_prev: Array,
    parameters: dict[str, Array],
    learning_rate: float,
    scratch: Scratch,
) -> tuple[float, dict[str, Array], Array]:
    """optimize, in buffers that the next step may reuse."""
    trace = forward(X, Y, a_prev, parameters, scratch)
    found = backward(trace, scratch)
    # The arithmetic of clip and update_parameters, without checking these arrays again.
    grads = Parameters({"": {name: found[name] for name in GRADIENTS}})
    Value(limit=5).clip(grads, UNMEASURED)
    descend(parameters, grads, learning_rate)
    return trace.loss, dict(grads[""]), trace.cell_cache.hs[-1].copy()


def model(
    data: str,
    ix_to_char: Mapping[int, str],
    char_to_ix: Mapping[str, int],
    num_iterations: int = 3500,
    n_a: int = 50,
    dino_names: int = 7,
    vocab_size: int = 27,
) -> dict[str, Array]:
    """Train on the names in ``data``, one on each line, and return the parameters.

    Iteration j is one ``optimize`` of one name, in an order shuffled with seed 0; the initial state
    is the final state of the name before. The loss is smoothed from
    dino_names·ln(vocab_size). After iterations 0, 2000, 4000, … the smoothed loss and
    ``dino_names`` names, sampled with seeds 0, 1, …, are printed as the notebook prints them.
    """
    num_iterations = whole("num_iterations", num_iterations, 0)
    dino_names, vocab_size = whole("dino_names", dino_names, 0), whole("vocab_size", vocab_size, 1)
    n_a = whole("n_a", n_a, 1)
    examples = _examples(data)
    _check_vocabulary(examples, ix_to_char, char_to_ix, vocab_size)
    newline = _newline(char_to_ix, vocab_size)
    parameters = initialize_parameters(n_a, vocab_size, vocab_size)
    loss = get_initial_loss(vocab_size, dino_names)
    np.random.seed(0)
    np.random.shuffle(examples)
    a_prev, scratch = np.zeros((n_a, 1)), Scratch()
    for j in range(num_iterations):
        name = [char_to_ix[ch] for ch in examples[j % len(examples)]]
        X, Y = [None, *name], [*name, newline]
        current, _, a_prev = _optimize(X, Y, a_prev, parameters, 0.01, scratch)
        loss = smooth(loss, current)
        if j % REPORT_EVERY == 0:
            print(f"第{j + 1}次迭代，损失值为：{loss}")
            for seed in range(dino_names):
                print_sample(sample(parameters, char_to_ix, seed), ix_to_char)
            print("\n")
    return parameters


def _examples(data: str) -> list[str]:
    """The lines of ``data`` in lower case, without white space around them."""
    if not isinstance(data, str):
        raise InputError(f"data: expected the text of the names, received {type(data).__name__}")
    lines = data.lower().split("\n")
    if lines[-1] == "":  # the last newline ends a line and begins no other
        lines.pop()
    if not lines:
        raise InputError("data: expected at least one line, received an empty text")
    examples = [line.strip() for line in lines]
    if hashlib.sha256("\n".join(examples).encode()).hexdigest() != CORPUS_SHA256:
        warnings.warn(
            "data: these are not the notebook's names, so its published figures do not apply",
            stacklevel=3,
        )
    return examples


def _check_vocabulary(
    examples: list[str],
    ix_to_char: Mapping[int, str],
    char_to_ix: Mapping[str, int],
    vocab_size: int,
) -> None:
    """Raise InputError before training for data that would fail during it."""
    mapping("char_to_ix", char_to_ix, "from symbols to ids")
    mapping("ix_to_char", ix_to_char, "from ids to symbols")
    for ch in sorted(set("".join(examples))):
        if char_to_ix.get(ch, vocab_size) not in range(vocab_size):
            where = next(line for line in examples if ch in line)
            raise InputError(
                f"data: expected characters of char_to_ix with ids below vocab_size = "
                f"{vocab_size}, received {ch!r} in {where!r}"
            )
    missing = [ix for ix in range(vocab_size) if ix not in ix_to_char]
    if missing:
        raise InputError(
            f"ix_to_char: expected the keys 0 to {vocab_size - 1} (vocab_size = {vocab_size}), "
            f"received none for {missing[0]} ({len(ix_to_char)} keys)"
        )


def _newline(char_to_ix: Mapping[str, int], n_x: int) -> int:
    """The id of the newline."""
    newline = mapping("char_to_ix", char_to_ix, "from symbols to ids").get("\n")
    if not isinstance(newline, int | np.integer) or not 0 <= newline < n_x:
        raise InputError(
            f"char_to_ix: expected an id from 0 to {n_x - 1} for the newline, received {newline}"
        )
    return int(newline)
