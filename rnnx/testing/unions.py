"""The check that several batches weigh as a head says."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.contracts.buffers import Scratch
from rnnx.testing.gradients import same
from rnnx.testing.suite import expect
from rnnx.training.union import batch_weight

T, N_A, N_Y = 5, 4, 6
LENGTHS = np.array([5, 3, 4, 1, 2, 5])


def check_batches(head: Any) -> None:
    """The means of two batches' losses and gradients are those of one batch that holds both.

    Each batch weighs what ``batch_weight`` says, or as much as it has targets.
    """
    rng = np.random.default_rng(8)
    params = head.init(rng, N_A, N_Y, np.float64)
    params = {k: v + rng.normal(scale=0.3, size=v.shape) for k, v in params.items()}
    h, y = rng.normal(size=(T, N_A, 6)), rng.integers(0, N_Y, (T, 6))

    def run(columns: slice) -> tuple[float, dict[str, Any]]:
        lengths, scratch = LENGTHS[columns], Scratch()
        loss, _, cache = head.forward(params, h[..., columns], y[:, columns], lengths, scratch)
        dparams, _ = head.backward(params, cache, scratch)
        return loss, {name: array.copy() for name, array in dparams.items()}

    whole, parts = run(slice(0, 6)), (slice(0, 2), slice(2, 6))
    found = [run(part) for part in parts]
    weights = [batch_weight(head, int(LENGTHS[part].sum()), len(LENGTHS[part])) for part in parts]
    expect(min(weights) > 0, f"batch_weight: {weights}, expected numbers above 0")
    total = sum(weights)
    loss = sum(w * one[0] for w, one in zip(weights, found, strict=True)) / total
    told = "give the head batch_weight" if not hasattr(head, "batch_weight") else "batch_weight"
    expect(
        abs(loss - whole[0]) <= 1e-9 * max(1.0, abs(whole[0])),
        f"{told}: loss {loss} of two batches, {whole[0]} of one that holds both",
    )
    for name, array in whole[1].items():
        mean = sum(w * one[1][name] for w, one in zip(weights, found, strict=True)) / total
        same(mean, array, f"{told}: d{name} of two batches")
