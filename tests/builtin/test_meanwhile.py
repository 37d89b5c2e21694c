"""What stands in the place of a kernel until it is compiled: the same bits."""

from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from rnnx.contracts.buffers import Scratch

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)
rng = np.random.default_rng(3)
LENGTHS = [
    np.array(lengths)
    for lengths in ([4] * 5, [4, 3, 3, 1, 1], [1, 4, 0, 2, 3], [0] * 5, [4] * 17 + [2] * 3)
]


def same(kernel: Any, *arguments: Any) -> None:
    """Both answer the same, and leave the same in the arrays that they are given."""
    other = deepcopy(arguments)
    assert kernel(*arguments) == kernel.meanwhile(*other)
    for one, two in zip(arguments, other, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()


def normal(*shape: int, dtype: str = "float32") -> Any:
    return rng.normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "n_p", "K"), [(12, 12, 12), (5, 12, 7), (13, 13, 13), (1, 16, 3)])
def test_weights_are_packed(n: int, n_p: int, K: int, dtype: str) -> None:
    from rnnx_builtin.kernels.simd import gemm
    from rnnx_builtin.kernels.simd.microkernel import ROWS

    W = normal(3 * n, K, dtype=dtype)
    panels = normal(-(-3 * n_p // ROWS), K, ROWS, dtype=dtype)
    same(gemm.pack_panels, W, 3, n_p, panels, 0, len(panels))
    same(gemm.pack_panels, W, 3, n_p, panels + 1, 1, len(panels) - 1)
    back = normal(-(-n_p // ROWS), 3 * n_p, ROWS, dtype=dtype)
    if len(back) * ROWS >= K:
        same(gemm.pack_transposed_panels, W, 3, n_p, back, 0, len(back))
    same(gemm.pack_columns, W, 3, normal(1, K, 3 * n_p, dtype=dtype))
    same(gemm.pack_rows, W, 3, normal(1, 3 * n_p, max(K, n_p), dtype=dtype))


@pytest.mark.parametrize("ends", LENGTHS, ids=str)
def test_valid_tokens_are_found_taken_and_put_back(ends: Any) -> None:
    from rnnx_builtin.kernels.rnn import packing

    T, B = 4, len(ends)
    places, runs = np.full(T * B, 9), np.full((T * B, 3), 9)
    same(packing.find_runs, ends, T, places, runs)
    count, last = packing.find_runs(ends, T, places, runs)
    assert count == ends.sum()
    wide = normal(6, T * B + 3)
    for flat in (wide, wide[:, : T * B]):
        taken = np.zeros((2, 6, T * B), flat.dtype)
        packing.take_runs(flat, runs, last, taken[0])
        packing.take_runs.meanwhile(flat, runs, last, taken[1])
        assert taken[0, :, :count].tobytes() == taken[1, :, :count].tobytes()
        same(packing.put_back, flat, runs, last, normal(6, T * B))


@pytest.mark.parametrize("ends", LENGTHS, ids=str)
@pytest.mark.parametrize("n_x", [3, 50])
def test_ids_read_columns_and_add_into_them(n_x: int, ends: Any) -> None:
    from rnnx_builtin.kernels.rnn import sequence

    (T, B), n = (4, len(ends)), 21  # a register of rows and some more
    x = rng.integers(-1, n_x, (T, B))
    Wx, b = normal(n, n_x), normal(n, 1)
    table, ids, is_read = normal(n_x + 1, 32), np.zeros((T, 32), np.uint32), np.zeros(n_x, np.bool_)
    same(sequence.prepare_table, Wx, b, x, ends, table, ids, is_read)
    sequence.prepare_table(Wx, b, x, ends, table, ids, is_read)
    dz = normal(n, T * B + 3)
    for t in range(T):
        dz[:, t * B : (t + 1) * B][:, t >= ends] = 0
    some, places = sequence._occurring(ids, n_x)[::-1]
    for symbols, given in ((sequence.NO_SYMBOLS, ids), (some, places)):
        own = normal(n, n_x), normal(n, 1)
        other = deepcopy(own)
        sums = sequence.input_gradients(Scratch(), n, n_x, dz.dtype)[2]
        sequence.add_into_columns(dz, given, ends, *own, sums, symbols)
        sequence.add_into_columns.meanwhile(dz, given, ends, *other, None, symbols)
        assert [array.tobytes() for array in own] == [array.tobytes() for array in other]
