"""A layer: the block around its cell, and what a training step leaves out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from elman import Elman

from rnnx.config.settings import Direction, DropoutKind
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import Execution
from rnnx.errors import ConfigError, PluginError
from rnnx.models.network import Network
from rnnx.models.streaming import stream
from rnnx.testing.gradients import check_slopes
from rnnx_builtin.blocks.hawk import HawkBlock
from rnnx_builtin.blocks.mingru import MinGRUBlock
from rnnx_builtin.blocks.none import NoBlock
from rnnx_builtin.blocks.prenorm import PreNorm
from rnnx_builtin.blocks.taped import Norm
from rnnx_builtin.blocks.xlstm import XLSTMBlock
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.heads.softmax import Softmax

T, B, N_A, N_Y = 7, 3, 4, 5
LENGTHS = np.array([T, 2, 4])
STACKS: dict[str, dict[str, Any]] = {
    "hawk": {"block": HawkBlock(width=3)},
    "mingru": {"block": MinGRUBlock(expansion=1.0), "cell": GRU(N_A)},
    "xlstm": {"block": XLSTMBlock(heads=2)},
    "prenorm": {"block": PreNorm(width=6, norm=Norm.layer), "cell": Vanilla(N_A)},
    "variational": {"dropout": 0.5, "dropout_kind": DropoutKind.variational},
    "weights": {"weight_dropout": 0.4, "cell": GRU(N_A)},
    "zoneout": {"zoneout": 0.3, "zoneout_memory": 0.5},
    "all": {
        "block": HawkBlock(),
        "dropout": 0.4,
        "dropout_kind": DropoutKind.variational,
        "weight_dropout": 0.4,
        "zoneout": 0.3,
        "zoneout_memory": 0.5,
    },
}


def network(cell: Any = None, **chosen: Any) -> Network:
    return Network(cell or LSTM(N_A), Softmax(), N_Y, layers=2, **chosen)


def drawn(net: Network, seed: int = 0) -> tuple[Parameters, np.ndarray, np.ndarray, Any]:
    """Parameters, ids, targets and states, all random."""
    rng = np.random.default_rng(seed)
    params = net.init(rng, np.float64)
    params.flat += 0.1 * rng.normal(size=params.size)
    zero = net.initial_state(B, np.float64)
    states = tuple(tuple(0.3 * rng.normal(size=a.shape) for a in state) for state in zero)
    return params, rng.integers(-1, N_Y, (T, B)), rng.integers(0, N_Y, (T, B)), states


@pytest.mark.parametrize("name", STACKS)
def test_gradients_of_a_ragged_stack_equal_central_differences(name: str) -> None:
    net = network(**STACKS[name])
    params, x, y, states = drawn(net)

    def loss() -> float:
        rng = np.random.default_rng(3)  # the same masks
        h, _, _ = net.forward(params, x, states, LENGTHS, Scratch(), rng)
        return net.loss(params, h, y, LENGTHS, Scratch())[0]

    scratch, rng = Scratch(), np.random.default_rng(3)
    h, _, caches = net.forward(params, x, states, LENGTHS, scratch, rng)
    _, _, cache = net.loss(params, h, y, LENGTHS, scratch)
    dhead, dh = net.loss_gradient(params, cache, h, scratch)
    grads = {**net.backward(params, caches, dh, scratch), "head": dhead}
    assert grads.keys() == params.keys()
    flat = {f"{part}.{key}": array for part, own in grads.items() for key, array in own.items()}
    check_slopes(loss, dict(params.leaves()), flat)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_block_takes_floats_and_a_cell_of_any_direction(direction: Direction) -> None:
    net = network(block=MinGRUBlock(width=3), n_features=2, direction=direction)
    params, _, y, states = drawn(net)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(T, N_Y + 2, B))
    for b, length in enumerate(LENGTHS):
        x[length:, :, b] = np.nan

    def loss() -> float:
        h, _, _ = net.forward(params, x, states, LENGTHS, Scratch())
        return net.loss(params, h, y, LENGTHS, Scratch())[0]

    scratch = Scratch()
    h, _, caches = net.forward(params, x, states, LENGTHS, scratch)
    assert h.shape == (T, 3, B)
    _, _, cache = net.loss(params, h, y, LENGTHS, scratch)
    _, dh = net.loss_gradient(params, cache, h, scratch)
    grads = net.backward(params, caches, dh, scratch)
    parts = ("entry", "layer0", "block1")
    points = {f"{part}.{name}": a for part in parts for name, a in params[part].items()}
    given = {f"{part}.{name}": a for part in parts for name, a in grads[part].items()}
    check_slopes(loss, points, given)


def windows(net: Network, params: Parameters, x: np.ndarray, states: Any) -> Iterator[np.ndarray]:
    for cut in (slice(0, 1), slice(1, 3), slice(3, T)):
        h, states, _ = net.forward(params, x[cut], states, None, Scratch())
        yield h.copy()


@pytest.mark.parametrize("name", STACKS)
def test_windows_and_single_steps_equal_one_sequence(name: str) -> None:
    net = network(**STACKS[name])
    params, x, _, states = drawn(net, seed=1)
    whole, finals, _ = net.forward(params, x, states, None, Scratch())
    np.testing.assert_allclose(
        np.concatenate([*windows(net, params, x, states)]), whole, atol=1e-12
    )
    step = stream(net, params, Scratch())
    for t in range(T):
        y, states = step(x[t], states)
        np.testing.assert_allclose(y, whole[t], atol=1e-12)
    for found, expected in zip(states, finals, strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("name", STACKS)
def test_padding_changes_nothing(name: str) -> None:
    net = network(**STACKS[name])
    params, x, _, states = drawn(net, seed=2)
    h, finals, _ = net.forward(params, x, states, LENGTHS, Scratch())
    for b, length in enumerate(LENGTHS):
        own = tuple(tuple(a[:, b : b + 1] for a in state) for state in states)
        alone, ends, _ = net.forward(params, x[:length, b : b + 1], own, None, Scratch())
        np.testing.assert_allclose(h[:length, :, b], alone[:, :, 0], atol=1e-12)
        for found, expected in zip(finals, ends, strict=True):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one[:, b], other[:, 0], atol=1e-12)


def test_the_block_none_is_the_bare_cell_to_the_last_bit() -> None:
    bare, none = network(dropout=0.5), network(dropout=0.5, block=NoBlock())
    params, x, y, states = drawn(bare)
    results = []
    for net in (bare, none):
        scratch, rng = Scratch(), np.random.default_rng(4)
        h, _, caches = net.forward(params, x, states, LENGTHS, scratch, rng)
        _, _, cache = net.loss(params, h, y, LENGTHS, scratch)
        _, dh = net.loss_gradient(params, cache, h, scratch)
        grads = net.backward(params, caches, dh, scratch)
        results.append([h.copy(), *(a.copy() for part in grads.values() for a in part.values())])
    for one, other in zip(*results, strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_cell_in_a_block_computes_by_its_compiled_form() -> None:
    pytest.importorskip("numba")
    net = network(LSTM(16), block=HawkBlock())
    params, x, _, _ = drawn(net)
    states = net.initial_state(B, np.float64)
    plain, _, _ = net.forward(params, x, states, LENGTHS, Scratch())
    compiled = net.on(Execution(True, 1))
    fast, _, caches = compiled.forward(params, x, states, LENGTHS, Scratch())
    np.testing.assert_allclose(fast, plain, atol=1e-12)
    assert type(caches[0].cell).__module__ != LSTM.__module__


def test_variational_dropout_drops_the_same_units_at_all_steps() -> None:
    net = network(dropout=0.5, dropout_kind=DropoutKind.variational)
    params, x, _, states = drawn(net)
    h, _, caches = net.forward(params, x, states, None, Scratch(), np.random.default_rng(0))
    mask = caches[-1].mask
    assert mask is not None and mask.shape == (1, N_A, B) and set(np.unique(mask)) == {0.0, 2.0}
    assert ((h != 0) == (mask != 0)).all()


def test_weight_dropout_drops_entries_of_the_recurrent_weights_alone() -> None:
    net = network(weight_dropout=0.5)
    params, x, _, states = drawn(net)
    before = params.flat.copy()
    _, _, caches = net.forward(params, x, states, None, Scratch(), np.random.default_rng(0))
    (mask,) = (caches[0].weights or {}).values()
    assert mask.shape == params["layer0"]["Wh"].shape and set(np.unique(mask)) == {0.0, 2.0}
    assert np.array_equal(params.flat, before)
    dropped = params.copy()
    for k, cache in enumerate(caches):
        dropped[f"layer{k}"]["Wh"] *= (cache.weights or {})["Wh"]
    found, _, _ = net.forward(params, x, states, None, Scratch(), np.random.default_rng(0))
    expected, _, _ = net.forward(dropped, x, states, None, Scratch())
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_zoneout_is_its_formula_and_evaluates_its_expectation() -> None:
    net = Network(LSTM(N_A), Softmax(), N_Y, zoneout=0.3, zoneout_memory=0.5)
    bare = Network(LSTM(N_A), Softmax(), N_Y)
    params, x, _, states = drawn(net)
    h, _, _ = net.forward(params, x, states, None, Scratch())
    before = states[0]
    for t in range(T):
        _, (new,), _ = bare.forward(params, x[t : t + 1], (before,), None, Scratch())
        shares = zip((0.3, 0.5), before, new, strict=True)
        before = tuple(z * old + (1 - z) * now for z, old, now in shares)
        np.testing.assert_allclose(h[t], before[0], atol=1e-12)
    rng, first, kept = np.random.default_rng(0), states[0][0], []
    for _ in range(100):
        trained, _, _ = net.forward(params, x[:1], states, None, Scratch(), rng)
        kept.append(trained[0] == first)
    assert abs(np.mean(kept) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / (100 * N_A * B))


def test_what_a_cell_does_not_serve_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"zoneout_memory=0.5: .*zoneout alone is for any cell"):
        network(GRU(N_A), zoneout_memory=0.5)

    with pytest.raises(ConfigError, match=r'recurrent_weights = \("Wh",\)'):
        network(Elman(N_A), weight_dropout=0.5)


def test_a_block_that_breaks_its_contract_is_named() -> None:
    class Short(PreNorm):
        def run(self, tape: Any, x: Any, state: Any, cell: Any) -> Any:
            y, final = super().run(tape, x, state, cell)
            y.value = y.value[:, :2]
            return y, final

    net = network(block=Short())
    params, x, _, states = drawn(net)
    with pytest.raises(PluginError, match=r"Short.*forward: y is \(7, 2, 3\)"):
        net.forward(params, x, states, None, Scratch())
