"""What an argument must look like: one line that names it, the shape expected and that received.

A shape is written in the notebook's letters, ``("n_a", "n_x")``. The first array that has a letter
fixes its size, and every later one is held to it. A digit stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import InputError

Dims: TypeAlias = tuple[str, ...]


class Sizes:
    """The sizes that the arguments of one call have agreed on so far."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {"1": 1}
        self._source: dict[str, str] = {}  # letter → the argument that fixed it, with its shape

    def __getitem__(self, letter: str) -> int:
        return self._known[letter]

    def array(self, name: str, value: Any, dims: Dims) -> Array:
        """``value`` in float64, or InputError unless its shape is ``dims``."""
        array = numbers(name, value)
        shape, known = array.shape, self._known
        if shape == tuple(map(known.get, dims)):
            return array
        if len(shape) != len(dims):
            self._refuse(name, dims, f"{shape}")
        for letter, size in zip(dims, shape, strict=True):
            if letter not in known:
                known[letter] = size
                self._source[letter] = f"{name} {shape}"
        if any(known[letter] != size for letter, size in zip(dims, shape, strict=True)):
            self._refuse(name, dims, f"{shape}")
        return array

    def entries(self, name: str, values: Any, spec: Mapping[str, Dims]) -> dict[str, Array]:
        """The arrays of the dictionary ``values`` that ``spec`` lists, each checked."""
        if not isinstance(values, Mapping):
            raise InputError(
                f"{name}: expected a dictionary of {', '.join(spec)}, "
                f"received {type(values).__name__}"
            )
        arrays = {}
        for key, dims in spec.items():
            if key not in values:
                there = ", ".join(map(str, values)) or "none"
                self._refuse(f'{name}["{key}"]', dims, f"no such key (keys: {there})")
            arrays[key] = self.array(f'{name}["{key}"]', values[key], dims)
        return arrays

    def rest(self, letter: str, whole: str, part: str) -> None:
        """Fix ``letter`` as what of ``whole`` is left beside ``part``; at least 1."""
        size, source = self._known[whole] - self._known[part], self._source[whole]
        if size < 1:
            raise InputError(
                f"{source}: expected {whole} columns with {part} = {self._known[part]} and "
                f"{letter} at least 1, received {self._known[whole]}"
            )
        self._known[letter], self._source[letter] = size, source

    def _refuse(self, name: str, dims: Dims, received: str) -> NoReturn:
        letters = _written(dims)
        sizes = _written([str(self._known.get(letter, letter)) for letter in dims])
        expected = letters if sizes == letters else f"{letters} = {sizes}"
        sources = [
            f"{letter} = {self._known[letter]} comes from {self._source[letter]}"
            for letter in dict.fromkeys(dims)
            if not self._source.get(letter, f"{name} ").startswith(f"{name} ")
        ]
        why = f"; {', '.join(sources)}" if sources else ""
        raise InputError(f"{name}: expected shape {expected}, received {received}{why}")


def numbers(name: str, value: Any) -> Array:
    """``value`` as a float64 array (itself, if it is one)."""
    if type(value) is np.ndarray and value.dtype == np.float64:
        return value
    got = type(value).__name__
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biuf":  # None would become NaN, and 1j lose its imaginary part
            return array.astype(np.float64, copy=False)
        if isinstance(value, np.ndarray):
            got = f"an array of {array.dtype}"
    except ValueError:  # rows of unequal length
        pass
    raise InputError(f"{name}: expected an array of numbers, received {got}")


def in_place(name: str, value: Any) -> Array:
    """``value`` itself, an array of floats that can be written to."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.flags.writeable:
        return value
    got = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise InputError(
        f"{name}: expected a writeable array of floats, to change it in place, received {got}"
    )


def items(name: str, value: Any, written: str, count: int) -> tuple[Any, ...]:
    """A cache: a tuple of ``count`` items, ``written`` as its documentation writes it."""
    if not isinstance(value, tuple | list) or len(value) != count:
        got = f"{len(value)} items" if isinstance(value, tuple | list) else type(value).__name__
        raise InputError(f"{name}: expected the tuple {written}, received {got}")
    return tuple(value)


def steps_of(da: Any, caches: Any, written: str, count: int) -> dict[str, tuple[Any, ...]]:
    """The caches of the steps that ``da`` covers, from ``(list of caches, x)``, by address."""
    steps, _ = items("caches", caches, "([cache, …], x)", 2)
    if not isinstance(steps, list | tuple):
        raise InputError(f"caches[0]: expected a list of caches, received {type(steps).__name__}")
    T = Sizes().array("da", da, ("n_a", "m", "T_x")).shape[2]
    if not 1 <= T <= len(steps):
        raise InputError(
            f"da: expected shape (n_a, m, T_x) with T_x from 1 to {len(steps)}, the steps in "
            f"caches, received {np.shape(da)}"
        )
    names = [f"caches[0][{t}]" for t in range(T)]
    return {name: items(name, steps[t], written, count) for t, name in enumerate(names)}


def tokens(name: str, values: Sequence[int | None], size: int, none: bool = False) -> Array:
    """Ids (T,) of a vocabulary of ``size`` symbols; a first None, if ``none``, becomes −1.

    A None further on is a symbol that a dictionary did not know, not a zero vector that is meant.
    """
    ids = np.empty(len(values), np.intp)
    for t, token in enumerate(values):
        if none and t == 0 and token is None:
            ids[t] = -1
        elif isinstance(token, int | np.integer) and 0 <= token < size:
            ids[t] = token
        else:
            choices = f"0 to {size - 1}" + (" or None" if none and t == 0 else "")
            raise InputError(
                f"{name}[{t}]: expected a token of the vocabulary, {choices}, received {token!r}"
            )
    return ids


def same_length(name: str, values: Sequence[Any], other: str, others: Sequence[Any]) -> None:
    """Raise InputError unless both are sequences and as long as each other."""
    for which, given in ((other, others), (name, values)):
        if isinstance(given, np.ndarray) and given.ndim != 1:
            raise InputError(f"{which}: expected shape (T,), received {given.shape}")
        if not isinstance(given, Sequence | np.ndarray):
            raise InputError(f"{which}: expected a list of tokens, received {type(given).__name__}")
    if len(others) == 0:
        raise InputError(f"{other}: expected at least 1 token, received shape (0,)")
    if len(values) != len(others):
        raise InputError(
            f"{name}: expected shape ({len(others)},), as many tokens as {other}, "
            f"received ({len(values)},)"
        )


def positive(name: str, value: float) -> float:
    """A finite number above 0."""
    if not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
        raise InputError(f"{name}: expected a finite number above 0, received {value!r}")
    return float(value)


def whole(name: str, value: Any, least: int, most: float = np.inf) -> int:
    """An integer from ``least`` to ``most``."""
    if not (isinstance(value, int | np.integer) and least <= value <= most):
        span = f"at least {least}" if most == np.inf else f"from {least} to {most}"
        raise InputError(f"{name}: expected a whole number, {span}, received {value!r}")
    return int(value)


def real(name: str, value: Any) -> float:
    """A number."""
    if not isinstance(value, int | float | np.number):
        raise InputError(f"{name}: expected a number, received {value!r}")
    return float(value)


def mapping(name: str, value: Any, written: str) -> Mapping[Any, Any]:
    """A dictionary, ``written`` as its documentation writes it."""
    if not isinstance(value, Mapping):
        raise InputError(
            f"{name}: expected a dictionary {written}, received {type(value).__name__}"
        )
    return value


def _written(dims: Sequence[str]) -> str:
    """A shape as NumPy writes it: (5,), (5, 1)."""
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"
