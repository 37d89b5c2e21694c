"""A pass from the end beside the same cell on columns that were turned around by hand."""

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elman import Elman
from matrix_memory import MatrixMemory
from tiny import tiny

import rnnx
from rnnx.config.settings import Direction, InitialState
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import NUMPY, Execution
from rnnx.errors import ConfigError
from rnnx.models.directions import part_of
from rnnx.models.generation import generate
from rnnx.models.network import Network
from rnnx.models.size import parameter_bytes
from rnnx.models.streaming import stream
from rnnx.system.threads import BlasThreads, side_by_side
from rnnx.testing.gradients import check_slopes
from rnnx_builtin.blocks.hawk import HawkBlock
from rnnx_builtin.blocks.mingru import MinGRUBlock
from rnnx_builtin.blocks.residual import Residual
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.heads.softmax import Softmax
from rnnx_builtin.samplers.categorical import Categorical

BOTH, BACKWARD = Direction.both, Direction.backward
LEARNED = InitialState.learned
LENGTHS = np.array([5, 5, 3, 1, 4])
T, B, SYMBOLS = 5, len(LENGTHS), 4
CELLS = [Vanilla(4), LSTM(4), GRU(4), GRU(4, reset_after=False), Elman(4), MatrixMemory(3)]


def network(cell: Any, direction: Direction, layers: int = 1, **more: Any) -> Network:
    return Network(cell, Softmax(), SYMBOLS, layers, direction=direction, **more)


def drawn(made: Network, seed: int = 0, dtype: Any = np.float64) -> Parameters:
    """Parameters of which none is zero."""
    rng = np.random.default_rng(seed)
    params = made.init(rng, dtype)
    params.flat += rng.normal(scale=0.2, size=params.size).astype(dtype)
    return params


def tagged(seed: int = 1, filler: int = -1) -> tuple[rnnx.Array, rnnx.Array]:
    """Ids and a tag for each, (T, B); beyond the lengths ``filler`` and 0."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, SYMBOLS, (2, T, B))
    beyond = np.arange(T)[:, None] >= LENGTHS
    return np.where(beyond, filler, x), np.where(beyond, 0, y)


def turned(steps: rnnx.Array, lengths: rnnx.Array) -> rnnx.Array:
    """Each column of (T, …, B) turned around within its length, one by one."""
    out = steps.copy()
    for b, length in enumerate(lengths):
        out[:length, ..., b] = steps[:length, ..., b][::-1]
    return out


def by_hand(cell: Any, params: rnnx.Params, x: rnnx.Array, lengths: rnnx.Array) -> rnnx.Array:
    """[forward; backward] (T, 2·n_a, B), with the cell's own forward alone."""
    zero = cell.initial_state(B, np.float64)
    halves = []
    for way, change in (("forward", lambda a, _: a), ("backward", turned)):
        given = part_of(params, way), change(x, lengths), zero, lengths, Scratch()
        halves.append(change(cell.forward(*given)[0], lengths))
    return np.concatenate(halves, axis=1)


def passes(
    made: Network,
    params: Parameters,
    x: rnnx.Array,
    y: rnnx.Array,
    lengths: rnnx.Array | None = LENGTHS,
    scratch: Scratch | None = None,
    seed: int | None = None,
) -> dict[str, rnnx.Array]:
    """h, the final states, the loss and all gradients of one forward and backward, as copies."""
    scratch, rng = scratch or Scratch(), None if seed is None else np.random.default_rng(seed)
    states = made.initial_state(x.shape[-1], params.flat.dtype)
    h, finals, caches = made.forward(params, x, states, lengths, scratch, rng)
    found = {"h": h.copy()}
    found |= {f"{k}/{i}": a.copy() for k, s in enumerate(finals) for i, a in enumerate(s)}
    loss, _, cache = made.loss(params, h, y, lengths, scratch)
    dhead, dh = made.loss_gradient(params, cache, h, scratch)
    grads = {**made.backward(params, caches, dh, scratch), "head": dhead}
    found |= {f"{part}.{k}": d.copy() for part, arrays in grads.items() for k, d in arrays.items()}
    return found | {"loss": np.array(loss)}


