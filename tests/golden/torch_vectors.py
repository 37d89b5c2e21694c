"""Golden vectors of cells in PyTorch: rnnx's parameters are the leaves, so autograd names them.

A cell is a function of the leaves, its input (B, n_x) and its states (B, n_a), which returns h and
the new states; the mapping of rnnx's parameters to a module's is in that function.
"""

import numpy as np
import torch
from vectors import N_A, inputs, write

torch.set_default_dtype(torch.float64)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def blocks(weight, order):
    """The blocks of N_A rows of a weight in another order; a bias (n, 1) as a vector."""
    found = torch.cat([weight[k * N_A : (k + 1) * N_A] for k in order])
    return found[:, 0] if weight.shape[1] == 1 else found


def called(module, parameters, *given):
    """A module with other parameters; those of the mapping that it lacks are an error."""
    own = dict(module.named_parameters())
    assert own.keys() == parameters.keys(), (own.keys(), parameters.keys())
    shapes = {name: (value.shape, own[name].shape) for name, value in parameters.items()}
    assert all(one == other for one, other in shapes.values()), shapes
    return torch.func.functional_call(module, parameters, given)


def conducted(cell, drawn):
    """What a cell computes for the inputs, and the gradients, in rnnx's names and layout."""
    leaves = {name: leaf(array) for name, array in drawn["params"].items()}
    x = leaf(drawn["x"])
    state = [leaf(array) for array in drawn.get("state", [])]
    hs, states = [], [one.T for one in state]
    for step in x:
        h, states = cell(leaves, step.T, states)
        hs.append(h.T)
    return gradients(leaves, x, state, torch.stack(hs), [one.T for one in states], drawn)


def conducted_whole(cell, drawn):
    """The same of a function of the leaves and a sequence (B, T, n_x), from the zero state."""
    leaves = {name: leaf(array) for name, array in drawn["params"].items()}
    x = leaf(drawn["x"])
    return gradients(leaves, x, [], cell(leaves, x.permute(2, 0, 1)).permute(1, 2, 0), [], drawn)


def gradients(leaves, x, state, h, final, drawn):
    """What autograd makes of h (T, n_a, B) and the final states (n_a, B)."""
    loss = (h * torch.tensor(drawn["dh"])).sum()
    for one, by in zip(final, drawn.get("dstate", []), strict=False):
        loss = loss + (one * torch.tensor(by)).sum()
    loss.backward()
    found = {
        "h": h.detach().numpy(),
        "dparams": {name: leaf.grad.numpy() for name, leaf in leaves.items()},
        "dx": x.grad.numpy(),
    }
    if state:
        found["final"] = [one.detach().numpy() for one in final]
        found["dstate0"] = [one.grad.numpy() for one in state]
    return found


def make(script, where, name, source, cell, shapes, seed, fields=None, n_states=1, about=""):
    """Write the file of a cell; n_states 0: a whole sequence from the zero state."""
    drawn = inputs(np.random.default_rng(seed), shapes, n_states)
    found = (conducted if n_states else conducted_whole)(cell, drawn)
    write(where, name, script, source, about, fields or {}, drawn, found)
