"""A trained model: what a checkpoint is to those who only want to use it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.config.components import component_from
from rnnx.config.settings import Backend
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Dataset, Grammar, Sampler
from rnnx.contracts.execution import Execution
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus, Examples, Split, Stream, examples_of, text_parts
from rnnx.data.digest import split_sha256
from rnnx.data.ngram import KneserNey
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.targets import NEXT_SYMBOL, Quantity, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Level
from rnnx.errors import ConfigError, DataError
from rnnx.models.backend import backend_of_checkpoint, kernel_threads
from rnnx.models.evaluation import (
    Evaluation,
    example_nats,
    first_tokens,
    mean_nats,
    measure,
    target_nats,
    with_ids_of,
)
from rnnx.models.generation import generate, grammar_of
from rnnx.models.heads import known_levels, unit_of_loss
from rnnx.models.mixture import MixedSampler, mixed_nats
from rnnx.models.network import Network, quiet
from rnnx.models.new_data import Inputs, given, sequences, words_of_unknown
from rnnx.models.prediction import Predicted, predict_each, told
from rnnx.models.stored_network import changed_code_of, network_of, params_of
from rnnx.registry.checks import load_corpus
from rnnx.runs import checkpoint as checkpoints
from rnnx.system.threads import BlasThreads

OTHER_DATA = (
    "what was held out cannot be told; bring the old data back, or measure on all of other data "
    "with dataset=lines dataset.path=FILE"
)
NO_NGRAMS = "n-grams are fitted on that data; bring it back, or do without ngram"


class Model:
    """Parameters with the network and the vocabulary that they belong to."""

    def __init__(self, checkpoint: checkpoints.Checkpoint, may_compile: bool = True) -> None:
        """``may_compile`` False: it measures with NumPy, also where its run computed compiled."""
        self.config: dict[str, Any] = checkpoint.config
        settings, components = checkpoints.components_of(checkpoint)
        self.vocabulary: Vocabulary = checkpoint.vocabulary
        self.targets: Targets = checkpoint.targets
        """What it predicts."""
        self.features: tuple[Quantity, ...] = checkpoint.features
        """The real numbers that a step of its input has, in their order."""
        self._threads = BlasThreads(checkpoint.metadata["threads"])
        self._kernel_threads = kernel_threads(settings, components.cell)
        own = checkpoint.metadata.get("backend", "numpy")
        self._backend: str = own if may_compile else Backend.numpy.value
        self.network, dtype = network_of(checkpoint)
        self.params = params_of(self.network, checkpoint, dtype)
        checkpoints.load_params(self.params, checkpoint)
        self.step: int = checkpoint.metadata["step"]
        self.sample_length = settings.sample_length
        self._sampler: Sampler = components.sampler
        self._dataset = components.dataset
        self._checkpoint = replace(checkpoint, tensors={})  # the parameters have them
        self.changed_code: str = changed_code_of(checkpoint)
        """What differs between the code of its training and the code here; empty: nothing."""

    @cached_property
    def _network(self) -> Network:
        """The network that measures, in compiled code if the run computed so; sampling has none."""
        is_compiled = backend_of_checkpoint(self._backend) is Backend.fast
        return self.network.on(Execution(is_compiled, self._kernel_threads))

    def sample(
        self,
        count: int = 1,
        prompt: str = "",
        sampler: str | dict[str, Any] | Sampler | None = None,
        seed: int = 0,
        length: int | None = None,
        grammar: Grammar | None = None,
        watch: Callable[[int], None] | None = None,
        ngram: float = 0.0,
    ) -> list[str]:
        """``count`` texts that begin with ``prompt``, the same ones for the same seed.

        ``sampler`` is a name, ``{"name": "top_p", "p": 0.9}`` or a component (default: the run's
        own); ``length`` the longest text in symbols (default: the run's ``sample_length``);
        ``grammar`` what may follow what (default: the data set's own, if it has one). ``watch`` is
        told how many symbols there are, before each next one. ``ngram`` above 0 mixes the network's
        probabilities with those of n-grams of the run's training data, of this weight.
        """
        self.refuse_no_language("sample")
        start = self._start(prompt)
        length = self.sample_length if length is None else length
        require(count >= 0, "count", "at least 0", count)
        require(seed >= 0, "seed", "at least 0", seed)
        require(length >= 1, "length", "at least 1", length)
        if length <= len(start) and count:
            raise ConfigError(
                f"prompt: its {len(start)} symbols leave no room in samples of {length}; "
                "shorten it or ask for a longer length"
            )
        rng, end = np.random.default_rng(seed), self.vocabulary.end_id
        how, ngrams = self._chosen(sampler), self._ngrams(ngram)
        if ngrams is not None:
            how = MixedSampler(how, ngrams, ngram)
        grammar = grammar or grammar_of(self._dataset, self.vocabulary)
        with self._threads, quiet():
            texts = generate(
                self.network, self.params, how, rng, count, length, start, end, grammar, watch
            )
        return [self.vocabulary.decode([*start, *text]) for text in texts]

    def _start(self, prompt: str) -> list[int]:
        """The ids of a prompt."""
        symbols = self.vocabulary.split(prompt)
        if self.vocabulary.end in symbols:
            raise DataError(
                f"prompt: holds {self.vocabulary.end!r}, with which a text ends; nothing follows it"
            )
        return self.vocabulary.encode(symbols, "prompt")

    def _chosen(self, sampler: str | dict[str, Any] | Sampler | None) -> Sampler:
        if sampler is None:
            return self._sampler
        if isinstance(sampler, str):
            sampler = {"name": sampler}
        if isinstance(sampler, dict):
            made: Sampler = component_from("sampler", sampler)
            return made
        return sampler

    def predict(
        self, inputs: Sequence[str] | Sequence[Array], features: Sequence[Array] | None = None
    ) -> list[Predicted]:
        """What is predicted of each sequence of ``inputs``.

        ``inputs`` are texts where the model reads symbols (one that it does not know is the zero
        vector, and a warning names it), else arrays (T, n_features) in the features' own units.
        ``features`` are such arrays, a row a symbol, for a model that reads both.
        """
        self.refuse_language("predict")
        data = given(inputs, features, self.inputs)
        part, unknown = sequences(data, self.inputs)
        if unknown:
            warnings.warn(f"predict: {words_of_unknown(unknown)}", stacklevel=2)
        return self.predict_sequences(part)

    def predict_sequences(self, part: Sequences) -> list[Predicted]:
        """The same for sequences in the model's own ids and standardized features."""
        with self._threads, quiet():
            found = dict(predict_each(self._network, self.params, part, self._scratch()))
        return [told(found[place], self.targets) for place in range(len(part))]

    @property
    def inputs(self) -> Inputs:
        """What it reads, for the look at new data."""
        return Inputs(self.vocabulary, self.features, self.targets)

    @property
    def is_language(self) -> bool:
        """Whether it predicts the next symbol of a text."""
        return self.targets == NEXT_SYMBOL

    @property
    def dataset(self) -> Dataset:
        """The data set that it was trained on, not loaded."""
        dataset: Dataset = self._dataset
        return dataset

    def refuse_language(self, what: str) -> None:
        """DataError where it predicts the next symbol of a text."""
        if self.is_language:
            raise DataError(
                f"{what}: the model writes texts and has no other targets; see rnnx sample, and "
                "rnnx evaluate for its loss"
            )

    def score(self, lines: Sequence[str]) -> Array:
        """(lines,) the mean of −ln p in nats a character, each line's newline counted.

        A line may come with its newline or without.
        """
        self.refuse_no_language("score")
        if isinstance(lines, str):
            raise DataError("score: it takes a list of lines, not one text; give [line]")
        if not len(lines):
            return np.empty(0)
        texts = [self._symbols(line, f"line {i + 1}") for i, line in enumerate(lines)]
        examples = examples_of(self.vocabulary, texts)
        with self._threads, quiet():
            return example_nats(self._network, self.params, examples, self._scratch())

    def surprise(self, texts: Sequence[str]) -> list[Array]:
        """For each text −ln p of every symbol, in nats, given those before it.

        Where texts have an end (a line's newline) the last number is that of the end, so that an
        array has one number more than its text has symbols.
        """
        self.refuse_no_language("surprise")
        symbols = [self._symbols(text, f"text {i + 1}") for i, text in enumerate(texts)]
        examples = examples_of(self.vocabulary, symbols)
        return np.split(self._target_nats(examples), np.cumsum(examples.lengths))[: len(texts)]

    def refuse_no_language(self, what: str) -> None:
        """ConfigError, which begins with ``what``, unless it predicts the next symbol."""
        if not self.is_language:
            raise ConfigError(
                f"{what}: the run predicts {self.targets.words}, not the next symbol of a text; "
                "see rnnx predict, and rnnx evaluate for its loss"
            )

    def own_corpus(self, advice: str = "bring the old data back") -> Corpus:
        """The data that the model was trained on; DataError, which ends with ``advice``, where it
        has changed since.
        """
        corpus = load_corpus(self._dataset)
        split = split_sha256(corpus)
        checkpoints.refuse_other_data(self._checkpoint, corpus.sha256, split, advice)
        return corpus

    def _symbols(self, line: str, what: str) -> list[str]:
        """The symbols of one text, without the symbol that ends it."""
        symbols, end = self.vocabulary.split(line), self.vocabulary.end
        if end is None and not symbols:
            raise DataError(f"{what}: is empty; a text has at least one symbol")
        if end is not None and symbols[-1:] == [end]:
            symbols.pop()
            if end == "\n" and symbols[-1:] == ["\r"] and "\r" not in self.vocabulary.ids:
                symbols.pop()  # a line of a Windows file
        if end in symbols:
            raise DataError(f"{what}: goes on after {end!r}, with which a text ends; give it alone")
        self.vocabulary.encode(symbols, what)
        return symbols

    def evaluate(
        self,
        dataset: str | dict[str, Any] | Dataset | None = None,
        tokens: int | None = None,
        ngram: float = 0.0,
    ) -> Evaluation:
        """The loss on the run's held-out data, or on all of another data set.

        ``dataset`` is a name, ``{"name": "lines", "path": "names.txt"}`` or a component (default:
        the run's own, of which only the held-out part counts). ``tokens`` bounds the held-out
        symbols that are measured, the first ones (default: the run's ``eval_tokens``; 0: all).
        ``ngram`` above 0 also measures n-grams of the run's training data, and their mixture of
        this weight with the network.
        """
        if isinstance(dataset, str):
            dataset = {"name": dataset}
        given = component_from("dataset", dataset) if isinstance(dataset, dict) else dataset
        splits, levels = self._held_out(tokens) if given is None else self._all_of(given)
        total = sum(split.tokens for split in splits)
        if not self.is_language:
            if ngram:
                self.refuse_no_language("ngram")
            with self._threads, quiet():
                found = measure(self._network, self.params, splits, self._scratch(), True)
            known = known_levels(levels, found.metrics, self.network.head)
            more = found.metrics, self.loss_unit, found.profiles, known
            return Evaluation(found.loss, total, None, None, *more)
        loss, unit = sum(split.tokens * self.mean_nats(split) for split in splits), self.loss_unit
        loss /= total
        if (ngrams := self._ngrams(ngram)) is None:
            return Evaluation(loss, total, unit=unit)
        texts = [split for split in splits if isinstance(split, Examples | Stream)]
        theirs = [ngrams.probabilities(split) for split in texts]
        mixed = [
            mixed_nats(self._target_nats(split), p, ngram)
            for split, p in zip(texts, theirs, strict=True)
        ]
        ngram_loss = -float(np.mean(np.log(np.concatenate(theirs))))
        mixed_loss = float(np.mean(np.concatenate(mixed)))
        return Evaluation(loss, total, ngram_loss, mixed_loss, unit=unit)

    def _held_out(self, tokens: int | None) -> tuple[list[Split], Sequence[Level]]:
        """The held-out part of the run's own data, its first ``tokens``, and its levels."""
        corpus = self.own_corpus(OTHER_DATA)
        if corpus.val is None:
            raise DataError(
                "evaluate: the run held nothing out (dataset.val_fraction=0); name data to "
                "measure on, as dataset=lines dataset.path=FILE"
            )
        most = self.config["eval_tokens"] if tokens is None else tokens
        require(most >= 0, "eval_tokens", "at least 0", most)
        held_out = first_tokens(corpus.val, most)
        return [with_ids_of(self.vocabulary, corpus.vocabulary, held_out)], corpus.levels

    def _all_of(self, dataset: Dataset) -> tuple[list[Split], Sequence[Level]]:
        """All parts of another data set that have an end, in the model's ids, and its levels."""
        corpus = load_corpus(dataset)
        if (corpus.targets, corpus.features) != (self.targets, self.features):
            raise DataError(
                f"evaluate: the data has {corpus.targets.words} and {len(corpus.features)} "
                f"features, the run was trained on {self.targets.words} and "
                f"{len(self.features)} features (or others of that number)"
            )
        parts = [p for p in (corpus.train, corpus.val) if not isinstance(p, Endless | None)]
        own: list[Split] = [with_ids_of(self.vocabulary, corpus.vocabulary, p) for p in parts]
        return own, corpus.levels

    def _ngrams(self, weight: float) -> KneserNey | None:
        """N-grams of the run's training data; None where their weight is 0."""
        require(0 <= weight <= 1, "ngram", "0 to 1", weight)
        if weight == 0:
            return None
        corpus = self.own_corpus(NO_NGRAMS)
        train = with_ids_of(self.vocabulary, corpus.vocabulary, text_parts(corpus)[0])
        return KneserNey(train, len(self.vocabulary))

    @property
    def loss_unit(self) -> str:
        """The unit of its loss: ``nats a character``, ``absolute error``."""
        return unit_of_loss(self.network.head, self.targets, self.vocabulary)

    def _scratch(self) -> Scratch:
        return Scratch()

    def mean_nats(self, split: Split) -> float:
        """The mean of −ln p over a split whose ids are this vocabulary's."""
        with self._threads, quiet():
            return mean_nats(self._network, self.params, split, self._scratch())

    def _target_nats(self, split: Examples | Stream) -> Array:
        with self._threads, quiet():
            return target_nats(self._network, self.params, split, self._scratch())


def load_file(path: Path, may_compile: bool = True) -> Model:
    """The model in a checkpoint file; ``may_compile`` as for :class:`Model`."""
    return Model(checkpoints.read(path), may_compile)
