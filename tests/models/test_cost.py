"""What a cell costs: known figures, and what a cell says itself."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
from elman import Elman

import rnnx
from rnnx.errors import ConfigError, PluginError
from rnnx.models.cost import cost_of
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_zoo.gated_delta import GatedDelta
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.lru import LRU
from rnnx_zoo.mgu import MGU
from rnnx_zoo.mlstm import MLSTM
from rnnx_zoo.peephole_lstm import PeepholeLSTM


@pytest.mark.parametrize(("n", "n_x"), [(1, 1), (64, 1), (1, 9), (64, 27)])
def test_the_built_in_cells_cost_what_textbooks_say(n: int, n_x: int) -> None:
    """Blocks of n · (n_x + n) weights: one of a plain network, three of a GRU, four of an LSTM."""
    block = n * (n_x + n)
    assert cost_of(Vanilla(n), n_x)[:3] == (block + n, n, block)
    assert cost_of(GRU(n), n_x)[:3] == (3 * block + 4 * n, n, 3 * block)
    assert cost_of(GRU(n, reset_after=False), n_x)[:3] == (3 * block + 3 * n, n, 3 * block)
    assert cost_of(LSTM(n), n_x)[:3] == (4 * block + 4 * n, 2 * n, 4 * block)


def test_cells_of_every_kind_cost_what_their_equations_say() -> None:
    n, n_x = 12, 5
    assert cost_of(MGU(n), n_x).multiplications == 2 * n * (n_x + n)
    assert cost_of(PeepholeLSTM(n), n_x)[:2] == (4 * n * (n_x + n) + 7 * n, 2 * n)
    assert cost_of(IndRNN(n), n_x)[:3] == (n * n_x + 2 * n, n, n * n_x)
    assert cost_of(LRU(n), n_x).multiplications == 2 * n * n_x + 2 * n * n + n * n_x
    for heads in (1, 3):  # a matrix memory: to fade, to write, to read; to compare, too
        memory = n * n // heads
        own = 4 * n * n_x + 6 * n * heads
        assert cost_of(MLSTM(n, heads), n_x).multiplications == own + 3 * memory
        own = (3 * n + 2 * heads) * n_x
        assert cost_of(GatedDelta(n, heads), n_x).multiplications == own + 4 * memory


@dataclass(frozen=True)
class Counting(Elman):
    """A cell that multiplies its state by its weights twice."""

    said: object = None

    def multiplications(self, n_x: int) -> object:
        n = self.hidden_size
        return n * (n_x + 2 * n) if self.said is None else self.said


def test_a_cell_may_count_for_itself() -> None:
    cost = cost_of(Counting(3), 4)
    assert (cost.multiplications, cost.declared) == (3 * (4 + 6), True)
    assert cost_of(replace(Counting(3), said=np.int64(7)), 4).multiplications == 7
    for wrong in (-1, "many", 2.5):
        with pytest.raises(PluginError, match=r"Counting.*multiplications returned"):
            cost_of(replace(Counting(3), said=wrong), 4)


def test_a_large_cell_is_counted_without_being_made() -> None:
    n = 10**7
    block = n * (5 + n)
    assert cost_of(LSTM(n), 5)[:3] == (4 * block + 4 * n, 2 * n, 4 * block)


@dataclass(frozen=True)
class Rounded(Vanilla):
    """A cell with a number for every sixteen units, rounded up."""

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> rnnx.Params:
        params = super().init(rng, n_x, dtype)
        return params | {"u": np.zeros((-(-self.hidden_size // 16), 1), dtype)}


def test_a_count_that_is_no_parabola_is_counted_at_its_size() -> None:
    block = 600 * (5 + 600)
    assert cost_of(Rounded(600), 5).parameters == block + 600 + 38


def test_inputs_have_a_range() -> None:
    with pytest.raises(ConfigError, match=r"n_x=0: must be from 1 to 100000"):
        cost_of(LSTM(3), 0)
