"""The check of HeadSuite for heads that are told how often each symbol is a target."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np

from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Head
from rnnx.contracts.target_heads import CountingHead
from rnnx.testing.gradients import same
from rnnx.testing.suite import NotApplicable, expect

N_A, N_Y = 5, 12


class CountedHead(Head, CountingHead, Protocol):
    """A head of the next symbol that is told of counts."""


def check_counts(given: Any) -> None:
    """``count_targets`` changes parameters in place; counts and parameters alone decide how, and
    nats stay −ln of probabilities that sum to 1.
    """
    if not isinstance(given, CountingHead):
        raise NotApplicable("the head is not told how often symbols are targets")
    head = cast(CountedHead, given)
    rng = np.random.default_rng(0)
    counts = rng.permutation(N_Y).astype(np.int64) ** 2  # one of them is 0
    before, found = counts.copy(), []
    for _ in range(2):
        params = head.init(np.random.default_rng(1), N_A, N_Y, np.float64)
        arrays = dict(params)
        head.count_targets(params, counts)
        in_place = all(params.get(name) is array for name, array in arrays.items())
        expect(in_place and len(params) == len(arrays), "count_targets replaced an array")
        expect(np.array_equal(counts, before), "count_targets changed the counts")
        found.append(params)
    for name, array in found[0].items():
        expect(bool(np.isfinite(array).all()), f"count_targets: {name} is not finite")
        expect(
            np.array_equal(array, found[1][name]), f"count_targets: {name} differs when repeated"
        )
    h, y = rng.normal(size=(4, N_A, 3)), rng.integers(0, N_Y, (4, 3))
    logits = head.logits(found[0], h, Scratch()).astype(np.float64)
    ln_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    nats = head.forward(found[0], h, y, None, Scratch())[1]
    expected = -np.take_along_axis(ln_p, y[:, None], axis=1)[:, 0]
    same(nats, expected, "after count_targets: nats against −log softmax(logits)")
