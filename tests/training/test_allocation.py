"""A training step works in buffers that are there: the cause of its speed, not its time."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allocation import peaks, traced
from tiny import tiny

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.system.threads import BlasThreads
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Activation, Cache, Vanilla

T, B, N_A = 12, 128, 256
ARRAY = N_A * B * 4  # bytes of one step's hidden states in float32, above any buffer of a ufunc's
SLACK = 8 * 1024  # bytes: one number more of each kind that Python keeps
CELLS = {
    "vanilla": Vanilla(N_A),
    "relu": Vanilla(N_A, activation=Activation.relu),
    "lstm": LSTM(N_A),
    "gru": GRU(N_A),
    "gru, reset before": GRU(N_A, reset_after=False),
}


def large_in_loops(cell: Any, lengths: Any = None) -> list[str]:
    """The lines of a time loop that allocate an array of n_a·B or more in the second pass."""
    scratch, rng = Scratch(), np.random.default_rng(0)
    x, dh = rng.integers(0, 8, (T, B)), np.ones((T, N_A, B), np.float32)
    with BlasThreads(1):
        params, state = cell.init(rng, 8, np.float32), cell.initial_state(B, np.float32)

        def forward_and_backward() -> None:
            _, _, cache = cell.forward(params, x, state, lengths, scratch)
            cell.backward(params, cache, dh, None, scratch)

        forward_and_backward()
        with traced() as lines:
            forward_and_backward()
    assert max(lines.hits.values()) >= T
    return lines.large(T, ARRAY)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("padded", [False, True])
def test_a_time_loop_allocates_nothing_large(name: str, padded: bool) -> None:
    lengths = np.arange(B) % T + 1 if padded else None
    assert large_in_loops(CELLS[name], lengths) == []


@dataclass(frozen=True)
class Careless(Vanilla):
    """Right, but every step makes its arrays anew."""

    def forward(
        self,
        params: rnnx.Params,
        x: rnnx.Array,
        state: rnnx.State,
        lengths: rnnx.Array | None,
        scratch: rnnx.Scratch,
    ) -> tuple[rnnx.Array, rnnx.State, Any]:
        h, hs = state[0], np.empty((len(x) + 1, *state[0].shape), state[0].dtype)
        hs[0] = h
        for t in range(len(x)):
            h = params["Wh"] @ h
            h = np.tanh(h, out=h)
            hs[t + 1] = h
        return hs[1:], (h,), Cache(x, hs, lengths)


def test_the_test_sees_an_array_that_a_loop_drops_at_once() -> None:
    (found,) = large_in_loops(Careless(N_A))
    assert "test_allocation.py" in found


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.parametrize("cell", ["vanilla", "lstm", "gru"])
def test_a_session_step_allocates_nothing_large_in_a_loop(
    cell: str, backend: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 20_000)))
    sizes = [f"cell={cell}", f"cell.hidden_size={N_A}", f"batch_size={B}"]
    data = ["dataset=text", f"dataset.path={path}", f"dataset.length={T}"]
    more = ["optimizer=sgd", "clipper=value", "threads=1", f"backend={backend}"]
    session = rnnx.build([*sizes, *data, *more])
    for _ in range(2):  # the second may bring the kernels, and buffers of their own
        session.step()
    with traced() as lines:
        session.step()
    assert lines.large(T, ARRAY) == []
    if backend == "numpy":  # compiled loops have no lines that can be traced
        assert max(lines.hits.values()) >= T


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.intp])
def test_buffers_begin_with_a_cache_line(dtype: type) -> None:
    scratch = Scratch()
    for size in (1, 7, 1000, 3):
        array = scratch.array("a", (size, 3), dtype)
        assert array.__array_interface__["data"][0] % 64 == 0
        assert array.shape == (size, 3) and array.dtype == dtype and array.flags.c_contiguous
    assert scratch.nbytes == 1000 * 3 * np.dtype(dtype).itemsize


def test_a_step_holds_no_more_memory_the_longer_training_lasts(names: Path) -> None:
    session = rnnx.build(tiny(names, "threads=1"))
    with session.computing():  # it sets threads by names, which Python caches for a while
        found = peaks(session.update, 1000)
    assert max(found[-50:]) <= max(found[:500]) + SLACK


def test_the_test_sees_a_step_that_keeps_something(names: Path) -> None:
    session, kept = rnnx.build(tiny(names, "threads=1")), []

    def step() -> None:
        session.update()
        kept.append(session.grads.flat.copy())

    with session.computing():
        found = peaks(step, 1000)
    assert max(found[-50:]) > max(found[:500]) + SLACK


def garbage(step: Callable[[], object], times: int) -> int:
    """How many objects that many steps leave to the garbage collector."""
    for _ in range(3):
        step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            step()
        return gc.collect()
    finally:
        gc.enable()


STEPS = 100  # more than the objects that threads of other tests may leave meanwhile


def test_a_step_leaves_the_garbage_collector_nothing(names: Path) -> None:
    """Else the arrays of a step would live on until a collection, of which there are few."""
    session = rnnx.build(tiny(names, "cell=gru", "layers=2", "dropout=0.2"))
    assert garbage(session.step, STEPS) < STEPS


def test_the_test_sees_a_step_that_leaves_a_cycle(names: Path) -> None:
    session = rnnx.build(tiny(names))

    def step() -> None:
        cycle = [session.step()]
        cycle.append(cycle)

    assert garbage(step, STEPS) >= STEPS
