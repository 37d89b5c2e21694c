"""Novelty of samples: how many are new, and how many differ from one another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from rnnx.data.corpus import Corpus, Examples
from rnnx.data.vocabulary import Vocabulary

SEARCH_LIMIT = 2_000_000  # training symbols that are searched for samples; not more


class Novelty:
    """Fractions of samples that are new (not in the training data) and distinct."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def fractions(self, texts: Sequence[str]) -> dict[str, float]:
        """``{"new": …, "distinct": …}``, each of 0 … 1; no "new" where the data is too large."""
        if not texts:
            return {}
        fractions = {"distinct": len(set(texts)) / len(texts)}
        if self._corpus.train.tokens <= SEARCH_LIMIT:
            fractions["new"] = sum(self._is_new(text) for text in texts) / len(texts)
        return fractions

    def _is_new(self, text: str) -> bool:
        if isinstance(self._corpus.train, Examples):
            return text not in self._examples
        return text not in self._text

    @cached_property
    def _examples(self) -> set[str]:
        """The training examples, each as the text of the same sample."""
        train, vocabulary = self._corpus.train, self._corpus.vocabulary
        assert isinstance(train, Examples)
        texts = (_text(vocabulary, train.targets(i)) for i in range(len(train)))
        end = vocabulary.end or ""
        closing = vocabulary.separator + end
        return {text.removesuffix(closing) if end else text for text in texts}

    @cached_property
    def _text(self) -> str:
        return _text(self._corpus.vocabulary, self._corpus.train.ids)


def _text(vocabulary: Vocabulary, ids: np.ndarray) -> str:
    return vocabulary.separator.join(np.array(vocabulary.symbols, object)[ids])
