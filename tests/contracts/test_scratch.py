"""Buffers that lie as another array does."""

import numpy as np

from rnnx.contracts.scratch import LINE, Scratch


def test_like_has_the_same_strides_and_stays() -> None:
    scratch = Scratch()
    flat = np.zeros((5, 48), np.float32)[:, :36].reshape(5, 4, 9).transpose(1, 0, 2)
    for array in (flat, np.zeros((4, 5, 9)), np.zeros((3, 1, 2)), np.asfortranarray(flat)):
        found = scratch.like("a", array)
        assert (found.shape, found.dtype) == (array.shape, array.dtype)
        assert found.strides == array.strides
        assert found.ctypes.data % LINE == 0
        assert scratch.like("a", array) is found
        found[...] = np.arange(found.size).reshape(found.shape)  # every place is its own
        assert found.sum() == sum(range(found.size))


def test_like_a_broadcast_view_is_in_c_order() -> None:
    found = Scratch().like("a", np.broadcast_to(np.zeros((1, 3)), (4, 3)))
    assert found.flags.c_contiguous and found.shape == (4, 3)


def test_like_is_made_anew_after_its_block_grew() -> None:
    scratch = Scratch()
    small = scratch.like("a", np.zeros((2, 3)))
    large = scratch.like("a", np.zeros((20, 30)))
    again = scratch.like("a", np.zeros((2, 3)))
    assert not np.shares_memory(small, large) and np.shares_memory(again, large)
