"""A trained model: what a checkpoint is to those who only want to use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnx import checkpoint as checkpoints
from rnnx.backend import kept
from rnnx.config import component_from, components_from, settings_from
from rnnx.contracts import Array, Sampler
from rnnx.corpus import Split, examples_of
from rnnx.errors import CheckpointError, ConfigError, DataError
from rnnx.evaluation import example_nats, mean_nats
from rnnx.generation import generate
from rnnx.memory import within_free_memory
from rnnx.model import Network
from rnnx.parameters import Parameters
from rnnx.ranges import require
from rnnx.scratch import Scratch
from rnnx.settings import Backend
from rnnx.threads import BlasThreads
from rnnx.vocabulary import Vocabulary


class Model:
    """Parameters with the network and the vocabulary that they belong to."""

    def __init__(self, checkpoint: checkpoints.Checkpoint) -> None:
        self.config: dict[str, Any] = checkpoint.config
        settings, components = settings_from(self.config), components_from(self.config)
        self.vocabulary: Vocabulary = checkpoint.vocabulary
        self.network = Network(
            components.cell, components.head, len(self.vocabulary), settings.layers
        )
        self.params = _params(self.network, settings.dtype.value, checkpoint)
        self.step: int = checkpoint.metadata["step"]
        self.sample_length = settings.sample_length
        self._sampler: Sampler = components.sampler
        self._threads = BlasThreads(checkpoint.metadata["threads"])
        self._compiled = kept(checkpoint.metadata.get("backend", "numpy")) is Backend.fast

    def sample(
        self,
        count: int = 1,
        prompt: str = "",
        sampler: str | dict[str, Any] | Sampler | None = None,
        seed: int = 0,
        length: int | None = None,
    ) -> list[str]:
        """``count`` texts that begin with ``prompt``, the same ones for the same seed.

        ``sampler`` is a name, ``{"name": "top_p", "p": 0.9}`` or a component (default: the run's
        own); ``length`` the longest text in symbols (default: the run's ``sample_length``).
        """
        start = self.vocabulary.encode(prompt, "prompt")
        length = self.sample_length if length is None else length
        require(count >= 0, "count", "at least 0", count)
        require(seed >= 0, "seed", "at least 0", seed)
        require(length >= 1, "length", "at least 1", length)
        if length <= len(start) and count:
            raise ConfigError(
                f"prompt: its {len(start)} symbols leave no room in samples of {length}; "
                "shorten it or ask for a longer length"
            )
        with self._threads:
            texts = generate(
                self.network,
                self.params,
                self._chosen(sampler),
                np.random.default_rng(seed),
                count,
                length,
                start,
                self.vocabulary.end_id,
            )
        return [prompt + self.vocabulary.decode(text) for text in texts]

    def _chosen(self, sampler: str | dict[str, Any] | Sampler | None) -> Sampler:
        if sampler is None:
            return self._sampler
        if isinstance(sampler, str):
            sampler = {"name": sampler}
        if isinstance(sampler, dict):
            made: Sampler = component_from("sampler", sampler)
            return made
        return sampler

    def score(self, lines: Sequence[str]) -> Array:
        """(lines,) the mean of −ln p in nats a character, each line's newline counted."""
        if isinstance(lines, str):
            raise DataError("score: it takes a list of lines, not one text; give [line]")
        if not len(lines):
            return np.empty(0)
        end = self.vocabulary.end
        for i, line in enumerate(lines):
            self.vocabulary.encode(line, f"line {i + 1}")
            if end is None and not line:
                raise DataError(f"line {i + 1}: is empty; a text has at least one symbol")
        with self._threads:
            return example_nats(
                self.network,
                self.params,
                examples_of(self.vocabulary, lines),
                self._scratch(),
            )

    def _scratch(self) -> Scratch:
        return Scratch(self._compiled, self._threads.count)

    def mean_nats(self, split: Split) -> float:
        """The mean of −ln p over a split whose ids are this vocabulary's."""
        with self._threads:
            return mean_nats(self.network, self.params, split, self._scratch())


def _params(network: Network, dtype: str, checkpoint: checkpoints.Checkpoint) -> Parameters:
    """The checkpoint's parameters, if they are those that its configuration asks for."""
    stored = {name.partition(".")[0] for name in checkpoint.part("params")}
    if len(stored) != network.layers + 1:
        raise CheckpointError(
            f"{checkpoint.path}: holds {len(stored)} parts, its configuration asks for "
            f"{network.layers} layers and a head"
        )
    try:
        with within_free_memory(64 * 2**20 + 32 * checkpoint.nbytes):
            params = network.init(np.random.default_rng(0), dtype)
    except (MemoryError, ValueError) as error:  # NumPy's two words for too large
        raise CheckpointError(
            f"{checkpoint.path}: its configuration asks for more than the file holds ({error})"
        ) from None
    checkpoints.load_params(params, checkpoint)
    return params


def load_file(path: Path) -> Model:
    """The model in a checkpoint file."""
    return Model(checkpoints.read(path))
