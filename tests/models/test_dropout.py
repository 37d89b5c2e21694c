"""Which outputs a training step leaves out."""

import numpy as np
import pytest

from rnnx.contracts.buffers import Scratch
from rnnx.models.dropout import dropout_mask, hide
from rnnx.models.network import Network
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.heads.softmax import Softmax

SHAPE = (20, 50, 40)


def mask_of(fraction: float, h: np.ndarray, seed: int = 0) -> np.ndarray:
    return dropout_mask(fraction, h, np.random.default_rng(seed), Scratch()).copy()


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 1 / 3, 0.999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fraction_that_is_left_out(fraction: float, dtype: type[np.floating]) -> None:
    mask = mask_of(fraction, np.empty(SHAPE, dtype))
    assert mask.shape == SHAPE and mask.dtype == dtype
    left = mask > 0
    np.testing.assert_array_equal(mask[left], dtype(1 / (1 - fraction)))
    of_chance = np.sqrt(fraction * (1 - fraction) / mask.size)
    assert abs(1 - left.mean() - fraction) < 5 * of_chance + 2.0**-17


def test_units_steps_and_columns_are_independent() -> None:
    left = (mask_of(0.5, np.empty(SHAPE)) > 0) - 0.5
    for axis in range(3):
        ahead = np.moveaxis(left, axis, 0)
        assert abs((ahead[1:] * ahead[:-1]).mean() * 4) < 5 / np.sqrt(left.size)


def test_the_draw_does_not_ask_how_h_lies() -> None:
    """Kernels and NumPy lay a sequence differently, and drop the same."""
    T, n, B = SHAPE
    flat = np.empty((n, T * B + 16), np.float32)[:, : T * B].reshape(n, T, B).transpose(1, 0, 2)
    for fraction in (0.5, 0.3):
        here, there = mask_of(fraction, np.empty(SHAPE, np.float32)), mask_of(fraction, flat)
        np.testing.assert_array_equal(here, there)


def test_the_next_step_leaves_out_others() -> None:
    rng, h = np.random.default_rng(0), np.empty(SHAPE)
    first, second = (dropout_mask(0.5, h, rng, Scratch()) for _ in range(2))
    assert 0.4 < (first != second).mean() < 0.6


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_input_dropout_hides_symbols_from_training_alone(share: float) -> None:
    network = Network(Vanilla(6), Softmax(), 5, input_dropout=share)
    params = network.init(np.random.default_rng(0), np.float64)
    x = np.full((40, 100), 2)
    state = network.initial_state(100, np.float64)

    def hidden_states(rng: np.random.Generator | None, x: np.ndarray = x) -> np.ndarray:
        return network.forward(params, x, state, None, Scratch(), rng)[0].copy()

    seen = hide(share, x, np.random.default_rng(3))
    assert set(np.unique(seen)) == {-1, 2}
    assert abs((seen == -1).mean() - share) < 5 * np.sqrt(share * (1 - share) / x.size)
    assert (x == 2).all()
    found, expected = hidden_states(np.random.default_rng(3)), hidden_states(None, seen)
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(hidden_states(None), expected)
