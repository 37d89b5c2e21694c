"""The notebook's plain recurrent network, computed by the built-in vanilla cell.

    a⟨t⟩ = tanh(Waa·a⟨t−1⟩ + Wax·x⟨t⟩ + ba),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by)

The notebook's last axis is time, rnnx's first: (n_x, m, T_x) ↔ (T, n_x, B). Its Wax, Waa, ba are
the cell's Wx, Wh, b, its Wya, by the head's Wy, by. ``b`` is taken for a missing ``ba``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.cells.vanilla import Cache, Vanilla
from rnnx_builtin.heads.softmax import Softmax
from rnnx_notebook.rnn_utils import softmax
from rnnx_notebook.shapes import Sizes, items, steps_of

Gradients: TypeAlias = dict[str, Array]
CellCache: TypeAlias = tuple[Array, Array, Array, Mapping[str, Array]]

WEIGHTS = {"Waa": ("n_a", "n_a"), "Wax": ("n_a", "n_x")}
OUTPUT = {"Wya": ("n_y", "n_a"), "by": ("n_y", "1")}
CACHE = "(a_next, a_prev, xt, parameters)"


def rnn_cell_forward(
    xt: Array, a_prev: Array, parameters: Mapping[str, Array]
) -> tuple[Array, Array, CellCache]:
    """One forward step: ``a_next (n_a, m), yt_pred (n_y, m), cache``.

    a⟨t⟩ = tanh(Waa·a⟨t−1⟩ + Wax·x⟨t⟩ + ba),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by)

    ``xt`` (n_x, m) · ``a_prev`` (n_a, m) · ``parameters`` Wax (n_a, n_x), Waa (n_a, n_a),
    Wya (n_y, n_a), ba (n_a, 1), by (n_y, 1) · ``cache`` (a_next, a_prev, xt, parameters)
    """
    sizes = Sizes()
    cell, head = _weights(sizes, parameters), _output(sizes, parameters)
    xt = sizes.array("xt", xt, ("n_x", "m"))
    a_prev = sizes.array("a_prev", a_prev, ("n_a", "m"))
    h, _, _ = Vanilla(sizes["n_a"]).forward(cell, xt[None], (a_prev,), None, Scratch())
    return h[0], predict(head, h)[:, :, 0], (h[0], a_prev, xt, parameters)


def rnn_forward(
    x: Array, a0: Array, parameters: Mapping[str, Array]
) -> tuple[Array, Array, tuple[list[CellCache], Array]]:
    """All forward steps: ``a (n_a, m, T_x), y_pred (n_y, m, T_x), caches``.

    a⟨t⟩ = tanh(Waa·a⟨t−1⟩ + Wax·x⟨t⟩ + ba),   ŷ⟨t⟩ = softmax(Wya·a⟨t⟩ + by),   a⟨0⟩ = a0

    ``x`` (n_x, m, T_x) · ``a0`` (n_a, m) · ``parameters`` Wax (n_a, n_x), Waa (n_a, n_a),
    Wya (n_y, n_a), ba (n_a, 1), by (n_y, 1) · ``caches`` ([cache of every step], x)
    """
    sizes = Sizes()
    cell, head = _weights(sizes, parameters), _output(sizes, parameters)
    x = sizes.array("x", x, ("n_x", "m", "T_x"))
    a0 = sizes.array("a0", a0, ("n_a", "m"))
    h, _, _ = Vanilla(sizes["n_a"]).forward(cell, time_first(x), (a0,), None, Scratch())
    before = [a0, *h]
    caches = [(h[t], before[t], x[:, :, t], parameters) for t in range(len(h))]
    return time_last(h), predict(head, h), (caches, x)


def rnn_cell_backward(da_next: Array, cache: CellCache) -> Gradients:
    """One backward step: ``dxt (n_x, m), da_prev (n_a, m), dWax, dWaa, dba``, by name.

    dz = da⟨t⟩ ⊙ (1 − a⟨t⟩²),   dx⟨t⟩ = Waxᵀ·dz,   da⟨t−1⟩ = Waaᵀ·dz
    dWax = dz·x⟨t⟩ᵀ,   dWaa = dz·a⟨t−1⟩ᵀ,   dba = Σ_m dz

    ``da_next`` (n_a, m), the gradient of a_next · ``cache`` that of rnn_cell_forward
    """
    sizes, cell, cached = _cell_cache({"cache": items("cache", cache, CACHE, 4)})
    da = sizes.array("da_next", da_next, ("n_a", "m"))
    dx, da_prev, grads = _run_backward(cell, cached, da[None])
    return {"dxt": dx[0], "da_prev": da_prev, **grads}


def rnn_backward(da: Array, caches: tuple[Sequence[CellCache], Array]) -> Gradients:
    """All backward steps: ``dx (n_x, m, T_x), da0 (n_a, m), dWax, dWaa, dba``, by name.

    dz⟨t⟩ = (da⟨t⟩ + Waaᵀ·dz⟨t+1⟩) ⊙ (1 − a⟨t⟩²),   dx⟨t⟩ = Waxᵀ·dz⟨t⟩,   da0 = Waaᵀ·dz⟨1⟩
    dWax = Σ dz⟨t⟩·x⟨t⟩ᵀ,   dWaa = Σ dz⟨t⟩·a⟨t−1⟩ᵀ,   dba = Σ dz⟨t⟩

    ``da`` (n_a, m, T_x), the gradient of each a⟨t⟩ itself, of all steps or of the first few ·
    ``caches`` those of rnn_forward
    """
    sizes, cell, cached = _cell_cache(steps_of(da, caches, CACHE, 4))
    da = sizes.array("da", da, ("n_a", "m", "T_x"))
    dx, da0, grads = _run_backward(cell, cached, time_first(da))
    return {"dx": time_last(dx), "da0": da0, **grads}


def predict(head: Params, h: Array) -> Array:
    """ŷ (n_y, m, T) from h (T, n_a, m): the softmax head's logits, then its softmax."""
    return softmax(time_last(Softmax().logits(head, h, Scratch())))


