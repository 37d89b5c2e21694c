"""Parameters by layer and name, in one flat vector underneath."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params


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

    def norm(self) -> float:
        """The L2 norm; in float64 where the sum of float32 squares overflows."""
        squares = float(np.dot(self.flat, self.flat))
        if math.isfinite(squares):
            return math.sqrt(squares)
        return float(np.linalg.norm(self.flat.astype(np.float64)))

    def take(self, found: Mapping[str, Mapping[str, Array]]) -> None:
        """Copy arrays of the same names and shapes in, where they are not here already."""
        for part, arrays in self.items():
            for name, array in arrays.items():
                if (got := found[part][name]) is not array:
                    array[...] = got
