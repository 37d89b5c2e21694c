"""With many symbols one array of all logits is there, whatever is computed of it."""

import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla

SYMBOLS, T, B = 5000, 32, 16
LOGITS = SYMBOLS * T * B * 4  # bytes
WITHOUT_NUMBA = find_spec("numba") is None


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A text of 5,000 symbols."""
    codes, file = np.arange(0x4E00, 0x4E00 + SYMBOLS), tmp_path / "words.txt"
    drawn = np.random.default_rng(0).choice(codes, 4 * T * B)
    file.write_text("".join(map(chr, np.concatenate([codes, drawn]))), "utf-8")
    return file


@pytest.mark.parametrize("backend", ["numpy", "fast"])
def test_a_training_step_makes_one_array_of_all_logits(words: Path, backend: str) -> None:
    if backend == "fast" and WITHOUT_NUMBA:
        pytest.skip("the extra 'fast' is not installed")
    data = ["dataset=text", f"dataset.path={words}", f"dataset.length={T}", f"batch_size={B}"]
    rest = ["cell=vanilla", "cell.hidden_size=8", "tracker=none", "optimizer=sgd", "threads=1"]
    session = rnnx.build([*data, *rest, f"backend={backend}", "steps=9"])
    session.load()  # a compiler takes more memory than the step
    tracemalloc.start()
    try:
        for _ in range(2):
            session.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The parameters are a fiftieth of it; their gradients and moves are as large.
    assert LOGITS <= peak < 1.5 * LOGITS


@pytest.mark.skipif(WITHOUT_NUMBA, reason="the extra 'fast' is not installed")
@pytest.mark.parametrize("lengths", [None, np.array([5, 4, 1])])
@pytest.mark.parametrize(
    "cell", [Vanilla(7), LSTM(6), GRU(5)], ids=lambda cell: type(cell).__name__
)
def test_compiled_gradients_of_symbols_that_occur_are_numpys(
    cell: Any, lengths: np.ndarray | None
) -> None:
    rng, n_x, steps, columns = np.random.default_rng(0), 1000, 5, 3
    params = cell.init(rng, n_x, np.float64)
    x = rng.integers(-1, n_x, (steps, columns))
    x[2] = x[0]  # some occur twice
    state = cell.initial_state(columns, np.float64)
    dh = rng.normal(size=(steps, cell.hidden_size, columns))
    found = []
    for form in (cell, cell.compiled(1), cell.compiled(2)):
        scratch = Scratch()
        _, _, cache = form.forward(params, x, state, lengths, scratch)
        found.append(form.backward(params, cache, dh, None, scratch)[0])
    numpys, one, two = found
    absent = np.setdiff1d(np.arange(n_x), x)
    for name, gradient in numpys.items():
        np.testing.assert_allclose(one[name], gradient, rtol=1e-9, atol=1e-12, err_msg=name)
        assert np.array_equal(one[name], two[name])
    assert not one["Wx"][:, absent].any()
