"""Writes golden vectors of stack_rnn: the paper's equations element by element, with autograd.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 numpy
/tmp/golden/bin/python tests/golden/make_stack_rnn.py

No package has the cell with every number of stacks; the authors' code (facebookarchive/Stack-RNN)
is C++ without a library. Written from Joulin and Mikolov 2015, equations 3 to 6, with the empty
element −1 of that code, and PyTorch's RNNCell as the controller.
"""

import torch
from torch_vectors import called, make
from vectors import N_A, N_X

STACKS, DEPTH, READS = 2, 4, 2


def stack_rnn(controller, leaves, x):
    """h (B, T, n_a) of x (B, T, n_x)."""
    own = {"weight_ih": leaves["Wx"], "weight_hh": leaves["Wh"], "bias_ih": leaves["b"][:, 0]}
    own["bias_hh"] = torch.zeros(N_A)
    B, empty = len(x), -torch.ones(len(x))
    stacks = [[empty] * DEPTH for _ in range(STACKS)]
    h, hs = torch.zeros(B, N_A), []
    for step in x.unbind(1):
        tops = [element for stack in stacks for element in stack[:READS]]
        h = called(controller, own, torch.cat([step, torch.stack(tops, 1)], 1), h)
        sums = (h @ leaves["Wa"].T).reshape(B, 3, STACKS)
        value = torch.sigmoid(h @ leaves["Wd"].T)
        for k, old in enumerate(stacks):
            push, pop, keep = torch.softmax(sums[:, :, k], dim=1).unbind(1)
            above, below = [value[:, k], *old[:-1]], [*old[1:], empty]
            stacks[k] = [
                push * a + pop * b + keep * same
                for a, b, same in zip(above, below, old, strict=True)
            ]
        hs.append(h)
    return torch.stack(hs, 1)


def main():
    controller = torch.nn.RNNCell(N_X + STACKS * READS, N_A)
    shapes = {
        "Wx": (N_A, N_X + STACKS * READS),
        "Wh": (N_A, N_A),
        "b": (N_A, 1),
        "Wa": (3 * STACKS, N_A),
        "Wd": (STACKS, N_A),
    }
    fields = {"stacks": STACKS, "depth": DEPTH, "reads": READS}
    make(
        "make_stack_rnn.py",
        "zoo",
        "stack_rnn",
        "Joulin and Mikolov 2015, element by element in PyTorch 2.13",
        lambda leaves, x: stack_rnn(controller, leaves, x),
        shapes,
        42,
        fields,
        n_states=0,
    )


if __name__ == "__main__":
    main()
