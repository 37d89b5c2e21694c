"""Several batches in one update: the loss and the gradient of one batch that holds all of them."""

from __future__ import annotations

from typing import Any

from rnnx.contracts.buffers import Parameters
from rnnx.contracts.updates import AccumulatingHead
from rnnx.data.batches import Batch


class Union:
    """Means over the batches of an update, each weighted as the head says.

    A batch's gradients come in ``grads``, and the mean goes there.
    """

    def __init__(self, head: Any, grads: Parameters) -> None:
        self._head, self._grads, self._sum = head, grads, grads.zeros_like()
        self._loss = self._weight = 0.0
        self._tokens = 0

    def add(self, batch: Batch, loss: float) -> None:
        """Add a batch, of which ``grads`` has the gradients."""
        weight = batch_weight(self._head, batch.tokens, batch.y.shape[-1])
        self._grads.flat *= weight
        self._sum.flat += self._grads.flat
        self._loss += weight * loss
        self._weight += weight
        self._tokens += batch.tokens

    def end(self) -> tuple[float, int]:
        """``loss, tokens`` of all batches since the last end; ``grads`` has their gradient."""
        self._grads.flat[...] = self._sum.flat
        weight, loss, tokens = self._weight or 1.0, self._loss, self._tokens
        self._grads.flat /= weight
        self._sum.flat.fill(0)
        self._loss = self._weight = 0.0
        self._tokens = 0
        return loss / weight, tokens


def batch_weight(head: Any, tokens: float, columns: int) -> float:
    """What a batch's loss weighs among several: what the head says, else its number of targets."""
    if isinstance(head, AccumulatingHead):
        return head.batch_weight(tokens, columns)
    return tokens
