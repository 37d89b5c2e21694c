"""A training step where one cell and the head compute as one."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.joined import Joined
from rnnx.data.batch import Batch
from rnnx.models.direct import Backward, DirectPath
from rnnx.models.dropout import hide, output_mask
from rnnx.models.network import Network, States


class JoinedPath:
    """``DirectPath`` in two calls, for the batches that the joined form takes."""

    def __init__(self, network: Network, joined: Joined, direct: DirectPath) -> None:
        self._joined, self._direct = joined, direct
        self._input_dropout, self._dropout = network.input_dropout, network.stack[0].dropout
        self._scratch = direct.parts[0].scratch  # the cell's
        self._is_joined = False

    def forward(
        self, batch: Batch, states: States, rng: np.random.Generator
    ) -> tuple[float, Array, States]:
        """``DirectPath.forward``."""
        self._is_joined = self._joined.takes(batch.tokens)
        if not self._is_joined:
            return self._direct.forward(batch, states, rng)
        x, mask = batch.x, None
        if self._input_dropout > 0:
            x = hide(self._input_dropout, x, rng)
        if self._dropout.outputs > 0:
            mask = partial(output_mask, self._dropout, rng=rng, scratch=self._scratch)
        given = x, batch.y, states[0], batch.lengths, mask
        loss, h, final = self._joined.forward(*given)
        return loss, h, (final,)

    def backward(self, h: Array) -> Backward:
        """``DirectPath.backward``."""
        if not self._is_joined:
            return self._direct.backward(h)
        return Backward(*self._joined.backward())
