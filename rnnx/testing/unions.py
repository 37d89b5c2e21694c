"""The check that several batches weigh as a head says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.target_heads import TargetHead
from rnnx.data.metrics import counting
from rnnx.data.targets import NEXT_SYMBOL
from rnnx.testing.gradients import same
from rnnx.testing.suite import expect
from rnnx.testing.target_heads import LENGTHS, B, Case, T, make_case, run_case, taken
from rnnx.training.union import batch_weight

N_A, N_Y = 4, 6
Batch = tuple[float, Params, float]  # loss, gradients, Σ weights


def check_batches(head: Any) -> None:
    """The means of two batches' losses and gradients are those of one batch that holds both.

    Each batch weighs what ``batch_weight`` says, or as much as the weights of its targets.
    """
    for what, run in _runs(head):
        whole, parts = run(slice(0, B)), (slice(0, 1), slice(1, B))
        found = [run(part) for part in parts]
        weights = [
            batch_weight(head, one[2], part.stop - part.start)
            for one, part in zip(found, parts, strict=True)
        ]
        expect(min(weights) > 0, f"batch_weight: {weights}, expected numbers above 0")
        shares = [weight / sum(weights) for weight in weights]
        told = "batch_weight" if hasattr(head, "batch_weight") else "give the head batch_weight"
        loss = sum(share * one[0] for share, one in zip(shares, found, strict=True))
        expect(
            abs(loss - whole[0]) <= 1e-9 * max(1.0, abs(whole[0])),
            f"{told}: {what}: loss {loss} of two batches, {whole[0]} of one that holds both",
        )
        for name, array in whole[1].items():
            mean = sum(share * one[1][name] for share, one in zip(shares, found, strict=True))
            same(np.asarray(mean), array, f"{told}: {what}: d{name} of two batches")


def _runs(head: Any) -> Iterator[tuple[str, Callable[[slice], Batch]]]:
    """For each kind of targets that a head takes, what some of the columns give."""
    is_told = isinstance(head, TargetHead)
    if not is_told or head.takes(NEXT_SYMBOL):
        yield "the next symbol", _of_symbols(head)
    for targets in taken(head) if is_told else ():
        case = make_case(head, targets, 8)
        yield targets.words, _of_targets(head, case, targets.per_sequence)


def _of_symbols(head: Any) -> Callable[[slice], Batch]:
    rng = np.random.default_rng(8)
    params = head.init(rng, N_A, N_Y, np.float64)
    params = {k: v + rng.normal(scale=0.3, size=v.shape) for k, v in params.items()}
    h, y = rng.normal(size=(T, N_A, B)), rng.integers(0, N_Y, (T, B))

    def run(columns: slice) -> Batch:
        lengths, scratch = LENGTHS[columns], Scratch()
        loss, _, cache = head.forward(params, h[..., columns], y[:, columns], lengths, scratch)
        dparams, _ = head.backward(params, cache, scratch)
        return loss, {k: v.copy() for k, v in dparams.items()}, float(lengths.sum())

    return run


def _of_targets(head: Any, case: Case, per_sequence: bool) -> Callable[[slice], Batch]:
    assert case.weights is not None
    counts = counting(case.weights, LENGTHS, T, B, per_sequence)

    def run(columns: slice) -> Batch:
        h, y, weights = (array[..., columns] for array in (case.h, case.y, counts))
        part = Case(case.params, h, y, weights)
        found = run_case(head, part, LENGTHS[columns])
        return found.loss, found.dparams, float(np.sum(weights))

    return run
