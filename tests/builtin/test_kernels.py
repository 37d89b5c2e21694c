"""The compiled kernels against the NumPy code, which is the reference."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import CELLS, case_of, compiled, with_kernels
from tiny import tiny

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.errors import Diverged
from rnnx.system.threads import BlasThreads
from rnnx.testing import CellSuite, HeadSuite
from rnnx.testing.cells.case import run
from rnnx.training import snapshot
from rnnx.training.progress import Progress
from rnnx_builtin.heads.softmax import Reduction, Softmax

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)


class TestCompiledCells(CellSuite):
    components = tuple(map(compiled, CELLS))

    def test_gates(self) -> None:
        pytest.skip("probes look at gates with NumPy, whatever the run computes with")


class TestCompiledSoftmax(HeadSuite):
    components = (compiled(Softmax()), compiled(Softmax(reduction=Reduction.sequence)))


@given(
    cell=st.sampled_from(CELLS),
    shape=st.tuples(*(st.integers(1, most) for most in (6, 40, 9, 30))),
    dtype=st.sampled_from([np.float32, np.float64]),
    ids=st.booleans(),
    padded=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_kernels_of_a_cell_equal_numpy(
    cell: Any, shape: Any, dtype: Any, ids: bool, padded: bool, seed: int
) -> None:
    case, (T, B, _, _) = case_of(cell, shape, dtype, ids, seed), shape
    lengths = np.random.default_rng(seed).integers(0, T + 1, B) if padded else None
    plain, fast = run(case, lengths), run(with_kernels(case), lengths)
    near(fast._asdict(), plain._asdict(), dtype)


def near(found: Any, expected: Any, dtype: Any) -> None:
    """Equal to 1e-12 of the largest in float64; to float32's rounding through the steps."""
    if isinstance(expected, dict):
        for name, array in expected.items():
            near(found[name], array, dtype)
    elif isinstance(expected, tuple):
        for a, b in zip(found, expected, strict=True):
            near(a, b, dtype)
    elif expected is not None:
        scale = max(float(np.abs(expected).max(initial=0)), 1.0)
        tolerance = 1e-12 if dtype == np.float64 else 5e-6
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_step_is_equal_to_a_millionth_in_float32(dtype: Any) -> None:
    for cell in CELLS:
        case = case_of(cell, (1, 32, 9, 48), dtype, True, 3)
        plain, fast = run(case), run(with_kernels(case))
        tolerance = 1e-6 if dtype == np.float32 else 1e-14
        np.testing.assert_allclose(fast.h, plain.h, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("ids", [False, True])
def test_two_threads_give_the_bits_of_one(ids: bool) -> None:
    from rnnx_builtin.kernels.rnn import sequence
    from rnnx_builtin.kernels.simd import blas, gemm

    T, B, n = 6, 64, 200  # an LSTM's threads share all that threads can share:
    assert gemm.units_for(n, 4, B, np.float32, 2).chunk < n
    assert 4 * n * n >= gemm.SHARED_PACKING_MIN
    assert 4 * n * T * B >= sequence.SHARED_SUM_MIN
    assert 4 * n * n * T * B >= blas.SHARED_PRODUCT_MIN
    for cell in CELLS:
        case = case_of(cell, (T, B, 9, n), np.float32, ids, 4)
        with BlasThreads(1):  # as in a run with one thread
            one = run(with_kernels(case))
        np.testing.assert_equal(run(with_kernels(case, 2))._asdict(), one._asdict())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_columns_bits_are_the_same_beside_any_number_of_others(dtype: Any, threads: int) -> None:
    T, n, most = 3, 130, 12
    for cell in CELLS:
        whole = case_of(cell, (T, most, 9, n), dtype, True, 6)
        wide = run(with_kernels(whole, threads))
        for B in range(2, most):
            some = whole._replace(
                x=whole.x[:, :B],
                state=tuple(s[:, :B] for s in whole.state),
                dh=whole.dh[..., :B],
                dstate=tuple(s[:, :B] for s in whole.dstate or ()),
            )
            narrow = run(with_kernels(some, threads))
            np.testing.assert_array_equal(narrow.h, wide.h[..., :B])
            for few, many in zip(narrow.dstate0, wide.dstate0, strict=True):
                np.testing.assert_array_equal(few, many[:, :B])


def test_two_threads_give_the_heads_bits_of_one() -> None:
    from rnnx_builtin.kernels.simd import blas

    T, B, n_a, n_y = 12, 64, 200, 80
    assert n_y * n_a * T * B >= blas.SHARED_PRODUCT_MIN
    rng = np.random.default_rng(0)
    params = Softmax().init(rng, n_a, n_y, np.float32)
    h = rng.normal(size=(n_a, T, B)).astype(np.float32).transpose(1, 0, 2)
    y, lengths = rng.integers(0, n_y, (T, B)), rng.integers(0, T + 1, B)
    for given_lengths in (None, lengths):
        found = []
        for threads in (1, 2):
            head, scratch = compiled(Softmax(), threads), Scratch()
            with BlasThreads(threads):  # as in a run with so many
                loss, nats, cache = head.forward(params, h, y, given_lengths, scratch)
                found.append((loss, nats, *head.backward(params, cache, scratch)))
        np.testing.assert_equal(found[1], found[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nan_comes_out(dtype: Any) -> None:
    for cell in CELLS:
        for name in ("Wx", "Wh", "b"):
            case = case_of(cell, (3, 4, 5, 6), dtype, False, 5)
            case.params[name][-1, 0] = np.nan
            assert np.isnan(run(with_kernels(case)).h).any(), (cell, name)
    params = {"Wy": np.full((3, 2), np.nan, dtype), "by": np.zeros((3, 1), dtype)}
    h, y = np.ones((2, 2, 4), dtype), np.zeros((2, 4), int)
    loss, nats, _ = compiled(Softmax()).forward(params, h, y, None, Scratch())
    assert np.isnan(loss) and np.isnan(nats).all()


def test_a_diverged_run_is_noticed(names: Path) -> None:
    session = rnnx.build(tiny(names, "backend=fast"))
    session.params["layer0"]["Wh"][0, 0] = np.nan
    with pytest.raises(Diverged, match="the loss is nan"):
        session.step()


@pytest.mark.parametrize("cell", ["vanilla", "lstm", "gru"])
def test_training_equals_numpy(names: Path, cell: str) -> None:
    def losses(backend: str) -> list[float]:
        more = [f"cell={cell}", f"backend={backend}", "layers=2", "dropout=0.3", "steps=50"]
        session = rnnx.build(tiny(names, *more))
        return [session.step() for _ in range(50)]

    fast = losses("fast")
    np.testing.assert_allclose(fast, losses("numpy"), rtol=1e-4)
    assert fast == losses("fast")  # bit for bit


def test_a_checkpoint_resumes_with_its_backend(names: Path) -> None:
    session = rnnx.build(tiny(names, "backend=fast"))
    session.step()
    kept = snapshot.take(session, Progress(), {})
    assert kept.metadata["backend"] == "fast"
    other = rnnx.build(tiny(names, "backend=numpy"))
    snapshot.restore(other, kept)
    assert other.execution.compiled
    assert [other.step() for _ in range(3)] == [session.step() for _ in range(3)]
