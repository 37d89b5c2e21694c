"""With many symbols one array of all logits is there, whatever is computed of it."""

import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import rnnx

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
    tracemalloc.start()
    try:
        for _ in range(2):
            session.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The parameters are a fiftieth of it; their gradients and moves are as large.
    assert LOGITS <= peak < 1.5 * LOGITS
