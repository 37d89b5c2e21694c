"""The same training step in PyTorch: one recurrent layer, a linear head, clip by value, sgd."""

from collections.abc import Callable

import numpy as np
import torch
from rows import Row, Step
from torch.nn import functional

from rnnx_builtin.heads.adaptive_softmax import AdaptiveSoftmax

WORDS = 1000  # symbols; from here on rows of the unit matrix would be absurd
KINDS = {"vanilla": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def inputs(row: Row) -> tuple[str, ...]:
    """The ways to take the row's inputs in."""
    if row.real:
        return ("real",)
    return ("one-hot", "embedding") if row.n_y < WORDS else ("embedding",)


def make_step(
    cell: str,
    row: Row,
    given: str,
    shares: np.ndarray | None = None,
    adaptive: bool = False,
) -> Step:
    """One update; the input is rows of the unit matrix by id, learned ones, or real numbers.

    ``shares`` (n_y,): how frequent each id is, else all are equally so. ``adaptive``: the head is
    PyTorch's adaptive softmax, with the clusters of rnnx's.
    """
    n_y, n_a, B, T, both, _ = row
    n_x = n_y if n_y < WORDS else n_a  # of words an embedding of n_a features is usual
    torch.manual_seed(0)
    layer = KINDS[cell](n_x, n_a, bidirectional=both)
    head = _adaptive(n_a, n_y) if adaptive else torch.nn.Linear((1 + both) * n_a, n_y)
    parameters = [*layer.parameters(), *head.parameters()]
    if given == "embedding":
        rows = torch.nn.Embedding(n_y, n_x)
        parameters += rows.parameters()
    else:
        unit = torch.eye(n_y)
    sgd = torch.optim.SGD(parameters, lr=0.01)
    rng = np.random.default_rng(1)
    ids, values = (
        rng.choice(n_y, (2, T, B), p=shares),
        rng.normal(size=(T, B, n_y)).astype(np.float32),
    )

    def step() -> float:
        x, y = torch.from_numpy(ids[0]), torch.from_numpy(ids[1])
        sgd.zero_grad()
        if given == "real":
            h, _ = layer(torch.from_numpy(values))
        else:
            h, _ = layer(rows(x) if given == "embedding" else unit[x])
        if adaptive:
            loss = head(h.reshape(T * B, n_a), y.reshape(-1)).loss
        else:
            loss = functional.cross_entropy(head(h).reshape(T * B, n_y), y.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_value_(parameters, 5.0)
        sgd.step()
        return float(loss.detach())

    return step


def _adaptive(n_a: int, n_y: int) -> torch.nn.Module:
    ends = AdaptiveSoftmax().bounds(n_y)[:-1]
    return torch.nn.AdaptiveLogSoftmaxWithLoss(n_a, n_y, ends, div_value=4.0, head_bias=True)


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
