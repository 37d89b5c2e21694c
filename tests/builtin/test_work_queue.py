"""Threads that share a time loop, and those that share a product."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'fast' is not installed")

from kernel_cases import CELLS, case_of
from numba import njit

from rnnx.contracts.buffers import Scratch
from rnnx.testing.cells.case import run
from rnnx_builtin.kernels.simd import gemm
from rnnx_builtin.kernels.simd import work_queue as crews
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.work_queue import (
    at_once,
    crew_of,
    divided,
    draw,
    draw_again,
    together,
)


@pytest.fixture
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However small a layer is, its units are divided."""
    monkeypatch.setattr(gemm, "FEW", 0)
    monkeypatch.setattr(gemm, "LARGEST", 12)
    gemm.units_of.cache_clear()
    yield
    gemm.units_of.cache_clear()


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("B", [2, 16, 33])
def test_any_number_of_threads_gives_the_same_bits(dtype: Any, B: int) -> None:
    for cell in CELLS:
        case = case_of(cell, (6, B, 9, 50), dtype, True, 4)
        lengths = np.random.default_rng(B).integers(0, 7, B)
        alone = run(case, lengths, Scratch(True))
        for threads in (2, 3):
            shared = run(case, lengths, Scratch(True, threads))
            equal(shared._asdict(), alone._asdict())


def equal(found: Any, expected: Any) -> None:
    """Bit for bit."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        equal(tuple(found.values()), tuple(expected.values()))
    elif isinstance(expected, tuple):
        for a, b in zip(found, expected, strict=True):
            equal(a, b)
    else:
        np.testing.assert_array_equal(found, expected)


@njit(nogil=True)
def walk(crew: Any, n_p: int, chunk: int, steps: int, began: Any, done: Any) -> None:
    """How often each ticket was drawn, and how many were done when it was."""
    chunks = -(-n_p // chunk)
    ticket = draw(crew, chunks, steps * chunks)
    while ticket >= 0:
        began[ticket] += 1
        done[ticket] = crew[crews.DONE]
        ticket = draw_again(crew, chunks, steps * chunks)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_a_ticket_is_drawn_once_and_after_the_step_before(threads: int, chunks: int) -> None:
    crew, steps = crew_of(Scratch()), 500
    for _ in range(5):
        began, done = np.zeros((2, steps * chunks), np.int64)
        together(walk, threads, crew, chunks, 1, steps, began, done)
        assert (began == 1).all()
        assert (done >= np.arange(steps * chunks) // chunks * chunks).all()


def test_who_comes_too_late_finds_nothing_left() -> None:
    """The threads of the pool are held elsewhere: the caller does all of it, and does not wait."""
    release, taken = threading.Event(), []
    held = crews._pool(2).submit(release.wait), crews._pool(2).submit(release.wait)
    try:
        divided(lambda first, last: taken.append((first, last)), 10, 3)
        assert sorted(taken) == [(0, 4), (4, 8), (8, 10)]
    finally:
        release.set()
        for other in held:
            other.result()


def test_what_one_thread_raises_is_raised() -> None:
    here, both = threading.get_ident(), threading.Barrier(2)

    def work() -> None:
        both.wait(60)
        if threading.get_ident() != here:
            raise ArithmeticError("the other")

    with pytest.raises(ArithmeticError, match="the other"):
        at_once(work, 2)


@pytest.mark.parametrize("shape", [(3, 70), (300, 40), (257, 258), (1, 1)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_divided_product(
    shape: tuple[int, int], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnx_builtin.kernels.simd.blas.SMALL", 0)
    rng, (n, m) = np.random.default_rng(0), shape
    a, b, out = rng.normal(size=(n, 5)), rng.normal(size=(m, 5)).T, np.empty((n, m + 3))[:, :m]
    np.testing.assert_allclose(matmul(a, b, out, threads), a @ b, rtol=1e-12, atol=1e-12)
