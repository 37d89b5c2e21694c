"""Memory that the core owns and components fill: parameters in one vector, and scratch buffers.

A gradient is both: the scratch buffer that a component asks for as ``dWx`` is a view of the flat
gradient vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params

Plan = TypeVar("Plan")
LINE = 64  # bytes of a cache line


def flat_buffer(name: str, n: int, columns: int, dtype: npt.DTypeLike, scratch: Scratch) -> Array:
    """(n, at least ``columns``), undefined contents: an odd number of cache lines a row.

    Rows a power of two apart would all compete for the same few lines of a cache.
    """
    return scratch.array(name, (n, row_width(columns, np.dtype(dtype).itemsize)), dtype)


def row_width(columns: int, itemsize: int) -> int:
    """How many numbers a row of ``flat_buffer`` has for so many columns."""
    line = LINE // itemsize
    lines = -(-columns // line)
    return (lines + 1 - lines % 2) * line


class Parameters(dict[str, Params]):
    """``{"layer0": {"Wx": …}, "head": {…}}`` whose arrays are views of one vector ``flat``.

    Clipping and most optimizers treat all numbers alike: on ``flat`` each of their operations is
    one NumPy call instead of one for every array. The rest take the arrays by name.
    """

    flat: Array  # (n,)

    def __init__(self, tree: Mapping[str, Mapping[str, Array]], dtype: npt.DTypeLike | None = None):
        super().__init__()
        arrays = [array for part in tree.values() for array in part.values()]
        if dtype is None:
            dtype = np.result_type(*arrays) if arrays else np.float32
        self.flat = np.empty(sum(array.size for array in arrays), dtype)
        start = 0
        for part, params in tree.items():
            self[part] = {}
            for name, array in params.items():
                view = self.flat[start : start + array.size].reshape(array.shape)
                view[...] = array
                self[part][name] = view
                start += array.size

    def zeros_like(self) -> Parameters:
        """The same names and shapes, filled with zeros."""
        other = Parameters(self, self.flat.dtype)
        other.flat.fill(0)
        return other

    def copy(self) -> Parameters:
        """An independent copy."""
        return Parameters(self, self.flat.dtype)

    def leaves(self) -> Iterator[tuple[str, Array]]:
        """``("layer0.Wx", array)`` in order."""
        for part, params in self.items():
            for name, array in params.items():
                yield f"{part}.{name}", array

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(self.flat.size)

    def norm(self, squares: float | None = None) -> float:
        """The L2 norm; in float64 where the sum of float32 squares overflows.

        ``squares`` is that sum where it is known.
        """
        if squares is None:
            squares = float(np.dot(self.flat, self.flat))
        if math.isfinite(squares):
            return math.sqrt(squares)
        return float(np.linalg.norm(self.flat.astype(np.float64)))

    def follow(self, params: Parameters, decay: float, step: int) -> None:
        """Take ``params`` after ``step`` into this moving average (Polyak and Juditsky 1992).

            average ← d·average + (1 − d)·params,   d = min(decay, step / (step + 9))

        A step also moves the parameters by the noise of its batch, of which the average has less.
        It goes about 1 / (1 − d) steps behind; d begins small, so that the first parameters, which
        are random, are soon forgotten. Parameters that are their own average stay as they are.
        """
        if params is not self:
            self._approach(params, min(decay, step / (step + 9)))

    def include(self, params: Parameters, count: int) -> None:
        """Take ``params`` as number ``count`` into this mean (Izmailov et al. 2018, SWA).

            mean ← mean + (params − mean) / count

        Up to number 1 the mean is the parameters themselves.
        """
        if count <= 1:
            self.flat[...] = params.flat
        else:
            self._approach(params, (count - 1) / count)

    def _approach(self, params: Parameters, kept: float) -> None:
        """kept·self + (1 − kept)·params, in place: a step allocates nothing large."""
        self.flat -= params.flat
        self.flat *= kept
        self.flat += params.flat

    def take(self, found: Mapping[str, Mapping[str, Array]]) -> None:
        """Copy arrays of the same names and shapes in, where they are not here already."""
        for part, arrays in self.items():
            take(arrays, found[part])


def take(arrays: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    """Copy arrays of equal names and shapes into ``arrays``, where they are not there already."""
    for name, array in arrays.items():
        if (got := found[name]) is not array:
            array[...] = got


def aligned(size: int, dtype: np.dtype[np.generic]) -> Array:
    """(size,), undefined contents, from a cache line's first byte on.

    NumPy's own memory begins 16 bytes after one, so that every register of 64 bytes would be loaded
    from two lines, and two threads that write neighbouring columns would share them.
    """
    raw = np.empty(size * dtype.itemsize + LINE, np.uint8)
    start = -int(raw.__array_interface__["data"][0]) % LINE
    return raw[start : start + size * dtype.itemsize].view(dtype)


def _extent(array: Array) -> int | None:
    """Bytes from an array's first number to the end of its last; None if it visits any twice."""
    extent = array.itemsize
    axes = zip(array.strides, array.shape, strict=True)
    for stride, size in sorted(axis for axis in axes if axis[1] != 1):
        if stride < extent or stride % array.itemsize:
            return None
        extent += stride * (size - 1)
    return extent