def time_first(x: Array) -> Array:
    """(n, m, T) → (T, n, m), contiguous."""
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def time_last(x: Array) -> Array:
    """(T, n, m) → (n, m, T), contiguous."""
    return np.ascontiguousarray(x.transpose(1, 2, 0))


def _weights(sizes: Sizes, parameters: Mapping[str, Array]) -> Params:
    """The parameters of the built-in vanilla cell."""
    known = parameters if isinstance(parameters, Mapping) else {}
    bias = "b" if "b" in known and "ba" not in known else "ba"
    found = sizes.entries("parameters", parameters, {**WEIGHTS, bias: ("n_a", "1")})
    return {"Wx": found["Wax"], "Wh": found["Waa"], "b": found[bias]}


def _output(sizes: Sizes, parameters: Mapping[str, Array]) -> Params:
    """The parameters of the softmax head."""
    found = sizes.entries("parameters", parameters, OUTPUT)
    return {"Wy": found["Wya"], "by": found["by"]}


def _cell_cache(caches: Mapping[str, tuple[Any, ...]]) -> tuple[Sizes, Params, Cache]:
    """``sizes, parameters, cache`` of the cell from the notebook's caches of some steps."""
    sizes, steps = Sizes(), list(caches.values())
    cell = _weights(sizes, steps[0][3])
    first = f"{next(iter(caches))} a_prev"
    states = [sizes.array(first, steps[0][1], ("n_a", "m"))]
    states += [sizes.array(f"{at} a_next", c[0], ("n_a", "m")) for at, c in caches.items()]
    x = [sizes.array(f"{at} xt", c[2], ("n_x", "m")) for at, c in caches.items()]
    return sizes, cell, Cache(np.stack(x), np.stack(states), None)


def _run_backward(cell: Params, cached: Cache, da: Array) -> tuple[Array, Array, Gradients]:
    """``dx (T, n_x, m), da0 (n_a, m), gradients``, those of the weights by the notebook's names."""
    found, dx, (da0,) = Vanilla(len(cell["Wh"])).backward(cell, cached, da, None, Scratch())
    assert dx is not None  # dense input has a gradient
    return dx, da0, {"dWax": found["Wx"], "dWaa": found["Wh"], "dba": found["b"]}
