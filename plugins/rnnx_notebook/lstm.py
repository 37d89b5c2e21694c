"""The notebook's LSTM, computed by the built-in lstm cell.

    Γf, Γi, Γo = σ(W·[a⟨t−1⟩; x⟨t⟩] + b) with Wf, Wi, Wo,   c̃⟨t⟩ = tanh(Wc·[a⟨t−1⟩; x⟨t⟩] + bc)
    c⟨t⟩ = Γf ⊙ c⟨t−1⟩ + Γi ⊙ c̃⟨t⟩,   a⟨t⟩ = Γo ⊙ tanh(c⟨t⟩),   ŷ⟨t⟩ = softmax(Wy·a⟨t⟩ + by)

The notebook has a matrix (n_a, n_a + n_x) over [a; x] for each gate; the cell has the columns of
a in Wh and those of x in Wx, with the gates below each other in the order i, f, o, c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.cells.lstm import LSTM, Cache
from rnnx_notebook.rnn import Gradients, predict, time_first, time_last
from rnnx_notebook.shapes import Sizes, items, steps_of

CellCache: TypeAlias = tuple[
    Array, Array, Array, Array, Array, Array, Array, Array, Array, Mapping[str, Array]
]

GATES = ("i", "f", "o", "c")  # in the cell's order of blocks
WEIGHTS = {f"W{gate}": ("n_a", "n_a + n_x") for gate in "fico"}
BIASES = {f"b{gate}": ("n_a", "1") for gate in "fico"}
OUTPUT = {"Wy": ("n_y", "n_a"), "by": ("n_y", "1")}
CACHE = "(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)"


def lstm_cell_forward(
    xt: Array, a_prev: Array, c_prev: Array, parameters: Mapping[str, Array]
) -> tuple[Array, Array, Array, CellCache]:
    """One forward step: ``a_next (n_a, m), c_next (n_a, m), yt_pred (n_y, m), cache``.

    ft, it, ot = σ(W·[a_prev; xt] + b) with Wf, Wi, Wo,   cct = tanh(Wc·[a_prev; xt] + bc)
    c_next = ft ⊙ c_prev + it ⊙ cct,   a_next = ot ⊙ tanh(c_next),   ŷ = softmax(Wy·a_next + by)

    ``xt`` (n_x, m) · ``a_prev``, ``c_prev`` (n_a, m) · ``parameters`` Wf, Wi, Wc, Wo
    (n_a, n_a + n_x), bf, bi, bc, bo (n_a, 1), Wy (n_y, n_a), by (n_y, 1) · ``cache``
    (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)
    """
    sizes = Sizes()
    head = sizes.entries("parameters", parameters, OUTPUT)
    cell = _weights(sizes, parameters)
    xt = sizes.array("xt", xt, ("n_x", "m"))
    a_prev = sizes.array("a_prev", a_prev, ("n_a", "m"))
    c_prev = sizes.array("c_prev", c_prev, ("n_a", "m"))
    cached, caches = _run(cell, xt[None], a_prev, c_prev, parameters)
    return cached.hs[1], cached.cs[1], predict(head, cached.hs[1:])[:, :, 0], caches[0]


def lstm_forward(
    x: Array, a0: Array, parameters: Mapping[str, Array]
) -> tuple[Array, Array, Array, tuple[list[CellCache], Array]]:
    """All forward steps: ``a (n_a, m, T_x), y (n_y, m, T_x), c (n_a, m, T_x), caches``.

    The equations are those of lstm_cell_forward, from a⟨0⟩ = a0 and c⟨0⟩ = 0.

    ``x`` (n_x, m, T_x) · ``a0`` (n_a, m) · ``parameters`` Wf, Wi, Wc, Wo (n_a, n_a + n_x),
    bf, bi, bc, bo (n_a, 1), Wy (n_y, n_a), by (n_y, 1) · ``caches`` ([cache of every step], x)
    """
    sizes = Sizes()
    head = sizes.entries("parameters", parameters, OUTPUT)
    cell = _weights(sizes, parameters)
    x = sizes.array("x", x, ("n_x", "m", "T_x"))
    a0 = sizes.array("a0", a0, ("n_a", "m"))
    cached, caches = _run(cell, time_first(x), a0, np.zeros_like(a0), parameters)
    h = cached.hs[1:]
    return time_last(h), predict(head, h), time_last(cached.cs[1:]), (caches, x)


def lstm_cell_backward(da_next: Array, dc_next: Array, cache: CellCache) -> Gradients:
    """One backward step: ``dxt (n_x, m), da_prev, dc_prev (n_a, m)``, dWf, dbf … dWo, dbo, by name.

    dc  = dc_next + da_next ⊙ ot ⊙ (1 − tanh²(c_next)),   dc_prev = dc ⊙ ft
    dzo = da_next ⊙ tanh(c_next) ⊙ ot(1 − ot),   dzi = dc ⊙ cct ⊙ it(1 − it)
    dzf = dc ⊙ c_prev ⊙ ft(1 − ft),   dzc = dc ⊙ it ⊙ (1 − cct²)
    [da_prev; dxt] = Σ_gate Wᵀ·dz,   dW = dz·[a_prev; xt]ᵀ,   db = Σ_m dz

    ``da_next``, ``dc_next`` (n_a, m), the gradients of a_next, and of c_next by the next step ·
    ``cache`` that of lstm_cell_forward
    """
    sizes, cell, cached = _cell_cache({"cache": items("cache", cache, CACHE, 10)})
    da = sizes.array("da_next", da_next, ("n_a", "m"))
    dc = sizes.array("dc_next", dc_next, ("n_a", "m"))
    dx, (da_prev, dc_prev), grads = _run_backward(cell, cached, da[None], (np.zeros_like(da), dc))
    return {"dxt": dx[0], "da_prev": da_prev, "dc_prev": dc_prev, **grads}


def lstm_backward(da: Array, caches: tuple[Sequence[CellCache], Array]) -> Gradients:
    """All backward steps: ``dx (n_x, m, T_x), da0 (n_a, m)``, dWf, dbf … dWo, dbo, by name.

    The equations are those of lstm_cell_backward, from the last step of ``da`` to the first, with
    da_next⟨t⟩ = da⟨t⟩ + da_prev⟨t+1⟩ and dc_next⟨t⟩ = dc_prev⟨t+1⟩. The weights' gradients are sums
    over t.

    ``da`` (n_a, m, T_x), the gradient of each a⟨t⟩ itself, of all steps or of the first few (dx
    then has as many) · ``caches`` those of lstm_forward
    """
    sizes, cell, cached = _cell_cache(steps_of(da, caches, CACHE, 10))
    da = sizes.array("da", da, ("n_a", "m", "T_x"))
    dx, (da0, _), grads = _run_backward(cell, cached, time_first(da), None)
    return {"dx": time_last(dx), "da0": da0, **grads}


def _weights(sizes: Sizes, parameters: Mapping[str, Array]) -> Params:
    """The parameters of the built-in LSTM."""
    found = sizes.entries("parameters", parameters, {**BIASES, **WEIGHTS})
    sizes.rest("n_x", "n_a + n_x", "n_a")
    n_a = sizes["n_a"]
    return {
        "Wx": np.concatenate([found[f"W{gate}"][:, n_a:] for gate in GATES]),
        "Wh": np.concatenate([found[f"W{gate}"][:, :n_a] for gate in GATES]),
        "b": np.concatenate([found[f"b{gate}"] for gate in GATES]),
    }


def _run(
    cell: Params, x: Array, a0: Array, c0: Array, parameters: Mapping[str, Array]
) -> tuple[Cache, list[CellCache]]:
    """Run the cell over x (T, n_x, m): its cache, and the notebook's cache of each step."""
    lstm = LSTM(len(a0))
    _, _, cached = lstm.forward(cell, x, (a0, c0), None, Scratch())
    a, c = [a0, *cached.hs[1:]], [c0, *cached.cs[1:]]
    caches: list[CellCache] = []
    for t, gates in enumerate(cached.gates):
        it, ft, ot, cct = gates.reshape(4, *a0.shape)
        caches.append((a[t + 1], c[t + 1], a[t], c[t], ft, it, cct, ot, x[t], parameters))
    return cached, caches