@pytest.mark.parametrize("lengths", [LENGTHS, np.full(B, T), None], ids=["ragged", "full", "none"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: type(c).__name__)
def test_both_ways_are_two_cells_beside_each_other(cell: Any, lengths: Any) -> None:
    made = network(cell, BOTH, layers=2)
    params, (x, _) = drawn(made), tagged()
    states = made.initial_state(B, np.float64)
    h, finals, _ = made.forward(params, x, states, lengths, Scratch())
    ends = np.full(B, T) if lengths is None else lengths
    below = by_hand(cell, params["layer0"], x, ends)
    np.testing.assert_allclose(h, by_hand(cell, params["layer1"], below, ends), atol=1e-12)
    for k, array in enumerate(finals[0]):  # a pass from the end ends at a column's first step
        assert array.shape == states[0][k].shape
    half = len(finals[0]) // 2
    np.testing.assert_allclose(finals[0][half], below[0, below.shape[1] // 2 :], atol=1e-12)


@pytest.mark.parametrize("cell", [LSTM(4), MatrixMemory(3)])
def test_backward_is_the_cell_on_turned_columns(cell: Any) -> None:
    made = network(cell, BACKWARD)
    params, (x, _) = drawn(made), tagged()
    states = made.initial_state(B, np.float64)
    h, (final,), _ = made.forward(params, x, states, LENGTHS, Scratch())
    given = params["layer0"], turned(x, LENGTHS), states[0], LENGTHS, Scratch()
    expected, last, _ = cell.forward(*given)
    np.testing.assert_array_equal(h, turned(expected, LENGTHS))
    for one, other in zip(final, last, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("cell", "direction", "initial"),
    [
        (LSTM(2), BOTH, InitialState.zero),
        (Vanilla(2), BACKWARD, InitialState.zero),
        (GRU(2), BOTH, InitialState.learned),
        (MatrixMemory(2), BOTH, InitialState.learned),
        (LSTM(2), BACKWARD, InitialState.learned),
        (LSTM(2), Direction.forward, InitialState.learned),
    ],
)
def test_gradients_of_ragged_stacks(cell: Any, direction: Direction, initial: InitialState) -> None:
    made = network(cell, direction, layers=2, initial=initial, dropout=0.3)
    params, (x, y) = drawn(made), tagged()

    def loss() -> float:
        return float(passes(made, params, x, y, seed=5)["loss"])

    found = passes(made, params, x, y, seed=5)
    points = dict(params.leaves())
    check_slopes(loss, points, {name: found[name] for name in points})


BLOCKS = [Residual(), HawkBlock(expansion=1), MinGRUBlock(expansion=1)]


@pytest.mark.parametrize("block", BLOCKS, ids=repr)
def test_blocks_stand_around_both_ways(block: Any) -> None:
    made = network(GRU(2), BOTH, layers=2, block=block, weight_dropout=0.25, initial=LEARNED)
    params, (x, y) = drawn(made), tagged()

    def loss() -> float:
        return float(passes(made, params, x, y, seed=5)["loss"])

    found = passes(made, params, x, y, seed=5)
    points = dict(params.leaves())
    check_slopes(loss, points, {name: found[name] for name in points})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"direction": BOTH, "zoneout": 0.1},
            "zoneout=0.1: does not go with direction=both; choose direction=forward, or zoneout=0",
        ),
        (
            {"initial": LEARNED, "zoneout_memory": 0.5},
            "zoneout_memory=0.5: does not go with initial_state=learned; choose "
            "initial_state=zero, or zoneout_memory=0",
        ),
        (
            {"direction": BOTH, "initial": LEARNED, "zoneout": 0.1},
            "direction=both and initial_state=learned; choose direction=forward and "
            "initial_state=zero, or",
        ),
    ],
)
def test_zoneout_is_refused_by_the_key_that_is_at_fault(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        Network(LSTM(4), Softmax(), SYMBOLS, **more)


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
@pytest.mark.parametrize("cell", [Vanilla(4), LSTM(4), GRU(4)], ids=lambda c: type(c).__name__)
def test_other_padding_gives_the_same_bits(cell: Any, compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    made = network(cell, BOTH, layers=2).on(Execution(compiled, 1))
    params, scratch = drawn(made, dtype=np.float32), Scratch()
    expected = passes(made, params, *tagged())
    for filler in (0, SYMBOLS - 1):
        found = passes(made, params, *tagged(filler=filler), scratch=scratch)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, name)


def test_more_padding_changes_no_h_and_no_gradient() -> None:
    made = network(LSTM(4), BOTH, layers=2)
    params, (x, y) = drawn(made), tagged()
    more = np.full((3, B), 2)
    longer = passes(made, params, np.concatenate([x, more]), np.concatenate([y, more]))
    for name, array in passes(made, params, x, y).items():
        found = longer[name][:T] if name == "h" else longer[name]
        np.testing.assert_allclose(found, array, rtol=1e-12, atol=1e-14, err_msg=name)


def test_an_empty_column_stays_what_it_is() -> None:
    made, lengths = network(LSTM(4), BOTH), np.array([5, 0, 3, 1, 0])
    params, (x, y) = drawn(made), tagged()
    found = passes(made, params, x, y, lengths)
    assert not found["h"][:, :, [1, 4]].any()
    assert not any(found[f"0/{k}"][:, [1, 4]].any() for k in range(4))


@pytest.mark.parametrize("lengths", [None, np.sort(LENGTHS)[::-1] * 3], ids=["none", "ragged"])
@pytest.mark.parametrize("cell", [LSTM(33), GRU(33), Vanilla(33)], ids=lambda c: type(c).__name__)
def test_one_thread_and_two_give_the_same_bits(cell: Any, lengths: Any) -> None:
    pytest.importorskip("numba")
    rng, found = np.random.default_rng(2), []
    x, y = rng.integers(0, SYMBOLS, (2, 15, B))
    alone, two = network(cell, BOTH, 2).on(Execution(True, 1)), None
    params = drawn(alone, dtype=np.float32)
    for threads in (1, 2):
        two = alone.on(Execution(True, threads))
        with BlasThreads(threads):
            scratch = Scratch()
            passes(two, params, x, y, lengths, scratch)  # used buffers change nothing
            found.append(passes(two, params, x, y, lengths, scratch))
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, name)
    expected = passes(network(cell, BOTH, 2), params, x, y, lengths)
    for name, array in found[0].items():
        np.testing.assert_allclose(array, expected[name], rtol=2e-3, atol=2e-5, err_msg=name)


