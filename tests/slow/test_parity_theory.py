"""Which cells can learn the parity of a row of bits, and keep it on longer rows: as theory says.

Trained on rows of 3 to 40 bits that ask for the parity so far at every step, tried on rows of 40 to
256. A recurrence that is diagonal, whose factors are 0 … 1 and set by the input alone, cannot have
it at all lengths (Sarrof et al. 2024, Grazzi et al. 2024); one that sees its own state can, and so
can a product of reflections.
"""

import pytest

import rnnx

SOLVE = {
    "vanilla": (1000, ["cell.hidden_size=32"]),
    "lstm": (400, ["cell.hidden_size=32"]),
    "gru": (400, ["cell.hidden_size=32"]),
    "slstm": (250, ["cell.hidden_size=32"]),
    "gated_delta": (
        700,
        [
            "cell.hidden_size=8",
            "cell.heads=2",
            "cell.decay=false",
            "cell.negative_eigenvalues=true",
            "optimizer.learning_rate=0.05",
        ],
    ),
}
CANNOT = {
    "min_gru": ["cell.hidden_size=32"],
    "min_lstm": ["cell.hidden_size=32"],
    "rg_lru": ["cell.hidden_size=32"],
    "mlstm": ["cell.hidden_size=8"],
    "gated_delta": ["cell.hidden_size=8", "cell.heads=2", "cell.decay=false"],
}


def right_answers(cell: str, updates: int, options: list[str]) -> tuple[float, float]:
    """The fraction of right bits of the longer rows, and of rows that are right throughout."""
    data = ["dataset=parity", "dataset.every_step=true", "dataset.held_out=200"]
    own = ["batch_size=64", "optimizer=adam", "optimizer.learning_rate=0.01", "tracker=none"]
    session = rnnx.build([f"cell={cell}", *data, *own, *options])
    for _ in range(updates):
        session.step()
    measured = session.measure()
    assert measured is not None
    return measured.metrics["accuracy"], measured.metrics["sequence_accuracy"]


@pytest.mark.parametrize("cell", SOLVE)
def test_a_cell_that_can_turn_its_state_solves_parity(cell: str) -> None:
    bits, rows = right_answers(cell, *SOLVE[cell])
    assert bits >= 0.99 and rows >= 0.9


@pytest.mark.parametrize("cell", CANNOT)
def test_a_cell_that_can_only_forget_stays_at_chance(cell: str) -> None:
    """Of more than 40 bits the first few can be right: 0.51 in all."""
    bits, rows = right_answers(cell, 600, CANNOT[cell])
    assert 0.45 <= bits <= 0.53 and rows == 0
