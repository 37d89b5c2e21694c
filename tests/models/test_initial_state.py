"""A state before the first step that is learned: one for all columns that begin, and no others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matrix_memory import MatrixMemory
from tiny import tiny

import rnnx
from rnnx.config.settings import InitialState
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import Execution
from rnnx.errors import ConfigError
from rnnx.models.network import Network, States, restart
from rnnx.models.streaming import stream
from rnnx.registry.checks import CheckedCell
from rnnx.runs import checkpoint as checkpoints
from rnnx.testing.gradients import check_slopes
from rnnx.training import snapshot
from rnnx.training.progress import Progress
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.heads.softmax import Softmax

SYMBOLS, T, B = 4, 3, 4
LEARNED = "initial_state=learned"


def network(cell: Any, layers: int = 2) -> tuple[Network, Parameters]:
    """A network whose initial state is not zero any more."""
    made, rng = Network(cell, Softmax(), SYMBOLS, layers, initial=InitialState.learned), 0
    params = made.init(np.random.default_rng(rng), np.float64)
    params.flat += np.random.default_rng(1).normal(scale=0.3, size=params.size)
    return made, params


def ids(seed: int) -> rnnx.Array:
    return np.random.default_rng(seed).integers(0, SYMBOLS, (T, B))


def begun(made: Network, params: Parameters) -> States:
    """States that go on from a batch before, columns 1 and 2 of which begin anew."""
    zeros = made.initial_state(B, np.float64)
    _, states, _ = made.forward(params, ids(2), zeros, None, Scratch())
    return restart(states, zeros, np.array([1, 2]))


def test_zero_is_the_cell_alone_and_learned_begins_at_zero(names: Path) -> None:
    zero, learned = rnnx.build(tiny(names)), rnnx.build(tiny(names, LEARNED))
    assert type(zero.network.layer_cell) is CheckedCell
    for name, array in zero.params.leaves():
        np.testing.assert_array_equal(dict(learned.params.leaves())[name], array)
    more = dict(learned.params.leaves()).keys() - dict(zero.params.leaves()).keys()
    assert more == {"layer0.initial.0", "layer0.initial.1"}
    assert zero.step() == learned.step()
    assert all(learned.params["layer0"][f"initial.{k}"].any() for k in range(2))


@pytest.mark.parametrize("cell", [LSTM(3), MatrixMemory(2)], ids=["lstm", "matrix"])
def test_only_columns_that_begin_move_it(cell: Any) -> None:
    made, params = network(cell)
    x, y, states = ids(3), ids(4), begun(made, params)

    def loss() -> float:
        h, _, _ = made.forward(params, x, states, None, Scratch())
        return made.loss(params, h, y, None, Scratch())[0]

    h, _, caches = made.forward(params, x, states, None, Scratch())
    cache = made.loss(params, h, y, None, Scratch())[2]
    dhead, dh = made.loss_gradient(params, cache, h, Scratch())
    found = {**made.backward(params, caches, dh, Scratch()), "head": dhead}
    points = dict(params.leaves())
    check_slopes(
        loss,
        points,
        {name: found[name.partition(".")[0]][name.partition(".")[2]] for name in points},
    )
    assert found["layer0"]["initial.1"].any()
    none_begins = made.forward(params, ids(2), made.initial_state(B, np.float64), None, Scratch())[
        1
    ]
    h, _, caches = made.forward(params, x, none_begins, None, Scratch())
    grads = made.backward(params, caches, dh, Scratch())
    assert not any(grads["layer1"][f"initial.{k}"].any() for k in range(2))


def test_a_column_without_a_step_begins_later() -> None:
    made, params = network(LSTM(3))
    zeros, lengths = made.initial_state(B, np.float64), np.array([3, 0, 2, 3])
    _, states, _ = made.forward(params, ids(2), zeros, lengths, Scratch())
    assert states[0][2].tolist() == [1, 0, 1, 1]
    again, _, _ = made.forward(params, ids(3), states, None, Scratch())
    first, _, _ = made.forward(params, ids(3), zeros, None, Scratch())
    np.testing.assert_array_equal(again[..., 1], first[..., 1])


@pytest.mark.parametrize("cell", [LSTM(5), GRU(5), MatrixMemory(3)], ids=["lstm", "gru", "matrix"])
def test_text_is_written_from_the_learned_state(cell: Any) -> None:
    made, params = network(cell)
    x, states, steps = ids(5), made.initial_state(B, np.float64), []
    h, _, _ = made.forward(params, x, states, None, Scratch())
    step = stream(made, params, Scratch())
    for t in range(T):
        top, states = step(x[t], states)
        steps.append(top)
    np.testing.assert_allclose(np.stack(steps), h, rtol=1e-12)
    zero = Network(cell, Softmax(), SYMBOLS, 2)
    own = {k: {n: a for n, a in p.items() if "initial" not in n} for k, p in params.items()}
    other, _, _ = zero.forward(
        Parameters(own), x, zero.initial_state(B, np.float64), None, Scratch()
    )
    assert not np.allclose(other[0], h[0])


def test_compiled_code_computes_the_same() -> None:
    pytest.importorskip("numba")
    made, params = network(LSTM(8))
    states = tuple(tuple(a.astype(np.float32) for a in state) for state in begun(made, params))
    given = Parameters(params, np.float32), ids(3), states, np.array([3, 1, 2, 3]), Scratch()
    expected, finals, _ = made.forward(*given)
    h, found, _ = made.on(Execution(True, 1)).forward(*given[:-1], Scratch())
    np.testing.assert_allclose(h, expected, atol=1e-5)
    for state, other in zip(found, finals, strict=True):
        for one, two in zip(state, other, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize(
    "more", [["dataset=text", "dataset.length=5", "state_reset=0.4"], ["averaging=0.9"]]
)
def test_a_run_learns_keeps_and_resumes_it(
    more: Sequence[str], names: Path, tmp_path: Path
) -> None:
    probes = "probe=[distributions,saturation,gradient_by_lag,gradient_norms]"
    overrides = tiny(names, *more, LEARNED, "layers=2", "dropout=0.2", probes)
    whole, half = rnnx.build(overrides), rnnx.build(overrides)
    for _ in range(5):
        half.step()
    path = tmp_path / "half.safetensors"
    checkpoints.write(snapshot.take(half, Progress(), {"run_id": "a", "tags": {}}), path)
    again = rnnx.build(overrides)
    snapshot.restore(again, checkpoints.read(path))
    losses = [whole.step() for _ in range(9)]
    assert [again.step() for _ in range(4)] == losses[5:]
    np.testing.assert_array_equal(again.params.flat, whole.params.flat)
    for one, two in zip(again.states, whole.states, strict=True):
        for array, other in zip(one, two, strict=True):
            np.testing.assert_array_equal(array, other)
    run = rnnx.train(overrides)
    assert all(run.model.params[f"layer{k}"]["initial.0"].any() for k in range(2))
    assert run.model.evaluate().loss == pytest.approx(run.metrics["best/val_loss"])
    seen = {key.split("/")[0] for key in run.metrics}
    assert {"activations.layer1", "gates.layer0.f", "saturation", "gradient_by_lag"} <= seen
    assert run.model.sample(2, seed=1) == run.model.sample(2, seed=1)


def test_another_word_is_one_line(names: Path) -> None:
    with pytest.raises(ConfigError, match=r"initial_state.*zero.*learned"):
        rnnx.build(tiny(names, "initial_state=one"))
