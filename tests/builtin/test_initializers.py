"""The built-in initializers against their definitions, and the kit that checks them."""

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.config.initialization import fill
from rnnx.errors import ConfigError
from rnnx.testing import InitializerSuite, initializers
from rnnx_builtin.initializers.glorot import Glorot
from rnnx_builtin.initializers.identity import Identity
from rnnx_builtin.initializers.normal import Normal
from rnnx_builtin.initializers.orthogonal import Orthogonal
from rnnx_builtin.initializers.uniform import Uniform
from rnnx_builtin.initializers.zeros import Zeros


class TestAll(InitializerSuite):
    components = (Glorot(), Orthogonal(), Normal(), Uniform(), Identity(), Zeros())


def drawn(initializer: object, n_out: int = 200, n_in: int = 300) -> np.ndarray:
    return initializer.fill(np.random.default_rng(0), n_out, n_in, np.float64)


def test_glorot_is_uniform_with_its_variance() -> None:
    W = drawn(Glorot())
    assert np.abs(W).max() <= np.sqrt(6 / 500)
    assert W.var() == pytest.approx(2 / 500, rel=0.02)


@pytest.mark.parametrize("shape", [(30, 30), (50, 20), (20, 50)])
def test_orthogonal_is_so_on_its_short_side(shape: tuple[int, int]) -> None:
    W = drawn(Orthogonal(gain=2.0), *shape)
    short = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(short, 4 * np.eye(min(shape)), atol=1e-12)


def test_normal_and_uniform_have_their_scale() -> None:
    assert drawn(Normal(scale=0.5)).std() == pytest.approx(0.5, rel=0.02)
    W = drawn(Uniform(scale=0.5))
    assert 0.499 < np.abs(W).max() <= 0.5
    assert W.var() == pytest.approx(0.25 / 3, rel=0.02)


def test_identity_and_zeros() -> None:
    np.testing.assert_array_equal(drawn(Identity(gain=3.0), 2, 3), [[3, 0, 0], [0, 3, 0]])
    assert not drawn(Zeros()).any()


def test_blocks_are_filled_one_by_one() -> None:
    W = fill("identity", np.random.default_rng(0), (3, 3), np.float32, blocks=4)
    np.testing.assert_array_equal(W, np.tile(np.eye(3), (4, 1)))
    assert W.dtype == np.float32


def test_the_kit_catches_each_fault() -> None:
    shared = np.zeros((9, 9))

    def own_draw(right, rng, n_out, n_in, dtype):
        return rng.standard_normal((n_out, n_in), dtype=np.dtype(dtype))

    assert_all_caught(
        initializers,
        {
            "check_shape_and_dtype": [
                mutant(Normal(), fill=lambda right, rng, o, i, d: right(rng, i, o, d)),
                mutant(Normal(), fill=lambda right, rng, o, i, d: right(rng, o, i, np.float64)),
                mutant(Normal(), fill=lambda right, rng, o, i, d: right(rng, o, i, d) * np.inf),
            ],
            "check_determinism": [
                mutant(Normal(), fill=lambda right, rng, o, i, d: np.random.randn(o, i)),
                mutant(Zeros(), fill=lambda right, rng, o, i, d: shared[:o, :i]),
            ],
            "check_float32_is_rounded": [mutant(Normal(), fill=own_draw)],
        },
    )


@pytest.mark.parametrize("cls", [Normal, Uniform, Orthogonal, Identity])
def test_a_scale_is_above_zero(cls: type) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        cls(0.0)
