"""What lies beyond a column's length never counts: each helper beside a loop over the columns."""

import numpy as np
import pytest

from rnnx.padding import FinalGradient, clean, is_padded, last_valid, mask

T, N, B = 4, 3, 5
LENGTHS = np.array([4, 0, 1, 3, 4])
WHOLE = [None, np.full(B, T), np.array([T, T + 1, T, T, T])]


def steps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(T, N, B))


def test_a_column_that_ends_early_is_padded() -> None:
    assert is_padded(LENGTHS, T)
    assert is_padded(np.array([T, T - 1]), T)
    assert not any(is_padded(lengths, T) for lengths in WHOLE)


def test_the_mask_is_one_at_the_steps_of_a_column() -> None:
    found = mask(LENGTHS, T)
    assert found.dtype == np.bool_ and found.shape == (T, B)
    assert found.tolist() == [[t < n for n in LENGTHS] for t in range(T)]
    assert mask(LENGTHS, T, np.float32).dtype == np.float32
    assert mask(LENGTHS, T, np.float32).sum() == LENGTHS.sum()


def test_inputs_beyond_the_lengths_are_the_zero_vector() -> None:
    ids, dense = np.arange(1, T * B + 1).reshape(T, B), steps()
    for x, nothing in ((ids, -1), (dense, 0)):
        before, found = x.copy(), clean(x, LENGTHS)
        for b, length in enumerate(LENGTHS):
            np.testing.assert_array_equal(found[:length, ..., b], x[:length, ..., b])
            assert (found[length:, ..., b] == nothing).all()
        np.testing.assert_array_equal(x, before)
        assert all(clean(x, lengths) is x for lengths in WHOLE)


def test_the_last_valid_value_of_a_column_is_that_of_its_last_step() -> None:
    h, initial = steps(), np.full((N, B), 7.0)
    found = last_valid(h, initial, LENGTHS)
    for b, length in enumerate(LENGTHS):
        expected = h[length - 1, :, b] if length else initial[:, b]
        np.testing.assert_array_equal(found[:, b], expected)
    assert found.flags.c_contiguous
    for lengths in WHOLE[:2]:
        found = last_valid(h, initial, lengths)
        np.testing.assert_array_equal(found, h[-1])
        assert not np.shares_memory(found, h)
    for lengths in (None, np.zeros(B, int)):
        found = last_valid(h[:0], initial, lengths)
        np.testing.assert_array_equal(found, initial)
        assert not np.shares_memory(found, initial)


def test_the_final_state_s_gradient_enters_where_a_column_ends() -> None:
    dstate = steps()[0], steps()[1]
    enters = FinalGradient(dstate, LENGTHS, T)
    for t in range(-1, T):
        found = enters.at(t)
        here = t + 1 == LENGTHS
        if not here.any():
            assert found is None
            continue
        assert found is not None and len(found) == 2
        for part, d in zip(found, dstate, strict=True):
            np.testing.assert_array_equal(part, np.where(here, d, 0))
    assert not any(LENGTHS == 2)  # a step at which none ends


@pytest.mark.parametrize("lengths", WHOLE[:2], ids=["none", "whole"])
def test_of_whole_columns_it_enters_at_the_last_step(lengths: np.ndarray | None) -> None:
    dstate = (steps()[0],)
    enters = FinalGradient(dstate, lengths, T)
    assert [enters.at(t) is dstate for t in range(-1, T)] == [False] * T + [True]
    assert [enters.at(t) for t in range(-1, T - 1)] == [None] * T
    assert [FinalGradient(None, lengths, T).at(t) for t in range(-1, T)] == [None] * (T + 1)
    assert FinalGradient(None, LENGTHS, T).at(3) is None
