"""Novelty of samples: how many are new, how many differ, and what they copy from the data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnx.data.corpus import Corpus, Examples, text_parts
from rnnx.data.ngram import flat_tokens
from rnnx.data.vocabulary import Vocabulary

SEARCH_LIMIT = 2_000_000  # training symbols that are searched for samples; not more


class Copy(NamedTuple):
    """The longest part of a text that stands in the training data to the letter."""

    text: str
    length: int  # symbols
    share: float  # of the text's symbols, 0 … 1


class Novelty:
    """Fractions of samples that are new (not in the training data) and distinct."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus, (self._train, _) = corpus, text_parts(corpus)
        self.searched = self._train.tokens  # symbols of the training data

    def fractions(self, texts: Sequence[str]) -> dict[str, float]:
        """``{"new": …, "distinct": …}``, each of 0 … 1; no "new" where the data is too large."""
        if not texts:
            return {}
        fractions = {"distinct": len(set(texts)) / len(texts)}
        if self.searched <= SEARCH_LIMIT:
            fractions["new"] = sum(self._is_new(text) for text in texts) / len(texts)
        return fractions

    def longest_copy(self, text: str) -> Copy | None:
        """The longest run of symbols of ``text`` that the training data has as well; the first of
        several. None where the data is too large to search.
        """
        if self.searched > SEARCH_LIMIT:
            return None
        vocabulary, begin, length = self._corpus.vocabulary, 0, 0
        symbols = vocabulary.split(text)
        strange = len(vocabulary) + 1  # a symbol that the data does not have
        coded = _coded(np.array([vocabulary.ids.get(s, strange) for s in symbols], np.int64))
        for place in range(len(coded)):
            while place + length < len(coded) and coded[place : place + length + 1] in self._parts:
                begin, length = place, length + 1
        copied = vocabulary.separator.join(symbols[begin : begin + length])
        return Copy(copied, length, length / max(len(symbols), 1))

    def _is_new(self, text: str) -> bool:
        if isinstance(self._train, Examples):
            return text not in self._examples
        return text not in self._text

    @cached_property
    def _examples(self) -> set[str]:
        """The training examples, each as the text of the same sample."""
        train, vocabulary = self._train, self._corpus.vocabulary
        assert isinstance(train, Examples)
        texts = (_text(vocabulary, train.targets(i)) for i in range(len(train)))
        end = vocabulary.end or ""
        closing = vocabulary.separator + end
        return {text.removesuffix(closing) if end else text for text in texts}

    @cached_property
    def _parts(self) -> str:
        """The training data, a character a symbol: any symbol is one, however it is written."""
        train, between = self._train, len(self._corpus.vocabulary)
        if not isinstance(train, Examples):
            return _coded(np.asarray(train.ids, np.int64))
        return _coded(np.insert(flat_tokens(train).ids, np.cumsum(train.lengths), between))

    @cached_property
    def _text(self) -> str:
        return _text(self._corpus.vocabulary, np.asarray(self._train.ids))


def _text(vocabulary: Vocabulary, ids: np.ndarray) -> str:
    return vocabulary.separator.join(np.array(vocabulary.symbols, object)[ids])


def _coded(ids: np.ndarray) -> str:
    """Ids as a text with one character each, in which Python searches quickly."""
    return ids.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