def _cell_cache(caches: Mapping[str, tuple[Any, ...]]) -> tuple[Sizes, Params, Cache]:
    """``sizes, parameters, cache`` of the cell from the notebook's caches of some steps."""
    sizes, steps = Sizes(), list(caches.values())
    state = ("n_a", "m")

    def column(place: int, name: str, dims: tuple[str, ...] = state) -> list[Array]:
        return [sizes.array(f"{at} {name}", c[place], dims) for at, c in caches.items()]

    cell = _weights(sizes, steps[0][9])
    x = np.stack(column(8, "xt", ("n_x", "m")))
    first = next(iter(caches))
    hs = [sizes.array(f"{first} a_prev", steps[0][2], state), *column(0, "a_next")]
    cs = [sizes.array(f"{first} c_prev", steps[0][3], state), *column(1, "c_next")]
    gates = [column(5, "it"), column(4, "ft"), column(7, "ot"), column(6, "cct")]
    rows = np.concatenate([np.stack(gate) for gate in gates], axis=1)
    c = np.stack(cs)
    return sizes, cell, Cache(x, np.stack(hs), c, rows, np.tanh(c[1:]), None)


def _run_backward(
    cell: Params, cached: Cache, da: Array, dstate: State | None
) -> tuple[Array, State, Gradients]:
    """``dx (T, n_x, m), (da0, dc0), gradients``, those of the weights by the notebook's names."""
    n_a = cached.hs.shape[1]
    found, dx, before = LSTM(n_a).backward(cell, cached, da, dstate, Scratch())
    assert dx is not None  # dense input has a gradient
    over_ax = np.concatenate([found["Wh"], found["Wx"]], axis=1)
    rows = {gate: slice(k * n_a, (k + 1) * n_a) for k, gate in enumerate(GATES)}
    grads: Gradients = {}
    for gate in "fico":
        grads[f"dW{gate}"] = over_ax[rows[gate]]
        grads[f"db{gate}"] = found["b"][rows[gate]]
    return dx, before, grads
