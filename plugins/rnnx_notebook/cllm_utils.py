"""The module that the notebook's second part imports: the parts of its language model.

    a⟨t⟩ = tanh(Wax·x⟨t⟩ + Waa·a⟨t−1⟩ + b),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by)
    loss = Σ_t −ln ŷ⟨t⟩[Y⟨t⟩]

A batch is one name (m = 1), its characters given as ids. The cell is the built-in vanilla cell, the
head the softmax head with ``reduction=sequence``, the update that of sgd.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.errors import InputError
from rnnx_builtin.cells import vanilla
from rnnx_builtin.heads import softmax as head
from rnnx_builtin.optimizers.sgd import SGD
from rnnx_notebook.rnn_utils import softmax
from rnnx_notebook.shapes import (
    Sizes,
    in_place,
    items,
    mapping,
    positive,
    real,
    same_length,
    tokens,
    whole,
)

__all__ = [
    "get_initial_loss",
    "initialize_parameters",
    "print_sample",
    "rnn_backward",
    "rnn_forward",
    "smooth",
    "softmax",
    "update_parameters",
]

Steps: TypeAlias = dict[int, Array]
ModelCache: TypeAlias = tuple[Steps, Steps, Steps]

SPEC = {
    "Waa": ("n_a", "n_a"),
    "Wax": ("n_a", "n_x"),
    "Wya": ("n_y", "n_a"),
    "b": ("n_a", "1"),
    "by": ("n_y", "1"),
}
GRADIENTS = {f"d{name}": dims for name, dims in SPEC.items()}
HEAD = head.Softmax(reduction=head.Reduction.sequence)


def initialize_parameters(n_a: int, n_x: int, n_y: int) -> dict[str, Array]:
    """Fresh ``Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_y, n_a), b (n_a, 1), by (n_y, 1)``.

    Seeds NumPy's legacy generator with 1 and draws Wax, Waa, Wya in this order, each 0.01·N(0, 1);
    b and by are zero.
    """
    n_a, n_x, n_y = whole("n_a", n_a, 1), whole("n_x", n_x, 1), whole("n_y", n_y, 1)
    np.random.seed(1)
    return {
        "Wax": np.random.randn(n_a, n_x) * 0.01,
        "Waa": np.random.randn(n_a, n_a) * 0.01,
        "Wya": np.random.randn(n_y, n_a) * 0.01,
        "b": np.zeros((n_a, 1)),
        "by": np.zeros((n_y, 1)),
    }


def get_initial_loss(vocab_size: int, seq_length: int) -> float:
    """The loss of a uniform distribution over a sequence: −ln(1/vocab_size)·seq_length."""
    seq_length = whole("seq_length", seq_length, 0)
    return -math.log(1.0 / positive("vocab_size", vocab_size)) * seq_length


def smooth(loss: float, cur_loss: float) -> float:
    """The smoothed loss: 0.999·loss + 0.001·cur_loss."""
    return real("loss", loss) * 0.999 + real("cur_loss", cur_loss) * 0.001


def print_sample(sample_ix: Sequence[int], ix_to_char: Mapping[int, str]) -> None:
    """Print sampled ids (T,) as text, the first letter in upper case, and no newline after it."""
    mapping("ix_to_char", ix_to_char, "from ids to symbols")
    if not isinstance(sample_ix, Sequence | np.ndarray):
        raise InputError(f"sample_ix: expected a list of ids, received {type(sample_ix).__name__}")
    unknown = [ix for ix in sample_ix if not isinstance(ix, Hashable) or ix not in ix_to_char]
    if unknown:
        raise InputError(
            f"sample_ix: expected tokens of the vocabulary, keys of ix_to_char "
            f"({len(ix_to_char)} symbols), received {unknown[0]!r}"
        )
    text = "".join(ix_to_char[ix] for ix in sample_ix)
    print(text[:1].upper() + text[1:], end="")


def rnn_forward(
    X: Sequence[int | None], Y: Sequence[int], a_prev: Array, parameters: Mapping[str, Array]
) -> tuple[float, ModelCache]:
    """The loss of one name and the cache for its backward pass: ``loss, (y_hat, a, x)``.

    a⟨t⟩ = tanh(Wax·x⟨t⟩ + Waa·a⟨t−1⟩ + b),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by)
    loss = Σ_t −ln ŷ⟨t⟩[Y⟨t⟩]

    ``X`` (T,) ids, the first may be None, the zero vector · ``Y`` (T,) ids · ``a_prev`` (n_a, 1) ·
    ``parameters`` Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_y, n_a), b (n_a, 1), by (n_y, 1) ·
    ``y_hat`` (n_y, 1), ``a`` (n_a, 1), ``x`` (n_x, 1) are dictionaries by t = 0 … T − 1, and
    a[−1] is a_prev
    """
    trace = forward(X, Y, a_prev, parameters, Scratch())
    p, states, ids = trace.head_cache.p, trace.cell_cache.hs, trace.cell_cache.x
    y_hat = {t: p[:, t : t + 1] for t in range(len(ids))}
    a = {t - 1: state for t, state in enumerate(states)}
    return trace.loss, (y_hat, a, dict(enumerate(_one_hot(ids, trace.cell["Wx"].shape[1]))))


def rnn_backward(
    X: Sequence[int | None], Y: Sequence[int], parameters: Mapping[str, Array], cache: ModelCache
) -> tuple[dict[str, Array], Steps]:
    """The gradients of one name's loss, and its hidden states: ``gradients, a``.

    dy⟨t⟩ = ŷ⟨t⟩ − onehot(Y⟨t⟩),   dz⟨t⟩ = (Wyaᵀ·dy⟨t⟩ + Waaᵀ·dz⟨t+1⟩) ⊙ (1 − a⟨t⟩²)
    dWya = Σ dy⟨t⟩·a⟨t⟩ᵀ,   dby = Σ dy⟨t⟩
    dWax = Σ dz⟨t⟩·x⟨t⟩ᵀ,   dWaa = Σ dz⟨t⟩·a⟨t−1⟩ᵀ,   db = Σ dz⟨t⟩

    ``X``, ``Y``, ``parameters`` and ``cache`` as in rnn_forward · ``gradients`` dWax, dWaa, dWya,
    db, dby in the shapes of their parameters, and da_next (n_a, 1), that of a[−1] · ``a`` the
    dictionary of the cache itself
    """
    sizes, cell, output, ids, targets = _checked(X, Y, parameters)
    y_hat, a, _ = items("cache", cache, "(y_hat, a, x)", 3)
    T, n_a = len(ids), sizes["n_a"]
    states = _stack(sizes, "cache a", a, range(-1, T), ("n_a", "1"))
    p = _stack(sizes, "cache y_hat", y_hat, range(T), ("n_y", "1"))
    cell_cache = vanilla.Cache(ids, states, None)
    head_cache = head.Cache(states[1:, :, 0].T, p[:, :, 0].T, targets[:, 0], 1.0, (T, n_a, 1))
    return backward(Trace(math.nan, cell, output, cell_cache, head_cache), Scratch()), a


def update_parameters(
    parameters: dict[str, Array], gradients: Mapping[str, Array], learning_rate: float
) -> dict[str, Array]:
    """One step of gradient descent, in place: W ← W − learning_rate·dW.

    ``parameters`` Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_y, n_a), b (n_a, 1), by (n_y, 1), which
    are changed in place and returned · ``gradients`` dWax, dWaa, dWya, db, dby in these shapes ·
    ``learning_rate`` above 0
    """
    sizes = Sizes()
    sizes.entries("parameters", parameters, SPEC)
    grads = Parameters({"": sizes.entries("gradients", gradients, GRADIENTS)})
    descend(parameters, grads, learning_rate)
    return parameters


class Trace(NamedTuple):
    """The forward pass of one name: loss, parameters and caches for the backward pass."""

    loss: float
    cell: Params
    output: Params
    cell_cache: vanilla.Cache
    head_cache: head.Cache


def forward(
    X: Sequence[int | None],
    Y: Sequence[int],
    a_prev: Array,
    parameters: Mapping[str, Array],
    scratch: Scratch,
) -> Trace:
    """The arithmetic of rnn_forward; its result is in buffers of ``scratch``."""
    sizes, cell, output, ids, targets = _checked(X, Y, parameters)
    a_prev = sizes.array("a_prev", a_prev, ("n_a", "1"))
    h, _, cell_cache = vanilla.Vanilla(sizes["n_a"]).forward(cell, ids, (a_prev,), None, scratch)
    loss, _, head_cache = HEAD.forward(output, h, targets, None, scratch.child("head"))
    return Trace(loss, cell, output, cell_cache, head_cache)


def backward(trace: Trace, scratch: Scratch) -> dict[str, Array]:
    """The arithmetic of rnn_backward: its gradients, in buffers of ``scratch``."""
    _, cell, output, cell_cache, head_cache = trace
    by_output, dh = HEAD.backward(output, head_cache, scratch.child("head"))
    tanh = vanilla.Vanilla(len(cell["Wh"]))
    by_cell, _, (da0,) = tanh.backward(cell, cell_cache, dh, None, scratch)
    gradients = {"dWax": by_cell["Wx"], "dWaa": by_cell["Wh"], "dWya": by_output["Wy"]}
    return gradients | {"db": by_cell["b"], "dby": by_output["by"], "da_next": da0}


def descend(parameters: Mapping[str, Array], grads: Parameters, learning_rate: float) -> None:
    """The arithmetic of update_parameters, for parameters of the right shapes."""
    moved = {name: in_place(f'parameters["{name}"]', parameters[name]) for name in SPEC}
    optimizer, params = SGD(positive("learning_rate", learning_rate)), Parameters({"": moved})
    optimizer.update(params, grads, {}, optimizer.learning_rate, 1, Scratch())
    for name, array in moved.items():
        array[...] = params[""][name]


def weights(parameters: Mapping[str, Array]) -> tuple[Params, Params]:
    """The parameters of the vanilla cell and of the softmax head, by rnnx's names."""
    cell = {"Wx": parameters["Wax"], "Wh": parameters["Waa"], "b": parameters["b"]}
    return cell, {"Wy": parameters["Wya"], "by": parameters["by"]}


