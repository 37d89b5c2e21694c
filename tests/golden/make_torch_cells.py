"""Writes golden vectors of vanilla, lstm and gru, as PyTorch computes them in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 numpy
/tmp/golden/bin/python tests/golden/make_torch_cells.py
"""

import numpy as np
import torch
from vectors import N_A, N_X, inputs, write

SOURCE = f"torch.nn.{{}} of PyTorch {torch.__version__.partition('+')[0]}"
# rnnx's blocks of rows in PyTorch's order: i, f, g, o there and i, f, o, g here.
ORDERS = {"LSTM": [0, 1, 3, 2], "GRU": [0, 1, 2], "RNN": [0]}


def blocks(array, order):
    """Rows of an array as blocks of N_A in another order."""
    return np.concatenate([array[k * N_A : (k + 1) * N_A] for k in order])


def conducted(kind, drawn, shapes, **options):
    """What a module of PyTorch's computes, in rnnx's names."""
    order = ORDERS[kind]
    back = np.argsort(order)  # its own inverse here
    module = getattr(torch.nn, kind)(N_X, N_A, **options).double()
    params = drawn["params"]
    own = {
        "weight_ih_l0": blocks(params["Wx"], back),
        "weight_hh_l0": blocks(params["Wh"], back),
        "bias_ih_l0": blocks(params["b"], back)[:, 0],
        "bias_hh_l0": np.zeros(len(order) * N_A),
    }
    if "bn" in shapes:  # the candidate's second bias, inside the reset
        own["bias_hh_l0"][2 * N_A :] = params["bn"][:, 0]
    module.load_state_dict({name: torch.tensor(array) for name, array in own.items()})
    x = torch.tensor(drawn["x"].transpose(0, 2, 1), requires_grad=True)
    state = [torch.tensor(s.T[None].copy(), requires_grad=True) for s in drawn["state"]]
    h, final = module(x, tuple(state) if len(state) > 1 else state[0])
    final = final if isinstance(final, tuple) else (final,)
    loss = (h * torch.tensor(drawn["dh"].transpose(0, 2, 1))).sum()
    for one, by in zip(final, drawn["dstate"], strict=True):
        loss = loss + (one[0] * torch.tensor(by.T.copy())).sum()
    loss.backward()
    grads = {name: p.grad.numpy() for name, p in module.named_parameters()}
    dparams = {
        "Wx": blocks(grads["weight_ih_l0"], order),
        "Wh": blocks(grads["weight_hh_l0"], order),
        "b": blocks(grads["bias_ih_l0"], order)[:, None],
    }
    if "bn" in shapes:
        dparams["bn"] = grads["bias_hh_l0"][2 * N_A :, None]
    return {
        "h": h.detach().numpy().transpose(0, 2, 1),
        "final": [one[0].detach().numpy().T for one in final],
        "dparams": dparams,
        "dx": x.grad.numpy().transpose(0, 2, 1),
        "dstate0": [one.grad[0].numpy().T for one in state],
    }


def make(name, kind, fields, seed, n_states=1, **options):
    n = len(ORDERS[kind])
    shapes = {"Wx": (n * N_A, N_X), "Wh": (n * N_A, N_A), "b": (n * N_A, 1)}
    if kind == "GRU":
        shapes["bn"] = (N_A, 1)
    drawn = inputs(np.random.default_rng(seed), shapes, n_states)
    about = "PyTorch's second biases are 0, but the candidate's of a GRU, which is bn"
    found = conducted(kind, drawn, shapes, **options)
    write("builtin", name, "make_torch_cells.py", SOURCE.format(kind), about, fields, drawn, found)


if __name__ == "__main__":
    make("vanilla_tanh", "RNN", {"activation": "tanh"}, 1)
    make("vanilla_relu", "RNN", {"activation": "relu"}, 2, nonlinearity="relu")
    make("lstm", "LSTM", {}, 3, n_states=2)
    make("gru", "GRU", {"reset_after": True}, 4)
