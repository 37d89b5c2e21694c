"""Buffers are reused by name, grow, and lie as another array does where that is asked for."""

import numpy as np

from rnnx.contracts.buffers import LINE, Parameters, Scratch


def test_a_name_keeps_its_memory_until_it_grows() -> None:
    scratch = Scratch()
    large = scratch.array("a", (3, 4), np.float32)
    assert scratch.array("a", (3, 4), np.float32) is large
    assert np.shares_memory(scratch.array("a", (12,), np.float32), large)
    small = scratch.array("a", (2, 2), np.float32)
    assert small.shape == (2, 2) and np.shares_memory(small, large)
    large.flat[:4] = 7
    assert (small == 7).all()  # the front part
    assert scratch.nbytes == 3 * 4 * 4
    grown = scratch.array("a", (5, 4), np.float32)
    assert not np.shares_memory(grown, large)
    again = scratch.array("a", (3, 4), np.float32)
    assert np.shares_memory(again, grown)
    double = scratch.array("a", (5, 4), np.float64)
    assert double.dtype == np.float64 and not np.shares_memory(double, grown)
    assert scratch.nbytes == 5 * 4 * 8


def test_every_block_begins_with_a_cache_line() -> None:
    scratch = Scratch()
    kept = [scratch.array(str(size), (size,), np.float32) for size in range(1, 60)]
    assert {array.ctypes.data % 64 for array in kept} == {0}
    assert (scratch.compiled, scratch.threads) == (False, 1)  # for plugins of API version 1


def test_other_names_and_children_have_memory_of_their_own() -> None:
    scratch = Scratch()
    child = scratch.child("layer0")
    assert scratch.child("layer0") is child is not scratch.child("layer1")
    arrays = [scratch.array("a", (2,), np.float32), scratch.array("b", (2,), np.float32)]
    arrays += [child.array("a", (2,), np.float32)]
    arrays += [scratch.child("layer1").array("a", (2,), np.float32)]
    for i, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[i + 1 :])
    assert scratch.nbytes == 4 * 2 * 4 and child.nbytes == 2 * 4


def test_a_plan_is_made_once_for_its_sizes() -> None:
    scratch, made = Scratch(), []

    def plan(own: Scratch, T: int, B: int) -> tuple[int, int]:
        made.append((own, T, B))
        return T, B

    assert [scratch.plan(plan, 2, 3) for _ in range(3)] == [(2, 3)] * 3
    assert scratch.plan(plan, 3, 3) == (3, 3)
    child = scratch.child("layer0")
    assert child.plan(plan, 2, 3) == (2, 3)
    assert made == [(scratch, 2, 3), (scratch, 3, 3), (child, 2, 3)]


def test_a_plan_is_made_anew_after_a_buffer_grew() -> None:
    scratch, made = Scratch(), []
    child = scratch.child("layer0")

    def plan(own: Scratch, T: int) -> np.ndarray:
        made.append(own)
        return own.array("h", (T,), np.float32)

    assert child.plan(plan, 2) is child.plan(plan, 2)
    scratch.plan(plan, 2)
    assert made == [child, scratch]
    grown = child.array("h", (5,), np.float32)
    assert np.shares_memory(child.plan(plan, 2), grown)
    scratch.plan(plan, 2)  # it may hold arrays of its children
    assert made == [child, scratch, child, scratch]


def test_a_bound_array_is_handed_out_in_its_shape_and_type_alone() -> None:
    scratch, own = Scratch(), np.zeros((2, 3), np.float32)
    before = scratch.array("dWx", (2, 3), np.float32)
    scratch.bind("dWx", own)
    assert scratch.array("dWx", (2, 3), np.float32) is own is not before
    for shape, dtype in (((3, 2), np.float32), ((2, 3), np.float64)):
        other = scratch.array("dWx", shape, dtype)
        assert (other.shape, other.dtype) == (shape, dtype)
        assert not np.shares_memory(other, own)


def test_gradients_are_bound_part_by_part() -> None:
    grads = Parameters({"layer0": {"Wx": np.zeros((2, 3))}, "head": {"by": np.zeros((2, 1))}})
    scratch = Scratch()
    scratch.bind_gradients(grads)
    found = scratch.child("layer0").array("dWx", (2, 3), np.float64)
    assert found is grads["layer0"]["Wx"]
    assert scratch.child("head").array("dby", (2, 1), np.float64) is grads["head"]["by"]
    assert scratch.nbytes == 0


def test_like_has_the_same_strides_and_stays() -> None:
    scratch = Scratch()
    flat = np.zeros((5, 48), np.float32)[:, :36].reshape(5, 4, 9).transpose(1, 0, 2)
    column = np.asfortranarray(np.zeros((4, 5)))[:, None]  # NumPy's stride of that axis is 0
    others = np.zeros((4, 5, 9)), np.zeros((3, 1, 2)), np.asfortranarray(flat), column
    for array in (flat, *others):
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