class Scratch:
    """Named buffers that grow and are never freed, owned by the caller of a component.

    A component asks by name, shape and dtype and gets an array with *undefined contents* that
    stays its own until it asks for the same name again. T changes with every batch of names, so a
    buffer is a flat block and the array a reshaped front part of it. One child a layer keeps the
    names of two cells apart.
    """

    # Plugins of API version 1 may ask a scratch for these; what computes compiled has a form of
    # its own now (rnnx.contracts.Compilable).
    compiled = False
    threads = 1

    def __init__(self) -> None:
        self._blocks: dict[str, Array] = {}
        self._views: dict[tuple[str, tuple[int, ...], npt.DTypeLike], Array] = {}
        self._likes: dict[Hashable, Array] = {}
        self._bound: dict[str, Array] = {}
        self._children: dict[str, Scratch] = {}
        self._plans: dict[Hashable, Any] = {}  # one dictionary for all children, too

    def array(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """An array of ``shape``; the same memory for the same ``name``, contents undefined."""
        key = (name, shape, dtype)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._make(name, shape, np.dtype(dtype))
        return view

    def like(self, name: str, array: Array) -> Array:
        """An array of ``array``'s shape, dtype and strides, so that a pass over both runs along.

        Where ``array`` visits a place twice (a broadcast view), it is in C order.
        """
        key = (name, array.shape, array.dtype, array.strides)
        view = self._likes.get(key)
        if view is None:
            extent, strides = _extent(array), array.strides
            if extent is None:
                extent, strides = array.nbytes, np.empty(array.shape, array.dtype).strides
            block = self.array(name, (extent // array.itemsize,), array.dtype)
            view = self._likes[key] = np.ndarray(array.shape, array.dtype, block, 0, strides)
        return view

    def _make(self, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
        bound = self._bound.get(name)
        if bound is not None and bound.shape == shape and bound.dtype == dtype:
            return bound
        size = math.prod(shape)
        block = self._blocks.get(name)
        if block is None or block.size < size or block.dtype != dtype:
            self._forget(name)  # the old block's views would keep it alive
            block = self._blocks[name] = aligned(size, dtype)
        return block[:size].reshape(shape)

    def _forget(self, name: str) -> None:
        """All views of the block ``name``, and the plans, which may hold some."""
        self._views = {k: v for k, v in self._views.items() if k[0] != name}
        self._likes.clear()
        self._plans.clear()

    def plan(self, make: Callable[..., Plan], *sizes: Hashable) -> Plan:
        """``make(scratch, *sizes)``, kept for these sizes: buffers asked for once, not every step.

        What ``make`` answers is to hold arrays of this scratch and its children, and nothing that
        depends on more than ``sizes``. It is made anew after a buffer grew.
        """
        key = (id(self), make, *sizes)
        found: Plan | None = self._plans.get(key)
        if found is None:
            found = make(self, *sizes)
            self._plans[key] = found  # only now: making it may have made buffers grow
        return found

    def child(self, name: str) -> Scratch:
        """The scratch of a part: its names are its own."""
        found = self._children.get(name)
        if found is None:
            found = self._children[name] = type(self)()
            found._plans = self._plans
        return found

    def bind(self, name: str, array: Array) -> None:
        """Hand out ``array`` itself where ``name`` is asked for in its shape and dtype.

        The training step binds ``dWx`` and the like to the flat gradient, so that a cell which
        asks its scratch for ``"d" + parameter name`` writes its gradient where it is needed.
        """
        self._bound[name] = array
        self._forget(name)

    def bind_gradients(self, grads: Mapping[str, Params]) -> None:
        """Hand out the arrays of ``grads`` themselves for ``dWx`` and the like, part by part."""
        for part, arrays in grads.items():
            for name, array in arrays.items():
                self.child(part).bind(f"d{name}", array)

    @property
    def nbytes(self) -> int:
        """Bytes held by the blocks of this scratch and its children."""
        own = sum(block.nbytes for block in self._blocks.values())
        return own + sum(child.nbytes for child in self._children.values())