def test_the_passes_of_compiled_code_run_in_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    made = network(LSTM(8), BOTH).on(Execution(True, 2))
    params, (x, y), seen = drawn(made, dtype=np.float32), tagged(), set()
    compiled = made.layer_cell.cell._forward  # type: ignore[attr-defined]

    def watched(*given: Any) -> Any:
        seen.add(threading.get_ident())
        return compiled(*given)

    monkeypatch.setattr(made.layer_cell.cell, "_forward", watched)  # type: ignore[attr-defined]
    passes(made, params, x, y)
    assert len(seen) == 2


def test_what_the_other_thread_raises_comes_back() -> None:
    def wrong() -> None:
        raise ValueError("there")

    with pytest.raises(ValueError, match="there"):
        side_by_side(lambda: 1, wrong)
    assert side_by_side(lambda: 1, lambda: 2) == (1, 2)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        side_by_side(lambda: 1, lambda: np.float32(1e38) * np.float32(1e38))


@pytest.mark.parametrize("execution", [NUMPY, Execution(True, 1), Execution(True, 2)])
def test_gradients_are_written_where_they_are_needed(execution: Execution) -> None:
    if execution.compiled:
        pytest.importorskip("numba")
    made, scratch = network(LSTM(4), BOTH, 2).on(execution), Scratch()
    params, (x, y) = drawn(made, dtype=np.float32), tagged()
    grads = params.zeros_like()
    scratch.bind_gradients(grads)
    for _ in range(2):
        h, _, caches = made.forward(params, x, made.initial_state(B, np.float32), LENGTHS, scratch)
        _, dh = made.loss_gradient(params, made.loss(params, h, y, LENGTHS, scratch)[2], h, scratch)
        found = made.backward(params, caches, dh, scratch)
        for part, arrays in found.items():
            for name, array in arrays.items():
                assert np.shares_memory(array, grads[part][name]), (part, name)


@pytest.mark.parametrize("direction", [BOTH, BACKWARD])
@pytest.mark.parametrize("initial", InitialState)
def test_no_text_is_written_from_its_end(direction: Direction, initial: InitialState) -> None:
    made = network(LSTM(4), direction, initial=initial)
    params = drawn(made)
    refusal = rf"direction={direction.value}: a text is written from its beginning.*forward"
    with pytest.raises(ConfigError, match=refusal):
        stream(made, params, Scratch())
    with pytest.raises(ConfigError, match=refusal):
        generate(made, params, Categorical(), np.random.default_rng(0), 3, 10)


@pytest.mark.parametrize("direction", ["both", "backward"])
def test_the_next_symbol_is_refused_before_anything_is_made(
    direction: str, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Network, "init", lambda *_: pytest.fail("allocated"))
    with pytest.raises(ConfigError, match=rf"direction={direction}: the target is the next symbol"):
        rnnx.build(tiny(names, f"direction={direction}"))


def test_the_memory_of_both_ways_is_estimated() -> None:
    made = network(LSTM(600, weights=CellWeights(recurrent="zeros")), BOTH, layers=3)
    size = parameter_bytes(made, np.float32)
    assert size == pytest.approx(made.init(np.random.default_rng(0), np.float32).flat.nbytes)
    assert made.width == 1200


def test_gates_of_both_ways_are_in_the_order_of_the_sequence() -> None:
    made = network(LSTM(4), BOTH)
    params, (x, _) = drawn(made), tagged()
    states, cell = made.initial_state(B, np.float64), made.layer_cell
    _, _, cache = cell.forward(params["layer0"], x, states[0], LENGTHS, Scratch())
    gates = cell.gates(cache)
    assert list(gates) == [f"{way}.{g}" for way in ("forward", "backward") for g in "ifo"]
    own = part_of(params["layer0"], "backward")
    given = own, turned(x, LENGTHS), states[0][2:], LENGTHS, Scratch()
    expected = LSTM(4).gates(LSTM(4).forward(*given)[2])
    for g in "ifo":
        np.testing.assert_array_equal(gates[f"backward.{g}"], turned(expected[g], LENGTHS))
