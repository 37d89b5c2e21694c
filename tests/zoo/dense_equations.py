"""The equations of the dense cells, one column and one step at a time, written from the papers.

Each takes the parameters p, the inputs x (T, n_x) and the state, and gives h of every step.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def blocks(p, name, n):
    """The blocks of n rows of a parameter; a bias (n, 1) comes as (n,)."""
    array = p[name][:, 0] if p[name].shape[1] == 1 else p[name]
    return [array[k : k + n] for k in range(0, len(array), n)]


def mgu(p, x, h):
    n, hs = len(h), []
    (Wxf, Wxn), (Whf, Whn), (bf, bn) = (blocks(p, k, n) for k in ("Wx", "Wh", "b"))
    for x_t in x:
        f = sigmoid(Wxf @ x_t + Whf @ h + bf)
        candidate = np.tanh(Wxn @ x_t + Whn @ (f * h) + bn)
        h = (1 - f) * h + f * candidate
        hs.append(h)
    return hs


def ugrnn(p, x, h):
    n, hs = len(h), []
    (Wxg, Wxc), (Whg, Whc), (bg, bc) = (blocks(p, k, n) for k in ("Wx", "Wh", "b"))
    for x_t in x:
        g = sigmoid(Wxg @ x_t + Whg @ h + bg)
        c = np.tanh(Wxc @ x_t + Whc @ h + bc)
        h = g * h + (1 - g) * c
        hs.append(h)
    return hs


def janet(p, x, h, beta=1.0):
    n, hs = len(h), []
    (Wxf, Wxc), (Whf, Whc), (bf, bc) = (blocks(p, k, n) for k in ("Wx", "Wh", "b"))
    for x_t in x:
        s = Wxf @ x_t + Whf @ h + bf
        c = np.tanh(Wxc @ x_t + Whc @ h + bc)
        h = sigmoid(s) * h + (1 - sigmoid(s - beta)) * c
        hs.append(h)
    return hs


def nbrc(p, x, h):
    n, hs = len(h), []
    (Wxa, Wxc, Wxn), (Wha, Whc), (ba, bc, bn) = (blocks(p, k, n) for k in ("Wx", "Wh", "b"))
    for x_t in x:
        a = 1 + np.tanh(Wxa @ x_t + Wha @ h + ba)
        c = sigmoid(Wxc @ x_t + Whc @ h + bc)
        h = c * h + (1 - c) * np.tanh(Wxn @ x_t + a * h + bn)
        hs.append(h)
    return hs


def peephole_lstm(p, x, h, c):
    n, hs = len(h), []
    pi, pf, po = blocks(p, "p", n)
    for x_t in x:
        z = p["Wx"] @ x_t + p["Wh"] @ h + p["b"][:, 0]
        i, f = sigmoid(z[:n] + pi * c), sigmoid(z[n : 2 * n] + pf * c)
        c = f * c + i * np.tanh(z[3 * n :])
        h = sigmoid(z[2 * n : 3 * n] + po * c) * np.tanh(c)
        hs.append(h)
    return hs


def layernorm_lstm(p, x, h, c):
    def norm(a):
        return (a - np.mean(a)) / np.sqrt(np.var(a) + 1e-5)

    n, hs = len(h), []
    gx, gh, b, gc, bc = (p[name][:, 0] for name in ("gx", "gh", "b", "gc", "bc"))
    for x_t in x:
        z = gx * norm(p["Wx"] @ x_t) + gh * norm(p["Wh"] @ h) + b
        i, f, o = (sigmoid(z[k * n : (k + 1) * n]) for k in range(3))
        c = f * c + i * np.tanh(z[3 * n :])
        h = o * np.tanh(gc * norm(c) + bc)
        hs.append(h)
    return hs


def lstm_1997(p, x, h, c):
    return _lstm_1997(p, x, h, c, np.tanh, np.tanh)


def lstm_1997_of_the_paper(p, x, h, c):
    return _lstm_1997(p, x, h, c, lambda a: 4 * sigmoid(a) - 2, lambda a: 2 * sigmoid(a) - 1)


def _lstm_1997(p, x, h, c, squash_input, squash_memory):
    n, hs = len(h), []
    for x_t in x:
        z = p["Wx"] @ x_t + p["Wh"] @ h + p["b"][:, 0]
        c = c + sigmoid(z[:n]) * squash_input(z[2 * n :])
        h = sigmoid(z[n : 2 * n]) * squash_memory(c)
        hs.append(h)
    return hs


def lem(p, x, y, z, dt=1.0):
    n, ys = len(y), []
    (Wd, Ws, Wz, Wy), (Vd, Vs, Vz, Vy), (bd, bs, bz, by) = (
        blocks(p, k, n) for k in ("Wx", "Wh", "b")
    )
    for x_t in x:
        delta_bar = dt * sigmoid(Wd @ x_t + Vd @ y + bd)
        delta = dt * sigmoid(Ws @ x_t + Vs @ y + bs)
        z = (1 - delta) * z + delta * np.tanh(Wz @ x_t + Vz @ y + bz)
        y = (1 - delta_bar) * y + delta_bar * np.tanh(Wy @ x_t + Vy @ z + by)
        ys.append(y)
    return ys


def cornn(p, x, y, z, dt=0.042, gamma=2.7, epsilon=4.7):
    ys = []
    for x_t in x:
        force = np.tanh(p["Wx"] @ x_t + p["Wh"] @ y + p["Wz"] @ z + p["b"][:, 0])
        z = z + dt * (force - gamma * y - epsilon * z)
        y = y + dt * z
        ys.append(y)
    return ys


def indrnn(p, x, h):
    hs = []
    for x_t in x:
        h = np.maximum(p["Wx"] @ x_t + p["u"][:, 0] * h + p["b"][:, 0], 0)
        hs.append(h)
    return hs


def stack_rnn(p, x, h, stack, reads=2):
    """Joulin and Mikolov's, around a vanilla cell; ``stack`` (stacks, depth) holds S + 1."""
    S, hs, count = stack - 1, [], len(stack)
    for x_t in x:
        seen = np.concatenate([x_t, S[:, :reads].ravel()])
        h = np.tanh(p["Wx"] @ seen + p["Wh"] @ h + p["b"][:, 0])
        after = np.empty_like(S)
        for s in range(count):
            logits = np.array([p["Wa"][block * count + s] @ h for block in range(3)])
            push, pop, keep = np.exp(logits) / np.exp(logits).sum()
            above = np.concatenate([[sigmoid(p["Wd"][s] @ h)], S[s]])
            below = np.concatenate([S[s], [-1.0]])
            for i in range(S.shape[1]):
                after[s, i] = push * above[i] + pop * below[i + 1] + keep * S[s, i]
        S = after
        hs.append(h)
    return hs
