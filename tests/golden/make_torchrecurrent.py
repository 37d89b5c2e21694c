"""Writes golden vectors of eight cells, as torchrecurrent 0.2.5 computes them in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 torchrecurrent==0.2.5
/tmp/golden/bin/python tests/golden/make_torchrecurrent.py

Its LEM is left out: it feeds the old z to the candidate of h, the authors' code the new one.
"""

from functools import partial

import torch
import torchrecurrent
from torch_vectors import blocks, called, make
from vectors import N_A, N_X

CORNN = {"dt": 0.3, "gamma": 1.7, "epsilon": 2.1}


def plain(order, module, leaves, x, states):
    """A cell of one state and of the parameters Wx, Wh, b."""
    wide = len(order) * N_A
    own = {
        "weight_ih": blocks(leaves["Wx"], order),
        "weight_hh": blocks(leaves["Wh"], order),
        "bias_ih": blocks(leaves["b"], order),
        "bias_hh": torch.zeros(wide),
    }
    found = called(module, own, x, states[0] if len(states) == 1 else tuple(states))
    return (found, [found]) if isinstance(found, torch.Tensor) else (found[0], list(found))


def janet(module, leaves, x, states):
    """torchrecurrent hands on c beside h, which is the same; β is a parameter of the module."""
    own = {
        "weight_ih": leaves["Wx"],
        "weight_hh": leaves["Wh"],
        "bias_ih": leaves["b"][:, 0],
        "bias_hh": torch.zeros(2 * N_A),
        "beta": torch.tensor(1.0),
    }
    h, _ = called(module, own, x, (states[0], states[0]))
    return h, [h]


def nbrc(module, leaves, x, states):
    own = {
        "weight_ih": leaves["Wx"],
        "weight_hh": leaves["Wh"],
        "bias_ih": leaves["b"][:, 0],
        "bias_hh": torch.zeros(2 * N_A),
    }
    h = called(module, own, x, states[0])
    return h, [h]


def peephole(module, leaves, x, states):  # i, f, g, o there; i, f, o, g here; p alike
    order = [0, 1, 3, 2]
    own = {
        "weight_ih": blocks(leaves["Wx"], order),
        "weight_hh": blocks(leaves["Wh"], order),
        "weight_ph": leaves["p"][:, 0],
        "bias_ih": blocks(leaves["b"], order),
        "bias_hh": torch.zeros(4 * N_A),
    }
    h, c = called(module, own, x, tuple(states))
    return h, [h, c]


def indrnn(module, leaves, x, states):
    own = {
        "weight_ih": leaves["Wx"],
        "vector_u": leaves["u"][:, 0],
        "bias_ih": leaves["b"][:, 0],
        "bias_hh": torch.zeros(N_A),
    }
    h = called(module, own, x, states[0])
    return h, [h]


def cornn(module, leaves, x, states):
    own = {
        "weight_ih": leaves["Wx"],
        "weight_hh": leaves["Wh"],
        "weight_ch": leaves["Wz"],
        "bias_ih": leaves["b"][:, 0],
        "bias_hh": torch.zeros(N_A),
        "bias_ch": torch.zeros(N_A),
    }
    h, z = called(module, own, x, tuple(states))
    return h, [h, z]


def shapes(n, rows=None, **more):
    rows = n if rows is None else rows
    return {"Wx": (n * N_A, N_X), "Wh": (rows * N_A, N_A), "b": (n * N_A, 1), **more}


def write(name, kind, cell, shapes, seed, fields=None, n_states=1, **options):
    module = getattr(torchrecurrent, kind)(N_X, N_A, **options)
    source = f"torchrecurrent.{kind} of torchrecurrent 0.2.5"
    about = "torchrecurrent's second biases are 0"
    cell = partial(cell, module)
    make("make_torchrecurrent.py", "zoo", name, source, cell, shapes, seed, fields, n_states, about)


if __name__ == "__main__":
    write("mgu", "MGUCell", partial(plain, [0, 1]), shapes(2), 11)
    write("ugrnn", "UGRNNCell", partial(plain, [1, 0]), shapes(2), 12)
    write("janet", "JANETCell", janet, shapes(2), 13, {"beta": 1.0})
    write("nbrc", "NBRCell", nbrc, shapes(3, 2), 14)
    write("peephole_lstm", "PeepholeLSTMCell", peephole, shapes(4, p=(3 * N_A, 1)), 15, n_states=2)
    first = partial(plain, [0, 2, 1])  # i, g, o there; i, o, g here
    write("lstm_1997", "OriginalLSTMCell", first, shapes(3), 16, {"squashing": "tanh"}, 2)
    vectors = {"Wx": (N_A, N_X), "u": (N_A, 1), "b": (N_A, 1)}
    write("indrnn", "IndRNNCell", indrnn, vectors, 17, nonlinearity="relu")
    write("cornn", "coRNNCell", cornn, shapes(1, Wz=(N_A, N_A)), 18, CORNN, 2, **CORNN)
