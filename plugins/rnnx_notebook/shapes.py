"""Check arguments: an error has one line, with the argument, what was expected and received.

A shape is written in the notebook's letters, ``("n_a", "n_x")``. The first array that has a letter
fixes its size, and all later arrays must agree. A digit stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import InputError

Dims: TypeAlias = tuple[str, ...]


class Sizes:
    """The sizes that the arguments of one call have fixed so far."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {"1": 1}
        self._source: dict[str, str] = {}  # letter → the argument that fixed it, and its shape

    def __getitem__(self, letter: str) -> int:
        return self._known[letter]

    def array(self, name: str, value: Any, dims: Dims) -> Array:
        """``value`` in float64; InputError unless its shape is ``dims``."""
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
        """The arrays of the dictionary ``values`` that ``spec`` names, each checked."""
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
        """Fix the size of ``letter`` as ``whole`` − ``part``, at least 1."""
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
    """``value`` as a float64 array; a float64 array is returned itself."""
    if type(value) is np.ndarray and value.dtype == np.float64:
        return value
    got = type(value).__name__
    try:
        array = np.asarray(value)
        if (
            array.dtype.kind in "biuf"
        ):  # None would become NaN, and 1j would lose its imaginary part
            return array.astype(np.float64, copy=False)
        if isinstance(value, np.ndarray):
            got = f"an array of {array.dtype}"
    except ValueError:  # rows of unequal length
        pass
    raise InputError(f"{name}: expected an array of numbers, received {got}")


def in_place(name: str, value: Any) -> Array:
    """``value`` itself; InputError unless it is a writable array of floats."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.flags.writeable:
        return value
    got = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise InputError(
        f"{name}: expected a writeable array of floats, to change it in place, received {got}"
    )


def items(name: str, value: Any, written: str, count: int) -> tuple[Any, ...]:
    """A cache as a tuple of ``count`` items, which an error shows as ``written``."""
    if not isinstance(value, tuple | list) or len(value) != count:
        got = f"{len(value)} items" if isinstance(value, tuple | list) else type(value).__name__
        raise InputError(f"{name}: expected the tuple {written}, received {got}")
    return tuple(value)


def steps_of(da: Any, caches: Any, written: str, count: int) -> dict[str, tuple[Any, ...]]:
    """The caches, by their address in ``(list of caches, x)``, of the steps that ``da`` covers."""
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
    """Ids (T,) of a vocabulary of ``size`` symbols; with ``none`` a first None becomes −1.

    A later None is refused: it is a symbol that some dictionary lacked, not the zero vector.
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
    """Raise InputError unless both are sequences of the same length, at least 1."""
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
    """``value``; InputError unless it is a finite number above 0."""
    if not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
        raise InputError(f"{name}: expected a finite number above 0, received {value!r}")
    return float(value)


def whole(name: str, value: Any, least: int, most: float = np.inf) -> int:
    """``value``; InputError unless it is an integer from ``least`` to ``most``."""
    if not (isinstance(value, int | np.integer) and least <= value <= most):
        span = f"at least {least}" if most == np.inf else f"from {least} to {most}"
        raise InputError(f"{name}: expected a whole number, {span}, received {value!r}")
    return int(value)


def real(name: str, value: Any) -> float:
    """``value``; InputError unless it is a number."""
    if not isinstance(value, int | float | np.number):
        raise InputError(f"{name}: expected a number, received {value!r}")
    return float(value)


def mapping(name: str, value: Any, written: str) -> Mapping[Any, Any]:
    """``value``; InputError, which describes it as ``written``, unless it is a dictionary."""
    if not isinstance(value, Mapping):
        raise InputError(
            f"{name}: expected a dictionary {written}, received {type(value).__name__}"
        )
    return value


def _written(dims: Sequence[str]) -> str:
    """A shape as NumPy writes it: (5,), (5, 1)."""
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"
