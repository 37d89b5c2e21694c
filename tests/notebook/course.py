"""The course's equations one step at a time in plain NumPy, and its way to draw inputs.

Written as slowly and plainly as the equations read: what the functions under test are held to.
"""

import numpy as np

RNN = {"Waa": (5, 5), "Wax": (5, 3), "Wya": (2, 5), "ba": (5, 1), "by": (2, 1)}
GATES = {f"{kind}{gate}": (5, 8) if kind == "W" else (5, 1) for gate in "fioc" for kind in "Wb"}
LSTM = {**GATES, "Wy": (2, 5), "by": (2, 1)}
NAMES = {"Wax": (100, 27), "Waa": (100, 100), "Wya": (27, 100), "b": (100, 1), "by": (27, 1)}
SYMBOLS = ["\n", *"abcdefghijklmnopqrstuvwxyz"]
CHAR_TO_IX = {ch: i for i, ch in enumerate(SYMBOLS)}
IX_TO_CHAR = dict(enumerate(SYMBOLS))


def draw(seed, shapes, scale=1):
    """Arrays by name from the legacy generator, in order."""
    rng = np.random.RandomState(seed)
    return {name: rng.randn(*shape) * scale for name, shape in shapes.items()}


def some(arrays, shapes):
    """The part of ``arrays`` that ``shapes`` names."""
    return {name: arrays[name] for name in shapes}


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def sigma(z):
    return 1 / (1 + np.exp(-z))


def rnn_step(x, a, p):
    a = np.tanh(p["Wax"] @ x + p["Waa"] @ a + p["ba"])
    return a, softmax(p["Wya"] @ a + p["by"])


def lstm_step(x, a, c, p):
    ax = np.concatenate([a, x])
    f, i, o = (sigma(p[f"W{gate}"] @ ax + p[f"b{gate}"]) for gate in "fio")
    g = np.tanh(p["Wc"] @ ax + p["bc"])
    c = f * c + i * g
    a = o * np.tanh(c)
    return a, c, softmax(p["Wy"] @ a + p["by"]), (f, i, g, o)


class Loop:
    """The course's training loop, a name a step, with nothing hoisted and nothing reused."""

    def __init__(self, n_a=50, n=27):
        rng = np.random.RandomState(1)
        self.p = {"Wax": rng.randn(n_a, n) * 0.01, "Waa": rng.randn(n_a, n_a) * 0.01}
        self.p |= {"Wya": rng.randn(n, n_a) * 0.01, "b": np.zeros((n_a, 1)), "by": np.zeros((n, 1))}
        self.state, self.n = np.zeros((n_a, 1)), n

    def step(self, X, Y):
        p, grads, loss = self.p, {k: np.zeros_like(v) for k, v in self.p.items()}, 0.0
        x, a, y = {}, {-1: self.state}, {}
        for t, ix in enumerate(X):
            x[t] = np.zeros((self.n, 1))
            if ix is not None:
                x[t][ix] = 1
            a[t] = np.tanh(np.dot(p["Wax"], x[t]) + np.dot(p["Waa"], a[t - 1]) + p["b"])
            y[t] = softmax(np.dot(p["Wya"], a[t]) + p["by"])
            loss -= np.log(y[t][Y[t], 0])
        back = np.zeros_like(self.state)
        for t in reversed(range(len(X))):
            dy = y[t].copy()
            dy[Y[t]] -= 1
            dz = (np.dot(p["Wya"].T, dy) + back) * (1 - a[t] * a[t])
            grads["Wya"] += np.dot(dy, a[t].T)
            grads["by"] += dy
            grads["Wax"] += np.dot(dz, x[t].T)
            grads["Waa"] += np.dot(dz, a[t - 1].T)
            grads["b"] += dz
            back = np.dot(p["Waa"].T, dz)
        for name, g in grads.items():
            p[name] -= 0.01 * np.clip(g, -5, 5)
        self.state = a[len(X) - 1]
        return loss
