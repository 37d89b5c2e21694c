"""The built-in blocks, and the kit that checks them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mutants import assert_all_caught, mutant
from scipy.special import erf

from rnnx.arrays import Array
from rnnx.contracts import Place
from rnnx.contracts.buffers import Scratch
from rnnx.errors import ConfigError
from rnnx.testing import BlockSuite, blocks
from rnnx_builtin.blocks.convolution import Convolution
from rnnx_builtin.blocks.feedforward import FeedForward
from rnnx_builtin.blocks.hawk import HawkBlock
from rnnx_builtin.blocks.mingru import MinGRUBlock
from rnnx_builtin.blocks.none import NoBlock
from rnnx_builtin.blocks.prenorm import PreNorm
from rnnx_builtin.blocks.residual import Residual
from rnnx_builtin.blocks.taped import Curve, Norm
from rnnx_builtin.blocks.xlstm import Projection, XLSTMBlock


class TestNone(BlockSuite):
    component = NoBlock()


class TestResidual(BlockSuite):
    component = Residual(width=3)


class TestPreNorm(BlockSuite):
    component = PreNorm(width=5, norm=Norm.layer)


class TestFeedForward(BlockSuite):
    component = FeedForward(activation=Curve.silu)


class TestConvolution(BlockSuite):
    components = (Convolution(width=3, kernel=2), Convolution(kernel=1))


class TestMinGRU(BlockSuite):
    components = (MinGRUBlock(width=3, expansion=2.0), MinGRUBlock(kernel=0))


class TestXLSTM(BlockSuite):
    components = (XLSTMBlock(heads=2), XLSTMBlock(Projection.pre, width=3, heads=1))


class TestHawk(BlockSuite):
    component = HawkBlock(width=3, kernel=8)


def test_the_kit_catches_each_fault() -> None:
    right, plain = Convolution(width=3, kernel=3), NoBlock()

    def forward(change: Callable[..., Any]) -> Any:
        def changed(inner: Any, params: Any, x: Any, state: Any, *rest: Any) -> Any:
            return change(*inner(params, x, state, *rest))

        return mutant(right, forward=changed)

    def backward(change: Callable[..., Any]) -> Any:
        def changed(inner: Any, params: Any, cache: Any, dy: Any, *rest: Any) -> Any:
            return change(*inner(params, cache, dy, *rest))

        return mutant(right, backward=changed)

    def gradient(name: str, factor: float) -> Any:
        return backward(
            lambda d, dx: ({k: factor * v if k == name else v for k, v in d.items()}, dx)
        )

    def no_lengths(inner: Any, params: Any, x: Any, state: Any, lengths: Any, *rest: Any) -> Any:
        return inner(params, x, state, None, *rest)

    def forgets(inner: Any, params: Any, x: Any, state: Any, *rest: Any) -> Any:
        return inner(params, x, tuple(0 * s for s in state), *rest)

    def damages(inner: Any, params: Any, x: Any, *rest: Any) -> Any:
        result = inner(params, x, *rest)
        x *= 0.5
        return result

    def twice(inner: Any, params: Any, x: Any, state: Any, lengths: Any, cell: Any, s: Any) -> Any:
        cell(x)
        return inner(params, x, state, lengths, cell, s)

    def past_the_cell(inner: Any, params: Any, cache: Any, dy: Any, cell: Any, s: Any) -> Any:
        return inner(params, cache, dy, lambda dh: 0 * cell(dh), s)

    def reads_scratch(inner: Any, params: Any, x: Any, state: Any, *rest: Any) -> Any:
        y, *others = inner(params, x, state, *rest)
        mark = rest[-1].array("mark", (1,), np.float64)
        known, mark[0] = mark[0] == 3.25, 3.25
        return y + float(known), *others

    def hands_out_scratch(inner: Any, params: Any, x: Any, state: Any, *rest: Any) -> Any:
        y, (final,), cache = inner(params, x, state, *rest)
        kept = rest[-1].array("final", final.shape, final.dtype)
        kept[...] = final
        return y, (kept,), cache

    def mixes_columns(y: Any, state: Any, cache: Any) -> Any:
        return y + y[..., :1], state, cache

    def hides_ids(inner: Any, params: Any, x: Any, *rest: Any) -> Any:
        return inner(params, np.maximum(x, 0) if x.ndim == 2 else x, *rest)

    def halves(inner: Any, *given: Any) -> Any:
        y, *others = inner(*given)
        return 0.5 * y, *others

    def halves_back(inner: Any, *given: Any) -> Any:
        dparams, dx = inner(*given)
        return dparams, 0.5 * dx

    def own_draws(inner: Any, rng: Any, *rest: Any) -> Any:
        return inner(np.random.default_rng(0), *rest)

    def wide(y: Any, state: Any, cache: Any) -> Any:
        return y.astype(np.float64), state, cache

    assert_all_caught(
        blocks,
        {
            "check_gradients": [
                gradient("K", -1.0),
                gradient("g", 1.01),
                gradient("gy", 0.0),
                backward(lambda d, dx: (d, 1.01 * dx)),
                backward(lambda d, dx: ({k: v for k, v in d.items() if k != "bK"}, dx)),
                mutant(right, backward=past_the_cell),
                mutant(right, forward=twice),
                forward(lambda y, state, cache: (y[:, :2], state, cache)),
            ],
            "check_gradients_of_lengths": [mutant(right, backward=past_the_cell)],
            "check_ids": [mutant(plain, forward=hides_ids)],
            "check_bare": [mutant(plain, forward=halves), mutant(plain, backward=halves_back)],
            "check_step_by_step": [mutant(right, forward=forgets)],
            "check_state": [
                mutant(right, forward=forgets),
                mutant(right, forward=hands_out_scratch),
                mutant(right, initial_state=lambda inner, *a: tuple(s + 1 for s in inner(*a))),
                forward(lambda y, state, cache: (y, (), cache)),
            ],
            "check_padding": [mutant(right, forward=no_lengths)],
            "check_columns_are_independent": [forward(mixes_columns)],
            "check_dtypes": [forward(wide)],
            "check_inputs_unchanged": [mutant(right, forward=damages)],
            "check_scratch": [mutant(right, forward=reads_scratch)],
            "check_init": [mutant(right, init=own_draws)],
        },
    )


def test_a_published_width_is_refused_in_one_line() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"block.heads=4: must divide cell.hidden_size=6"):
        XLSTMBlock().init(rng, 6, 6, Place(0, 1), np.float32)
    with pytest.raises(ConfigError, match=r"block.width=4: must be cell.hidden_size=8"):
        XLSTMBlock(width=4).init(rng, 4, 8, Place(0, 1), np.float32)
    for wrong in ({"width": -1}, {"kernel": 0}, {"expansion": 0.0}, {"expansion": float("nan")}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))}="):
            HawkBlock(**wrong)


def values(block: Any, n_a: int = 4, T: int = 5) -> tuple[Any, ...]:
    """A block with random parameters in the last layer, its input, and h = tanh of its input."""
    rng, d = np.random.default_rng(0), block.features(n_a)
    params = block.init(rng, d, n_a, Place(1, 2), np.float64)
    params = {name: array + 0.2 * rng.normal(size=array.shape) for name, array in params.items()}
    x = rng.normal(size=(T, d, 2))
    mix = rng.normal(size=(n_a, block.cell_inputs(d, n_a)))
    zero = block.initial_state(n_a, 2, np.float64)

    def cell(v: Array) -> Array:
        return np.tanh(mix @ v)

    y, _, _ = block.forward(params, x, zero, None, cell, Scratch())
    return params, x, cell, y


def rms(v: Array, gain: Array) -> Array:
    return gain * v / np.sqrt((v**2).mean(axis=1, keepdims=True) + 1e-6)


def layer(v: Array, gain: Array, groups: int = 1) -> Array:
    parts = np.split(v, groups, axis=1)
    each = [(p - p.mean(1, keepdims=True)) / np.sqrt(p.var(1, keepdims=True) + 1e-6) for p in parts]
    return gain * np.concatenate(each, axis=1)


def conv(v: Array, w: Array, b: Array) -> Array:
    K = w.shape[1]
    padded = np.concatenate([np.zeros((K - 1, *v.shape[1:])), v])
    steps = [sum(w[:, [k]] * padded[t + k] for k in range(K)) + b for t in range(len(v))]
    return np.stack(steps)


def erf_gelu(v: Array) -> Array:
    return v * 0.5 * (1 + erf(v / np.sqrt(2)))


def tanh_gelu(v: Array) -> Array:
    return 0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)))


def silu(v: Array) -> Array:
    return v / (1 + np.exp(-v))


def test_mingru_s_block_is_its_formula() -> None:
    p, x, cell, y = values(MinGRUBlock(width=3))
    x = x + p["Wc"] @ conv(x, p["K"], p["bK"]) + p["bc"]
    x = x + p["Wo"] @ cell(rms(x, p["g"])) + p["bo"]
    x = x + p["W2"] @ erf_gelu(p["W1"] @ rms(x, p["g2"]) + p["b1"]) + p["b2"]
    np.testing.assert_allclose(y, rms(x, p["gy"]), rtol=1e-12, atol=1e-12)


def test_hawk_s_block_is_its_formula() -> None:
    p, x, cell, y = values(HawkBlock(width=3))
    v = rms(x, p["g"])
    h = cell(conv(p["Wx"] @ v + p["bx"], p["K"], p["bK"]))
    x = x + p["Wo"] @ (h * tanh_gelu(p["Wy"] @ v + p["by"])) + p["bo"]
    w = rms(x, p["g2"])
    x = x + p["Wd"] @ (tanh_gelu(p["Wg"] @ w + p["bg"]) * (p["Wu"] @ w + p["bu"])) + p["bd"]
    np.testing.assert_allclose(y, rms(x, p["gy"]), rtol=1e-12, atol=1e-12)


def test_xlstm_s_blocks_are_their_formulas() -> None:
    p, x, cell, y = values(XLSTMBlock(heads=2))
    v = layer(x, p["g"])
    h = cell(np.concatenate([silu(conv(v, p["K"], p["bK"])), v], axis=1))
    x = x + layer(h, p["gh"], groups=2)
    w = layer(x, p["g2"])
    x = x + p["Wd"] @ (erf_gelu(p["Wg"] @ w) * (p["Wu"] @ w))
    np.testing.assert_allclose(y, layer(x, p["gy"]), rtol=1e-12, atol=1e-12)

    p, x, cell, y = values(XLSTMBlock(Projection.pre, heads=2))
    v = layer(x, p["g"])
    a, z = p["Wa"] @ v, p["Wz"] @ v
    c = silu(conv(a, p["K"], p["bK"]))
    h = layer(cell(np.concatenate([c, a], axis=1)), p["gh"], groups=2)
    x = x + p["Wo"] @ ((h + p["s"] * c) * silu(z))
    np.testing.assert_allclose(y, layer(x, p["gy"]), rtol=1e-12, atol=1e-12)
