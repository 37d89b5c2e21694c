"""Threads that share a time loop, and threads that share a product."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'fast' is not installed")

from kernel_cases import CELLS, case_of, with_kernels
from numba import njit

from rnnx.contracts.buffers import Scratch
from rnnx.system.threads import BlasThreads
from rnnx.testing.cells.case import run
from rnnx_builtin.kernels.simd import gemm, work_queue
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.work_queue import (
    divide,
    finish_and_next,
    next_task,
    part_of,
    queue_for,
    run_in_threads,
    run_loop,
)


@pytest.fixture
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Even small layers are divided into chunks."""
    monkeypatch.setattr(gemm, "SHARED_STEP_MIN", 0)
    monkeypatch.setattr(gemm, "CHUNK_MAX", 12)
    gemm.units_for.cache_clear()
    yield
    gemm.units_for.cache_clear()


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("B", [2, 16, 33])
def test_any_number_of_threads_gives_the_same_bits(dtype: Any, B: int) -> None:
    for cell in CELLS:
        case = case_of(cell, (6, B, 9, 50), dtype, True, 4)
        lengths = np.random.default_rng(B).integers(0, 7, B)
        with BlasThreads(1):  # as a run of one thread has it: two of NumPy 2.0's BLAS sum otherwise
            alone = run(with_kernels(case), lengths)
        for threads in (2, 3):
            shared = run(with_kernels(case, threads), lengths)
            np.testing.assert_equal(shared._asdict(), alone._asdict())


@njit(nogil=True)
def record(queue: Any, units: Any, phases: int, began: Any, done: Any) -> None:
    """Count how often each task begins, and how many tasks are done when it does."""
    task = next_task(queue, units, phases)
    while task >= 0:
        phase, first, _ = part_of(task, units)
        began[phase, first] += 1
        done[phase, first] = queue[work_queue.DONE]
        task = finish_and_next(queue, units, phases)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_a_task_begins_once_and_after_the_phase_before(threads: int, chunks: int) -> None:
    queue, phases = queue_for(Scratch()), 500
    for _ in range(5):
        began, done = np.zeros((2, phases, chunks), np.int64)
        run_loop(record, threads, queue, (chunks, 1), phases, began, done)
        assert (began == 1).all()
        assert (done >= np.arange(phases)[:, None] * chunks).all()


def test_parts_of_threads_that_come_too_late_are_done_by_the_caller() -> None:
    """The pool's threads are busy: the caller computes all parts and does not wait for them."""
    release, taken = threading.Event(), []
    held = [work_queue._pool(2).submit(release.wait) for _ in range(2)]
    try:
        divide(lambda first, last: taken.append((first, last)), 10, 3)
        assert sorted(taken) == [(0, 4), (4, 8), (8, 10)]
    finally:
        release.set()
        for other in held:
            other.result()


def test_an_error_in_another_thread_is_raised() -> None:
    here, both = threading.get_ident(), threading.Barrier(2)

    def work() -> None:
        both.wait(60)
        if threading.get_ident() != here:
            raise ArithmeticError("the other")

    with pytest.raises(ArithmeticError, match="the other"):
        run_in_threads(work, 2)


@pytest.mark.parametrize("shape", [(3, 70), (300, 40), (257, 258), (1, 1)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_divided_product(
    shape: tuple[int, int], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnx_builtin.kernels.simd.blas.SHARED_PRODUCT_MIN", 0)
    rng, (n, m) = np.random.default_rng(0), shape
    a, b, out = rng.normal(size=(n, 5)), rng.normal(size=(m, 5)).T, np.empty((n, m + 3))[:, :m]
    np.testing.assert_allclose(matmul(a, b, out, threads), a @ b, rtol=1e-12, atol=1e-12)