def _checked(
    X: Sequence[int | None], Y: Sequence[int], parameters: Mapping[str, Array]
) -> tuple[Sizes, Params, Params, Array, Array]:
    """Sizes, the parameters of cell and head, and X and Y as ids (T, 1), −1 for None."""
    sizes = Sizes()
    cell, output = weights(sizes.entries("parameters", parameters, SPEC))
    same_length("Y", Y, "X", X)
    ids = tokens("X", X, sizes["n_x"], none=True)
    return sizes, cell, output, ids[:, None], tokens("Y", Y, sizes["n_y"])[:, None]


def _one_hot(ids: Array, n_x: int) -> Array:
    """(T, 1) ids → (T, n_x, 1)."""
    x = np.zeros((len(ids), n_x, 1))
    given = np.flatnonzero(ids[:, 0] >= 0)
    x[given, ids[given, 0]] = 1
    return x


def _stack(sizes: Sizes, name: str, steps: Steps, wanted: range, dims: tuple[str, ...]) -> Array:
    """Stack a dictionary by t into one array, time first."""
    mapping(name, steps, "of arrays by t")
    missing = [t for t in wanted if t not in steps]
    if missing:
        raise InputError(
            f"{name}: expected a dictionary of {len(wanted)} arrays ({', '.join(dims)}), "
            f"t from {wanted.start} to {wanted.stop - 1}, received none for t = {missing[0]}"
        )
    return np.stack([sizes.array(f"{name}[{t}]", steps[t], dims) for t in wanted])
