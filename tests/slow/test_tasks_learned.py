"""What theory says of memory, at sizes of a few seconds and with wide margins.

A plain network's gradient has vanished after fifty steps, an LSTM's has not (Hochreiter and
Schmidhuber 1997). A recurrence that is not linear counts modulo 2 at lengths that it never saw; one
that is diagonal, never negative and driven by the input alone does not, whatever it is trained for
(Grazzi et al. 2024).
"""

from collections.abc import Mapping

import pytest

from rnnx.config.compose import compose
from rnnx.training.session import Session

SIZE = [
    "experiment=memory",
    "cell.hidden_size=32",
    "dataset.held_out=500",
    "tracker=none",
]


def learned(steps: int, *overrides: str) -> Mapping[str, float]:
    """The metrics of the held-out part after so many updates."""
    session = Session(compose([*SIZE, *overrides]))
    with session.computing():
        for _ in range(steps):
            session.update()
    found = session.measure()
    assert found is not None
    return found.metrics


@pytest.mark.parametrize("seed", [0, 1])
def test_an_lstm_learns_the_temporal_order_that_a_plain_network_does_not(seed: int) -> None:
    task = ["dataset=temporal_order", "dataset.lengths.longest=50", f"seed={seed}"]
    assert learned(600, *task, "cell=lstm")["accuracy"] > 0.9
    assert learned(600, *task, "cell=vanilla")["accuracy"] < 0.6


def test_an_lstm_adds_what_a_plain_network_does_not() -> None:
    task = ["dataset=adding", "head=gaussian", "dataset.lengths.longest=50"]
    assert learned(1000, *task, "cell=lstm")["mse"] < 0.03
    assert learned(1000, *task, "cell=vanilla")["mse"] > 0.1  # 1/6: the mean is all it knows


PARITY = ["dataset=parity", "dataset.every_step=true", "dataset.lengths.val_longest=200"]


@pytest.mark.parametrize("cell", ["vanilla", "gru"])
def test_parity_is_counted_at_lengths_that_were_never_seen(cell: str) -> None:
    assert learned(1000, *PARITY, f"cell={cell}")["accuracy"] > 0.9


@pytest.mark.parametrize("cell", ["min_gru", "rg_lru"])
def test_no_diagonal_cell_that_is_never_negative_counts_parity(cell: str) -> None:
    assert learned(1000, *PARITY, f"cell={cell}")["accuracy"] < 0.65
