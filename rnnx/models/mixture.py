"""A network and n-grams together: the mean of their probabilities (Mikolov 2012, section 3.3).

    p(w) = (1 − weight)·p of the network + weight·p of the n-grams

The two are wrong in different places, so that the mean is often better than either. It is another
model than the network, and its loss has a name of its own.
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.components import Sampler
from rnnx.data.ngram import KneserNey


def mixed_nats(nats: Array, probabilities: Array, weight: float) -> Array:
    """(targets,) −ln p of the mixture, from the network's −ln p and the n-grams' p."""
    network = np.exp(-nats.astype(np.float64))
    found: Array = -np.log((1 - weight) * network + weight * probabilities)
    return found


class MixedSampler:
    """Draws with ``sampler`` from the mixture in place of the network's logits."""

    def __init__(self, sampler: Sampler, ngrams: KneserNey, weight: float) -> None:
        self._sampler, self._ngrams, self._weight = sampler, ngrams, weight

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        """As :meth:`rnnx.contracts.Sampler.sample`; what the grammar forbids stays forbidden."""
        network = _shares(np.exp(logits.astype(np.float64) - logits.max(axis=0)))
        ngrams = _shares(np.where(np.isneginf(logits), 0, self._ngrams.next(before)))
        with np.errstate(divide="ignore"):  # ln 0 = −inf is what a forbidden one has
            mixed = np.log((1 - self._weight) * network + self._weight * ngrams)
        return self._sampler.sample(mixed, before, rng)


def _shares(weights: Array) -> Array:
    """Each column divided by its sum."""
    found: Array = weights / weights.sum(axis=0)
    return found
