"""The same training step in PyTorch: one recurrent layer, a linear head, clip by value, sgd."""

from collections.abc import Callable

import numpy as np
import torch
from rows import Row, Step
from torch.nn import functional

KINDS = {"vanilla": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
INPUTS = ("one-hot", "embedding")


def make_step(cell: str, row: Row, given: str) -> Step:
    """One update on ids (T, B); the input is rows of the unit matrix, or learned ones."""
    n_y, n_a, B, T, both = row
    torch.manual_seed(0)
    layer = KINDS[cell](n_y, n_a, bidirectional=both)
    head = torch.nn.Linear((1 + both) * n_a, n_y)
    parameters = [*layer.parameters(), *head.parameters()]
    if given == "embedding":
        rows = torch.nn.Embedding(n_y, n_y)
        parameters += rows.parameters()
    else:
        unit = torch.eye(n_y)
    sgd = torch.optim.SGD(parameters, lr=0.01)
    ids = np.random.default_rng(1).integers(0, n_y, (2, T, B))

    def step() -> float:
        x, y = torch.from_numpy(ids[0]), torch.from_numpy(ids[1])
        sgd.zero_grad()
        h, _ = layer(rows(x) if given == "embedding" else unit[x])
        loss = functional.cross_entropy(head(h).reshape(T * B, n_y), y.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_value_(parameters, 5.0)
        sgd.step()
        return float(loss.detach())

    return step


def threads(count: int) -> None:
    """How many threads PyTorch computes with."""
    torch.set_num_threads(count)


def make_writer(cell: str, n_y: int, n_a: int) -> Callable[[int], None]:
    """A function that draws ``n`` symbols, each fed back as the next input."""
    layer, head, unit = KINDS[cell](n_y, n_a), torch.nn.Linear(n_a, n_y), torch.eye(n_y)

    def write(n: int) -> None:
        x, state = torch.zeros(1, 1, n_y), None
        with torch.inference_mode():
            for _ in range(n):
                h, state = layer(x, state)
                drawn = torch.multinomial(torch.softmax(head(h[0, 0]), -1), 1)
                drawn.item()  # a text is wanted, not tensors
                x = unit[drawn][None]

    return write
