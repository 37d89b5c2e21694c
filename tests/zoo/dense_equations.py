"""The equations of the dense cells, one column and one step at a time, written from the papers.

Each is a generator's body in the notebook's style: parameters p, x (T, n_x), then the state.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def split(array, n):
    return [array[k : k + n] for k in range(0, len(array), n)]


def mgu(p, x, h):
    n, hs = len(h), []
    (Wxf, Wxn), (Whf, Whn), (bf, bn) = (split(p[k], n) for k in ("Wx", "Wh", "b"))
    for x_t in x:
        f = sigmoid(Wxf @ x_t + Whf @ h + bf[:, 0])
        candidate = np.tanh(Wxn @ x_t + Whn @ (f * h) + bn[:, 0])
        h = (1 - f) * h + f * candidate
        hs.append(h)
    return hs
