"""The same training step in JAX: jit, a scan over time, clip by value, sgd.

How many threads it computes with is decided by XLA_FLAGS before it is imported.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rows import BLOCKS, Row, Step

Values = dict[str, Any]


def inputs(row: Row) -> tuple[str, ...]:
    """The ways to take the row's inputs in."""
    return ("real",) if row.real else ("one-hot", "embedding")


def vanilla(p: Values, state: Any, z: Any) -> Any:
    h = jnp.tanh(z + state[0] @ p["Wh"])
    return (h,), h


def lstm(p: Values, state: Any, z: Any) -> Any:
    h, c = state
    i, f, o, g = jnp.split(z + h @ p["Wh"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru(p: Values, state: Any, z: Any) -> Any:
    (h,) = state
    n_a = h.shape[1]
    q = h @ p["Wh"]
    r, u = jnp.split(jax.nn.sigmoid(z[:, : 2 * n_a] + q[:, : 2 * n_a]), 2, axis=1)
    n = jnp.tanh(z[:, 2 * n_a :] + r * (q[:, 2 * n_a :] + p["bn"]))
    h = n + u * (h - n)
    return (h,), h


CELLS = {"vanilla": vanilla, "lstm": lstm, "gru": gru}


def make_step(cell: str, row: Row, given: str) -> Step:
    """One update; the input is one-hot columns, rows of Wx chosen by id, or real numbers."""
    n_y, n_a, B, T, both, _ = row
    rng, k, ways = np.random.default_rng(0), BLOCKS[cell], (False, True) if both else (False,)
    layer = {"Wx": (n_y, k * n_a), "Wh": (n_a, k * n_a), "b": (k * n_a,), "bn": (n_a,)}
    shapes = {f"{name}{way:d}": shape for way in ways for name, shape in layer.items()}
    shapes |= {"Wy": (len(ways) * n_a, n_y), "by": (n_y,)}
    params = {
        name: jnp.asarray(rng.normal(scale=0.05, size=shape), jnp.float32)
        for name, shape in shapes.items()
    }

    def scanned(own: Values, zero: Any, z: Any, reverse: bool) -> Any:
        return jax.lax.scan(lambda s, z_t: CELLS[cell](own, s, z_t), zero, z, reverse=reverse)[1]

    def loss(p: Values, x: Any, y: Any) -> Any:
        zero, found = (jnp.zeros((B, n_a)),) * (2 if cell == "lstm" else 1), []
        for way in ways:
            own = {name: p[f"{name}{way:d}"] for name in layer}
            x_in = jax.nn.one_hot(x, n_y) if given == "one-hot" else x
            z = own["Wx"][x] if given == "embedding" else x_in @ own["Wx"]
            found.append(scanned(own, zero, z + own["b"], way))
        h = jnp.concatenate(found, axis=2)
        log_p = jax.nn.log_softmax(h @ p["Wy"] + p["by"])
        return -jnp.take_along_axis(log_p, y[..., None], axis=2).mean()

    def update(p: Values, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(p, x, y)
        return {name: p[name] - 0.01 * jnp.clip(g, -5, 5) for name, g in grads.items()}, value

    compiled = jax.jit(update, donate_argnums=0)
    ids = rng.integers(0, n_y, (2, T, B)).astype(np.int32)
    x = rng.normal(size=(T, B, n_y)).astype(np.float32) if row.real else ids[0]

    def step() -> float:
        nonlocal params
        params, value = jax.block_until_ready(compiled(params, x, ids[1]))
        return float(value)

    return step
