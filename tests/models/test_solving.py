"""The hidden size that is solved for is the one whose parameters are nearest, as counting says."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

import rnnx
from rnnx.config.settings import Direction
from rnnx.errors import ConfigError, OutOfMemory
from rnnx.models import solving
from rnnx.models.network import Network
from rnnx.models.solving import size_for
from rnnx_builtin.blocks.xlstm import XLSTMBlock
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.heads.softmax import Softmax


@dataclass(frozen=True)
class Heads(Vanilla):
    """A cell of heads, which takes multiples of their number alone."""

    heads: int = 4

    def __post_init__(self) -> None:
        rnnx.require(
            self.hidden_size % self.heads == 0,
            "hidden_size",
            f"a multiple of heads={self.heads}",
            self.hidden_size,
        )


@dataclass(frozen=True)
class Rounded(Vanilla):
    """A cell with a matrix whose rows are units rounded up: its size is no parabola."""

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> rnnx.Params:
        rows = -(-self.hidden_size // 16)
        return super().init(rng, n_x, dtype) | {"W": np.zeros((rows, self.hidden_size), dtype)}


def size(network: Network, n: int) -> int:
    sized = replace(network, cell=replace(network.cell, hidden_size=n))  # type: ignore[type-var]
    return sized.init(np.random.default_rng(0), np.float32).size


NETWORKS = {
    "vanilla": (Network(Vanilla(), Softmax(), 7), range(1, 40)),
    "lstm": (Network(LSTM(), Softmax(), 7, layers=3), range(1, 20)),
    "both ways": (Network(GRU(), Softmax(), 7, layers=2, direction=Direction.both), range(1, 20)),
    "rounded block": (Network(LSTM(), Softmax(), 7, block=XLSTMBlock()), range(4, 25, 4)),
    "rounded": (Network(Rounded(), Softmax(), 7), range(1, 40)),
    "heads": (Network(Heads(4), Softmax(), 7), range(4, 60, 4)),
    "three heads": (Network(Heads(3, heads=3), Softmax(), 7), range(3, 60, 3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_size_is_nearer(name: str) -> None:
    network, sizes = NETWORKS[name]
    counts = {n: size(network, n) for n in sizes}
    smallest, largest = min(counts.values()), max(counts.values())
    for wanted in np.linspace(smallest, largest, 12).astype(int).tolist():
        best = min(counts, key=lambda n: (abs(counts[n] - wanted), n))
        assert size_for(network, wanted).size == best, wanted


def test_a_large_network_is_solved_for_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "free_bytes", lambda: None)
    made: list[int] = []

    class Watched(Vanilla):
        def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> rnnx.Params:
            made.append(self.hidden_size)
            return super().init(rng, n_x, dtype)

    n = size_for(Network(Watched(), Softmax(), 7), 10**12).size
    assert max(made) <= 32
    assert n * (7 + n) + n + 7 * n + 7 == pytest.approx(10**12, rel=1e-5)


def test_sizes_that_are_impossible_are_named() -> None:
    network = Network(Heads(4), Softmax(), 7)
    with pytest.raises(ConfigError, match=r"at least 83 \(hidden_size=4\); give as many"):
        size_for(network, 82)
    assert size_for(network, 83) == (4, 83)
    with pytest.raises(OutOfMemory, match=r"params=1,[0,]+: they take .* are free; choose fewer"):
        size_for(network, 10**15)
    with pytest.raises(ConfigError, match="must be a multiple of heads=1000"):
        size_for(Network(Heads(1000, heads=1000), Softmax(), 7), 10**9)
