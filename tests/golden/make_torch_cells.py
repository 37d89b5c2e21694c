"""Writes golden vectors of vanilla, lstm and gru, as PyTorch computes them in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 numpy
/tmp/golden/bin/python tests/golden/make_torch_cells.py
"""

from functools import partial

import torch
from torch_vectors import blocks, called, make
from vectors import N_A, N_X

SCRIPT = "make_torch_cells.py"
VERSION = torch.__version__.partition("+")[0]
MORE = "PyTorch has two biases for each sum; the second is 0, but the candidate's of a GRU, bn"


def weights(leaves, order):
    """Wx, Wh and b as PyTorch's parameters, its blocks of rows in ``order`` of rnnx's."""
    zeros = torch.zeros(len(order) * N_A)
    return {
        "weight_ih": blocks(leaves["Wx"], order),
        "weight_hh": blocks(leaves["Wh"], order),
        "bias_ih": blocks(leaves["b"], order),
        "bias_hh": zeros,
    }


def vanilla(module, leaves, x, states):
    h = called(module, weights(leaves, [0]), x, states[0])
    return h, [h]


def lstm(module, leaves, x, states):  # i, f, g, o there; i, f, o, g here
    h, c = called(module, weights(leaves, [0, 1, 3, 2]), x, tuple(states))
    return h, [h, c]


def gru(module, leaves, x, states):
    own = weights(leaves, [0, 1, 2])
    own["bias_hh"] = torch.cat([torch.zeros(2 * N_A), leaves["bn"][:, 0]])
    h = called(module, own, x, states[0])
    return h, [h]


def shapes(n, **more):
    return {"Wx": (n * N_A, N_X), "Wh": (n * N_A, N_A), "b": (n * N_A, 1), **more}


if __name__ == "__main__":
    write = partial(make, SCRIPT, "builtin", about=MORE)
    source = f"torch.nn.{{}} of PyTorch {VERSION}"
    for seed, phi in enumerate(("tanh", "relu"), 1):
        cell = partial(vanilla, torch.nn.RNNCell(N_X, N_A, nonlinearity=phi))
        fields = {"activation": phi}
        write(f"vanilla_{phi}", source.format("RNNCell"), cell, shapes(1), seed, fields)
    cell = partial(lstm, torch.nn.LSTMCell(N_X, N_A))
    write("lstm", source.format("LSTMCell"), cell, shapes(4), 3, n_states=2)
    cell = partial(gru, torch.nn.GRUCell(N_X, N_A))
    write("gru", source.format("GRUCell"), cell, shapes(3, bn=(N_A, 1)), 4, {"reset_after": True})
