"""The memory of large parameters is known before they are allocated."""

from dataclasses import dataclass

import numpy as np
import pytest

from rnnx.contracts.components import Cell
from rnnx.models.network import Network
from rnnx.models.size import parameter_bytes
from rnnx_builtin.cells import GRU, LSTM, Vanilla
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.heads import Softmax

LARGE = 600  # units: small enough to be drawn here, large enough to be estimated


@pytest.mark.parametrize(("layers", "dtype"), [(1, np.float64), (3, np.float32)])
@pytest.mark.parametrize("cell", [Vanilla, LSTM, GRU])
def test_the_estimate_is_the_number_of_bytes(
    cell: type[Vanilla | LSTM | GRU], layers: int, dtype: type
) -> None:
    weights = CellWeights(recurrent="zeros")  # the others take longer to draw
    network = Network(cell(LARGE, weights=weights), Softmax(), 30, layers)
    params = network.init(np.random.default_rng(0), dtype)
    assert parameter_bytes(network, dtype) == pytest.approx(params.flat.nbytes, rel=1e-6)


def test_a_size_that_no_machine_has_is_an_exact_number() -> None:
    n_a, n_y = 10**9, 30
    expected = 4 * n_a * (n_a + n_y + 1) + n_y * (n_a + 1)
    assert parameter_bytes(Network(LSTM(n_a), Softmax(), n_y), np.float32) == 4 * expected


@dataclass(frozen=True)
class OneSize(LSTM):
    """A cell that exists in one size alone."""

    def __post_init__(self) -> None:
        if self.hidden_size != LARGE:
            raise ValueError("another size")


@pytest.mark.parametrize("cell", [LSTM(64), OneSize(LARGE)], ids=["small", "of one size"])
def test_what_is_small_or_unknown_has_no_estimate(cell: Cell) -> None:
    assert parameter_bytes(Network(cell, Softmax(), 30), np.float32) == 0
