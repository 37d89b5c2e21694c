"""Whole-sequence operations that write down their backward passes, for blocks.

A block runs a straight line of operations on arrays (T, n, B): norms, products, sums, a
convolution, and the cell. A tape keeps, for each, a function from the gradient of its result to
those of its inputs; ``back`` calls them in the opposite order. So a block is its forward pass, and
its gradients are exact because each operation's are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts import Inner
from rnnx_builtin.numerics.activation import Activation
from rnnx_builtin.numerics.causal import convolve, convolve_back
from rnnx_builtin.numerics.normalization import normalize, normalize_back

Back: TypeAlias = Callable[[Array], tuple[Array, ...]]
"""The gradient of a result → those of the operation's inputs."""


class Node:
    """A value (T, n, B) on a tape, and the gradient of the loss by it."""

    def __init__(self, value: Array) -> None:
        self.value = value
        self.grad: Array | None = None

    def add(self, grad: Array) -> None:
        """Add a part of the gradient; the array itself is not changed."""
        self.grad = grad if self.grad is None else self.grad + grad


class Tape:
    """The operations of one forward pass over the parameters ``params``."""

    def __init__(self, params: Params, lengths: Array | None) -> None:
        self._params, self._lengths = params, lengths
        self._steps: list[tuple[Node, tuple[Node, ...], Back]] = []
        self._dparams: Params = {}
        self._cell: Inner | None = None

    def _note(self, value: Array, inputs: tuple[Node, ...], back: Back) -> Node:
        made = Node(value)
        self._steps.append((made, inputs, back))
        return made

    def _give(self, name: str, grad: Array) -> None:
        known = self._dparams.get(name)
        self._dparams[name] = grad if known is None else known + grad

    def has(self, name: str) -> bool:
        """Whether there is a parameter of this name."""
        return name in self._params

    def linear(self, x: Node, weights: str, bias: str = "") -> Node:
        """``W @ x``, plus the bias where one is named."""
        W = self._params[weights]
        y = np.matmul(W, x.value)
        if bias:
            y += self._params[bias]

        def back(dy: Array) -> tuple[Array, ...]:
            self._give(weights, np.tensordot(dy, x.value, ((0, 2), (0, 2))))
            if bias:
                self._give(bias, np.sum(dy, axis=(0, 2))[:, None])
            return (np.matmul(W.T, dy),)

        return self._note(y, (x,), back)

    def norm(self, x: Node, gain: str, centred: bool, groups: int = 1) -> Node:
        """RMS norm, or layer norm where ``centred``, by group."""
        g = self._params[gain]
        y, cache = normalize(g, x.value, centred, groups)

        def back(dy: Array) -> tuple[Array, ...]:
            dg, dx = normalize_back(g, cache, dy)
            self._give(gain, dg)
            return (dx,)

        return self._note(y, (x,), back)

    def activate(self, x: Node, activation: Activation) -> Node:
        """An elementwise function."""
        y, slope = activation(x.value)
        return self._note(y, (x,), lambda dy: (dy * slope,))

    def convolve(self, x: Node, weights: str, bias: str, state: State) -> tuple[Node, State]:
        """The causal convolution, and its final state; a kernel of one step has none."""
        w, v = self._params[weights], x.value
        before = state[0] if state else np.empty((0, v.shape[2]), v.dtype)
        y, final, window = convolve(w, self._params[bias], v, before, self._lengths)

        def back(dy: Array) -> tuple[Array, ...]:
            dw, db, dx = convolve_back(w, window, dy)
            self._give(weights, dw)
            self._give(bias, db)
            return (dx,)

        return self._note(y, (x,), back), (final,) if state else ()

    def scale(self, x: Node, factor: str) -> Node:
        """Each feature times a parameter (n, 1)."""
        a = self._params[factor]

        def back(dy: Array) -> tuple[Array, ...]:
            self._give(factor, np.sum(dy * x.value, axis=(0, 2))[:, None])
            return (a * dy,)

        return self._note(a * x.value, (x,), back)

    def add(self, one: Node, other: Node) -> Node:
        """The sum."""
        return self._note(one.value + other.value, (one, other), lambda dy: (dy, dy))

    def multiply(self, one: Node, other: Node) -> Node:
        """The product, elementwise."""

        def back(dy: Array) -> tuple[Array, ...]:
            return dy * other.value, dy * one.value

        return self._note(one.value * other.value, (one, other), back)

    def join(self, one: Node, other: Node) -> Node:
        """The features of both, one above the other."""
        n = one.value.shape[1]
        both = np.concatenate([one.value, other.value], axis=1)
        return self._note(both, (one, other), lambda dy: (dy[:, :n], dy[:, n:]))

    def cell(self, x: Node, cell: Inner) -> Node:
        """The layer's cell; ``back`` is given its backward."""

        def back(dy: Array) -> tuple[Array, ...]:
            assert self._cell is not None
            return (self._cell(dy),)

        return self._note(cell(x.value), (x,), back)

    def back(self, x: Node, y: Node, dy: Array, cell: Inner) -> tuple[Params, Array]:
        """The gradients of all parameters, and of the node ``x``, for ``dy`` of the node ``y``."""
        self._cell, self._dparams = cell, {}
        y.add(dy)
        for made, inputs, back in reversed(self._steps):
            if made.grad is not None:
                for node, grad in zip(inputs, back(made.grad), strict=True):
                    node.add(grad)
                made.grad = None  # as before, for another call
        dx = x.grad
        x.grad = None
        assert dx is not None
        return self._dparams, dx
