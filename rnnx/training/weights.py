"""What an update moves: the parameters of a run, and all that has their shape."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.config.components import Components
from rnnx.config.settings import Average, Train
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.target_heads import CountingHead
from rnnx.data.corpus import Corpus, text_parts
from rnnx.data.frequencies import target_counts
from rnnx.models.network import Network
from rnnx.models.size import parameter_bytes
from rnnx.registry.attribution import attributing
from rnnx.system.memory import refuse_more_than_free, reraise_as
from rnnx.training.rules import rules_of
from rnnx.training.union import Union


class Weights:
    """Fresh parameters with their gradients, their average, and the state of the update rules.

    OutOfMemory where they do not fit.
    """

    def __init__(
        self,
        network: Network,
        rng: np.random.Generator,
        parts: Components,
        settings: Train,
        corpus: Corpus,
    ) -> None:
        self._settings = settings
        n_a = parts.cell.hidden_size
        what = f"cell.hidden_size={n_a}, layers={settings.layers}: the parameters do not fit into "
        with reraise_as(f"{what}memory; choose a smaller network"):
            # Twice while they are drawn, and once each for gradients, optimizer and average.
            size = parameter_bytes(network, settings.dtype.value)
            copies = 3 + settings.averages + (settings.accumulate > 1)
            refuse_more_than_free(copies * size, "parameters and gradients")
            self.params: Parameters = network.init(rng, settings.dtype.value)
            _count_targets(parts, corpus, self.params)
            self.grads = self.params.zeros_like()
            self.rules = rules_of(parts, settings, corpus, self.params)
            self.average = self.params.copy() if settings.averages else self.params
            more = settings.accumulate > 1
            self.union = Union(parts.head, self.grads) if more else None

    def follow(self, number: int) -> None:
        """Take the parameters after update ``number`` into their average."""
        settings = self._settings
        if settings.average is Average.swa:
            self.average.include(self.params, number - settings.average_from + 1)
        else:
            self.average.follow(self.params, settings.averaging, number)

    def arrays(self) -> dict[str, Array]:
        """The arrays that a checkpoint keeps, by its names: not the gradients."""
        arrays = {f"params/{name}": array for name, array in self.params.leaves()}
        if self._settings.averages:
            arrays |= {f"average/{name}": array for name, array in self.average.leaves()}
        return arrays | self.rules.arrays()


def _count_targets(parts: Components, corpus: Corpus, params: Parameters) -> None:
    """Tell a head that asks for it how often each symbol is learned."""
    if isinstance(parts.head, CountingHead) and corpus.is_language:
        counts = target_counts(text_parts(corpus)[0], corpus.n_y)
        with attributing():
            parts.head.count_targets(params["head"], counts)
