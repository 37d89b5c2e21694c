"""The notebook's own job, 50 units and one name a step, beside a plain loop of its form."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import timing

import rnnx

BATCH = 32


def plain_loop(names: Sequence[Sequence[int]], n_y: int, n_a: int = 50) -> Callable[[], None]:
    """Dictionaries by step, one-hot columns, a gradient a step: written for this comparison."""
    rng = np.random.RandomState(1)
    Wax, Waa = rng.randn(n_a, n_y) * 0.01, rng.randn(n_a, n_a) * 0.01
    Wya, b, by = rng.randn(n_y, n_a) * 0.01, np.zeros((n_a, 1)), np.zeros((n_y, 1))
    last, order = {"a": np.zeros((n_a, 1))}, _round(names)

    def forward(X: list[int | None]) -> tuple[dict[int, Any], ...]:
        x, a, p = {}, {-1: last["a"]}, {}
        for t, ix in enumerate(X):
            x[t] = np.zeros((n_y, 1))
            if ix is not None:
                x[t][ix] = 1
            a[t] = np.tanh(np.dot(Wax, x[t]) + np.dot(Waa, a[t - 1]) + b)
            z = np.dot(Wya, a[t]) + by
            e = np.exp(z - np.max(z))
            p[t] = e / e.sum(axis=0)
        return x, a, p

    def step() -> None:
        Y = next(order)
        x, a, p = forward([None, *Y[:-1]])
        dWax, dWaa, dWya, db, dby = (np.zeros_like(w) for w in (Wax, Waa, Wya, b, by))
        da_next = np.zeros_like(a[0])
        for t in reversed(range(len(Y))):
            dy = np.copy(p[t])
            dy[Y[t]] -= 1
            dWya += np.dot(dy, a[t].T)
            dby += dy
            dz = (1 - a[t] * a[t]) * (np.dot(Wya.T, dy) + da_next)
            db += dz
            dWax += np.dot(dz, x[t].T)
            dWaa += np.dot(dz, a[t - 1].T)
            da_next = np.dot(Waa.T, dz)
        pairs = ((Wax, dWax), (Waa, dWaa), (Wya, dWya), (b, db), (by, dby))
        for w, dw in pairs:
            np.clip(dw, -5, 5, out=dw)
            np.subtract(w, 0.01 * dw, out=w)
        last["a"] = a[len(Y) - 1]

    return step


def _round(names: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    while True:
        yield from (list(name) for name in names)


def measure(path: str, rounds: int) -> dict[str, float]:
    """Names a second of the plain loop, of rnnx one by one, and of rnnx in a batch.

    By ``Session.step``, and as training does it, with ``update`` inside ``computing``.
    """
    exact = rnnx.build(["experiment=notebook", f"dataset.path={path}", "threads=1"])
    data = ["dataset=lines", f"dataset.path={path}", "dropout=0", "threads=1"]
    data += ["input_dropout=0", "crossover=0", "averaging=0"]
    sizes = ["cell=vanilla", "cell.hidden_size=50", "dtype=float64", f"batch_size={BATCH}"]
    batch = rnnx.build([*data, *sizes, "optimizer=sgd", "clipper=value"])
    train = exact.corpus.train
    names = [train.targets(i).tolist() for i in range(len(train))]
    plain = plain_loop(names, len(exact.corpus.vocabulary))
    for _ in names:  # what is bound once for each length is no part of a step
        exact.step()
    for _ in range(len(names) // BATCH):
        batch.step()
    works = {"plain loop": plain, "experiment=notebook": exact.step, "batch of 32": batch.step}
    found = timing.medians(works, rounds)
    with exact.computing(), batch.computing():
        inside = {"plain loop": plain, "notebook": exact.update, "batch": batch.update}
        again = timing.medians(inside, rounds)
    scale = found["plain loop"] / again["plain loop"]  # the machine's speed may have changed
    found["experiment=notebook, in training"] = again["notebook"] * scale
    found["batch of 32, in training"] = again["batch"] * scale
    return {name: (BATCH if "batch" in name else 1) / t for name, t in found.items()}
