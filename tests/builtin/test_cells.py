"""The built-in cells: their suites, and their equations against naive ones."""

from typing import ClassVar

import naive_cells
import numpy as np
import pytest

from rnnx.contracts.buffers import Scratch
from rnnx.testing import CellSuite
from rnnx.testing.cells.case import make_case, run
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Activation, Vanilla
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.numerics import whole_sequence


class TestVanilla(CellSuite):
    components: ClassVar = [Vanilla(), Vanilla(activation=Activation.relu)]


class TestLSTM(CellSuite):
    components: ClassVar = [LSTM(), LSTM(forget_bias=0.0)]


class TestGRU(CellSuite):
    components: ClassVar = [GRU(), GRU(reset_after=False)]


@pytest.mark.parametrize("cache", [1, 200, 800])  # bytes: of no step, of some, of all of a vanilla
@pytest.mark.parametrize("ids", [False, True])
def test_the_size_of_the_cache_changes_no_bit(
    cache: int, ids: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a sequence is computed in one piece, in several, or step by step."""
    for cell in (Vanilla(), LSTM(), GRU(), GRU(reset_after=False)):
        for lengths in (None, np.array([5, 2, 1])):
            case = make_case(cell, ids=ids)
            whole = run(case, lengths)
            with monkeypatch.context() as small:
                small.setattr(whole_sequence, "CACHE_BYTES", cache)
                pieces = run(case, lengths)
            np.testing.assert_equal(pieces._asdict(), whole._asdict())


def test_pieces_are_as_long_as_the_cache_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(whole_sequence.tiles(5, 100)) == [(0, 5)]
    monkeypatch.setattr(whole_sequence, "CACHE_BYTES", 250)
    assert list(whole_sequence.tiles(5, 100)) == [(3, 5), (1, 3), (0, 1)]
    assert list(whole_sequence.tiles(2, 300)) == [(1, 2), (0, 1)]
    assert whole_sequence.fits(250) and not whole_sequence.fits(251)


@pytest.mark.parametrize(
    ("cell", "naive"),
    [
        (Vanilla(5), naive_cells.vanilla),
        (LSTM(5), naive_cells.lstm),
        (GRU(5), naive_cells.gru_reset_after),
        (GRU(5, reset_after=False), naive_cells.gru_reset_before),
    ],
)
def test_a_cell_is_its_papers_equations(cell: object, naive: object) -> None:
    rng = np.random.default_rng(0)
    params = cell.init(rng, 3, np.float64)
    params = {name: array + rng.normal(size=array.shape) for name, array in params.items()}
    x = rng.normal(size=(7, 3, 2))
    state = tuple(rng.normal(size=s.shape) for s in cell.initial_state(2, np.float64))
    h, final, _ = cell.forward(params, x, state, None, Scratch())
    for b in range(2):
        expected = naive(params, x[:, :, b], *(s[:, b] for s in state))
        np.testing.assert_allclose(h[:, :, b], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(final[0], h[-1])


def test_the_forget_bias_is_added_to_its_gate_alone() -> None:
    rng = np.random.default_rng
    plain = LSTM(4, forget_bias=0.0).init(rng(0), 3, np.float64)
    biased = LSTM(4, forget_bias=2.5).init(rng(0), 3, np.float64)
    added = (biased["b"] - plain["b"])[:, 0]
    np.testing.assert_array_equal(added, [0] * 4 + [2.5] * 4 + [0] * 8)


def test_weights_name_their_initializers() -> None:
    weights = CellWeights(input="identity", recurrent={"name": "identity", "gain": 2.0})
    params = Vanilla(3, weights=weights).init(np.random.default_rng(0), 3, np.float64)
    np.testing.assert_array_equal(params["Wx"], np.eye(3))
    np.testing.assert_array_equal(params["Wh"], 2 * np.eye(3))


def test_orthogonal_recurrent_weights_are_so_gate_by_gate() -> None:
    Wh = LSTM(6).init(np.random.default_rng(0), 3, np.float64)["Wh"]
    for block in np.split(Wh, 4):
        np.testing.assert_allclose(block @ block.T, np.eye(6), atol=1e-12)
