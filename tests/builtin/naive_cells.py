"""The cells' equations, one column and one step at a time, written from the papers."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def vanilla(p, x, h):
    hs = []
    for t in range(len(x)):
        h = np.tanh(p["Wx"] @ x[t] + p["Wh"] @ h + p["b"][:, 0])
        hs.append(h)
    return np.array(hs)


def lstm(p, x, h, c):
    n, hs = len(h), []
    for t in range(len(x)):
        z = p["Wx"] @ x[t] + p["Wh"] @ h + p["b"][:, 0]
        i, f, o = sigmoid(z[:n]), sigmoid(z[n : 2 * n]), sigmoid(z[2 * n : 3 * n])
        c = f * c + i * np.tanh(z[3 * n :])
        h = o * np.tanh(c)
        hs.append(h)
    return np.array(hs)


def gru_reset_after(p, x, h):
    n, hs = len(h), []
    for t in range(len(x)):
        a, q = p["Wx"] @ x[t] + p["b"][:, 0], p["Wh"] @ h
        r, z = sigmoid(a[:n] + q[:n]), sigmoid(a[n : 2 * n] + q[n : 2 * n])
        candidate = np.tanh(a[2 * n :] + r * (q[2 * n :] + p["bn"][:, 0]))
        h = (1 - z) * candidate + z * h
        hs.append(h)
    return np.array(hs)


def gru_reset_before(p, x, h):
    n, hs = len(h), []
    for t in range(len(x)):
        a = p["Wx"] @ x[t] + p["b"][:, 0]
        r = sigmoid(a[:n] + p["Wh"][:n] @ h)
        z = sigmoid(a[n : 2 * n] + p["Wh"][n : 2 * n] @ h)
        candidate = np.tanh(a[2 * n :] + p["Wh"][2 * n :] @ (r * h))
        h = (1 - z) * candidate + z * h
        hs.append(h)
    return np.array(hs)
