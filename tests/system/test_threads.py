"""The number of BLAS threads, with several of Python's threads at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from rnnx.errors import ConfigError
from rnnx.models.backend import possible_threads
from rnnx.system import threads
from rnnx.system.threads import BlasThreads, blas_libraries, give_way, usual_threads


def number() -> int:
    """That of NumPy's BLAS, as threadpoolctl sees it; SciPy may have loaded one of its own."""
    blas = [found for found in threadpool_info() if found["user_api"] == "blas"]
    numpy_s = [found for found in blas if "numpy" in found["filepath"]] or blas
    return int(numpy_s[0]["num_threads"])


def elsewhere(function: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(timeout=60)


def inside(count: int) -> int:
    with BlasThreads(count):
        return number()


def test_another_thread_has_its_number_after_the_main_thread_set_one() -> None:
    before = number()
    assert inside(3) == 3
    assert elsewhere(lambda: inside(5)) == 5
    assert number() == before


def test_another_thread_has_its_number_while_a_host_limits_it() -> None:
    with threadpool_limits(3):
        assert elsewhere(lambda: inside(5)) == 5
        assert number() == 3
    assert elsewhere(lambda: inside(2)) == 2


def test_threads_that_ask_for_different_numbers_take_turns() -> None:
    seen: dict[int, set[int]] = {2: set(), 3: set()}
    both = threading.Barrier(2, timeout=60)

    def compute(count: int) -> None:
        both.wait()
        with BlasThreads(count):
            for _ in range(200):
                give_way()
                with BlasThreads(1):
                    seen[count].add(-number())
                seen[count].add(number())

    before = number()
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(compute, count) for count in seen]:
            done.result(timeout=60)
    assert seen == {2: {-1, 2}, 3: {-1, 3}}
    assert number() == before


def test_the_usual_number_is_that_outside() -> None:
    before = usual_threads()
    with BlasThreads(before + 1):
        assert usual_threads() == before
        assert elsewhere(usual_threads) == before


def test_a_number_that_another_thread_changed_is_said() -> None:
    with pytest.warns(RuntimeWarning, match="another thread changed the number"), BlasThreads(2):
        for library in blas_libraries():
            library.set_num_threads(3)


def test_a_number_that_the_blas_does_not_take_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^threads=100000: NumPy's BLAS takes at most (\d+) "):
        possible_threads(100000, "threads")


def test_a_number_that_is_right_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(threads, "_let_go", calls.append)
    before = 1 if usual_threads() > 1 else 2
    with BlasThreads(before):
        with BlasThreads(before):
            pass
        assert not calls
    assert calls == blas_libraries()
    calls.clear()
    with BlasThreads(usual_threads()):
        pass
    assert not calls
